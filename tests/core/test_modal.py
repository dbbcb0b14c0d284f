"""The modal filter against a slow twin and scipy's generic filter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from geocity.core.majority import Borders
from geocity.core.modal import modal_filter

N = 255


def slow_modal(values, size):
    reach = size // 2
    out = values.copy()
    for row, col in np.ndindex(values.shape):
        own = values[row, col]
        if own == N:
            continue
        window = values[
            max(row - reach, 0) : row + reach + 1, max(col - reach, 0) : col + reach + 1
        ]
        seen = [int(v) for v in window.ravel() if v != N]
        most = max(seen.count(v) for v in set(seen))
        winners = [v for v in set(seen) if seen.count(v) == most]
        out[row, col] = own if own in winners else min(winners)
    return out


rasters = arrays(
    np.uint8,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    elements=st.sampled_from([0, 1, 2, 7, N]),
)


@given(values=rasters, size=st.sampled_from([3, 5, 7, 31]))
@settings(max_examples=60)
def test_equals_the_slow_twin(values, size):
    np.testing.assert_array_equal(modal_filter(values, size), slow_modal(values, size))


@given(values=rasters, size=st.sampled_from([3, 5, 9]), data=st.data())
@settings(max_examples=60)
def test_a_block_with_its_halo_equals_that_part_of_the_whole(values, size, data):
    rows, cols = values.shape
    reach = size // 2
    # A halo that the raster cuts short ends at a true border.
    cuts = [0, *range(reach, rows - reach + 1), rows]
    top, bottom = sorted(data.draw(st.sampled_from(cuts)) for _ in range(2))
    cuts = [0, *range(reach, cols - reach + 1), cols]
    left, right = sorted(data.draw(st.sampled_from(cuts)) for _ in range(2))
    if top == bottom or left == right:
        return
    read = [max(top - reach, 0), min(bottom + reach, rows)]
    read += [max(left - reach, 0), min(right + reach, cols)]
    borders = Borders(top == 0, bottom == rows, left == 0, right == cols)
    np.testing.assert_array_equal(
        modal_filter(values[read[0] : read[1], read[2] : read[3]], size, borders=borders),
        modal_filter(values, size)[top:bottom, left:right],
    )


def test_scipy_generic_filter_agrees():
    values = np.random.default_rng(5).integers(0, 4, (30, 40)).astype(np.uint8)

    def rule(window):
        kept = window[window >= 0].astype(int)
        counts = np.bincount(kept)
        own = int(window[window.size // 2])
        return own if counts[own] == counts.max() else counts.argmax()

    oracle = ndimage.generic_filter(values.astype(float), rule, size=5, mode="constant", cval=-1)
    np.testing.assert_array_equal(modal_filter(values, 5), oracle.astype(np.uint8))


def test_parts_inside_a_large_array_leave_no_seam():
    values = np.random.default_rng(0).integers(0, 3, (150, 40_000)).astype(np.uint8)
    turned = modal_filter(np.ascontiguousarray(values.T), 5).T
    np.testing.assert_array_equal(modal_filter(values, 5), turned)


def test_a_full_window_counts_to_the_last_cell():
    # 255 x 255 = 65025 cells, one more of class 1 than of class 0.
    values = np.arange(255 * 255).reshape(255, 255).astype(np.uint8) % 2
    values[127, 127] = 5
    ones = int((values == 1).sum())
    zeros = int((values == 0).sum())
    assert abs(ones - zeros) <= 1
    assert modal_filter(values, 255)[127, 127] == (1 if ones > zeros else 0)


def test_ties_go_to_the_own_class_then_to_the_smallest():
    assert modal_filter(np.array([[2, 1, 3]], np.uint8), 3).tolist() == [[2, 1, 3]]
    assert modal_filter(np.array([[2, 2, 7, 1, 1]], np.uint8), 5)[0, 2] == 1


@pytest.mark.parametrize("size", [1, 2, 4, 257])
def test_refuses_a_window_without_a_centre(size):
    with pytest.raises(ValueError, match="odd side"):
        modal_filter(np.zeros((3, 3), np.uint8), size)


def test_refuses_other_arrays():
    with pytest.raises(ValueError, match="uint8"):
        modal_filter(np.zeros((3, 3)), 3)
