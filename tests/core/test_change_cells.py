"""Growth and loss cell by cell: the tolerance against its definition, both dates alike."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from geocity.core import change_cells
from geocity.core.change_cells import (
    ABSORBED_GROWTH,
    ABSORBED_LOSS,
    GROWTH,
    LOSS,
    NO_CHANGE,
    PERSISTENT,
    UNKNOWN,
    absorb_slivers,
    change_codes,
    reach_cells,
)

SLUM, N = 1, 255


def slow_codes(before, after, tolerance_m, cell_m):
    """The definition, cell by cell."""
    rows, cols = before.shape
    width, height = cell_m

    def near(row, col, places):
        return any(
            math.hypot((row - r) * height, (col - c) * width) <= tolerance_m * (1 + 1e-9)
            for r, c in places
        )

    codes = np.zeros(before.shape, np.uint8)
    for r in range(rows):
        for c in range(cols):
            was, now = before[r, c] == SLUM, after[r, c] == SLUM
            codes[r, c] = (
                UNKNOWN
                if N in (before[r, c], after[r, c])
                else {(1, 1): PERSISTENT, (0, 1): GROWTH, (1, 0): LOSS, (0, 0): NO_CHANGE}[was, now]
            )
    result = codes.copy()
    if tolerance_m <= 0:
        return result
    for kind, other, absorbed in ((GROWTH, LOSS, ABSORBED_GROWTH), (LOSS, GROWTH, ABSORBED_LOSS)):
        changed = list(zip(*np.nonzero(codes == kind), strict=True))
        old = list(zip(*np.nonzero((codes == PERSISTENT) | (codes == other)), strict=True))
        far = [cell for cell in changed if not near(*cell, old)]
        for cell in changed:
            if not near(*cell, far):
                result[cell] = absorbed
    return result


def maps(seed, shape=(9, 11)):
    rng = np.random.default_rng(seed)
    values = np.array([0, 0, SLUM, SLUM, 2, N], np.uint8)
    coarse = rng.choice(values, (2, 5, 6))
    blown = np.kron(coarse, np.ones((1, 2, 2), np.uint8))[:, : shape[0], : shape[1]]
    noise = rng.random(blown.shape) < 0.1
    return np.where(noise, rng.choice(values, blown.shape), blown).astype(np.uint8)


@given(
    st.integers(0, 10_000),
    st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.1]),
    st.sampled_from([(1.0, 1.0), (0.8, 1.3)]),
)
def test_equals_its_definition_and_exchanges_with_the_dates(seed, tolerance, cell_m):
    before, after = maps(seed)
    codes = absorb_slivers(change_codes(before, after, SLUM), tolerance, cell_m)
    np.testing.assert_array_equal(codes, slow_codes(before, after, tolerance, cell_m))
    back = absorb_slivers(change_codes(after, before, SLUM), tolerance, cell_m)
    exchanged = np.arange(256, dtype=np.uint8)
    exchanged[[GROWTH, LOSS, ABSORBED_GROWTH, ABSORBED_LOSS]] = (
        LOSS,
        GROWTH,
        ABSORBED_LOSS,
        ABSORBED_GROWTH,
    )
    np.testing.assert_array_equal(back, exchanged[codes])


@given(st.integers(0, 10_000), st.sampled_from([0.9, 1.7, 2.5]))
def test_a_part_with_its_reach_equals_the_whole(seed, tolerance):
    before, after = maps(seed, (10, 12))
    codes = change_codes(before, after, SLUM)
    whole = absorb_slivers(codes, tolerance, (1.0, 1.0))
    reach = reach_cells(tolerance, (1.0, 1.0))
    row, col = 4, 5
    top, left = max(0, row - reach), max(0, col - reach)
    part = codes[top : row + 3 + reach, left : col + 3 + reach]
    got = absorb_slivers(part, tolerance, (1.0, 1.0))
    inside = got[row - top : row - top + 3, col - left : col - left + 3]
    np.testing.assert_array_equal(inside, whole[row : row + 3, col : col + 3])


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.7, 1.0, 2.3, 5.0]))
def test_both_ways_of_finding_what_is_near_agree(seed, distance):
    mask = np.random.default_rng(seed).random((14, 17)) < 0.05
    cell_m = (0.8, 1.1)
    found = change_cells._dilated(mask, distance * change_cells._HAIR, cell_m)
    distances = ndimage.distance_transform_edt(~mask, sampling=(1.1, 0.8))
    expected = distances <= distance * change_cells._HAIR if mask.any() else mask
    np.testing.assert_array_equal(found, expected)


def test_a_wide_tolerance_is_measured_by_distance(monkeypatch):
    before, after = maps(3, (10, 12))
    codes = change_codes(before, after, SLUM)
    near = absorb_slivers(codes, 3.0, (1.0, 1.0))
    monkeypatch.setattr(change_cells, "_FEW_ROWS", 2)
    np.testing.assert_array_equal(absorb_slivers(codes, 3.0, (1.0, 1.0)), near)


def test_a_shifted_settlement_has_not_changed():
    before, after = np.zeros((2, 30, 30), np.uint8)
    before[5:20, 5:20] = SLUM
    after[6:21, 7:22] = SLUM  # two cells to the right, one down: 2.24
    codes = absorb_slivers(change_codes(before, after, SLUM), 2.3, (1.0, 1.0))
    assert not np.isin(codes, [GROWTH, LOSS]).any()
    codes = absorb_slivers(change_codes(before, after, SLUM), 1.0, (1.0, 1.0))
    assert (codes == GROWTH).any()
    assert (codes == LOSS).any()


def test_real_growth_counts_in_full_depth_and_its_slivers_do_not():
    before, after = np.zeros((2, 30, 40), np.uint8)
    before[5:20, 5:20] = SLUM
    after[5:20, 5:32] = SLUM  # twelve columns of growth
    after[4, 5:20] = SLUM  # and a sliver along the top
    codes = absorb_slivers(change_codes(before, after, SLUM), 2.0, (1.0, 1.0))
    assert (codes[5:20, 20:32] == GROWTH).all()
    assert (codes[4, 5:18] == ABSORBED_GROWTH).all()


def test_a_narrow_new_settlement_is_no_sliver():
    before, after = np.zeros((2, 20, 40), np.uint8)
    before[5:10, 5:10] = after[5:10, 5:10] = SLUM
    after[5:15, 30] = SLUM
    codes = absorb_slivers(change_codes(before, after, SLUM), 3.0, (1.0, 1.0))
    assert (codes[5:15, 30] == GROWTH).all()


@pytest.mark.parametrize(("tolerance", "reach"), [(0, 0), (0.1, 2), (0.8, 2), (2.0, 6)])
def test_reach(tolerance, reach):
    assert reach_cells(tolerance, (0.8, 1.0)) == reach
