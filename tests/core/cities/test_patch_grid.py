"""Patches lie where a plain loop puts them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.cities.patch_grid import patch_origins, patch_side, patch_stride


def origins_by_loop(rows, cols, side, stride, first, end):
    found = []
    for row in range(0, rows, stride):
        for col in range(first, cols, stride):
            if row + side <= rows and col + side <= end:
                found.append((row, col))
    return found


@given(
    st.integers(1, 60), st.integers(1, 60), st.integers(1, 30), st.integers(1, 30),
    st.sampled_from(["whole", "left", "right"]),
)  # fmt: skip
def test_against_the_loop(rows, cols, side, stride, half):
    first, end = {"whole": (0, cols), "left": (0, cols // 2), "right": (cols // 2, cols)}[half]
    expected = origins_by_loop(rows, cols, side, stride, first, end)
    assert [tuple(o) for o in patch_origins((rows, cols), side, stride, half)] == expected


def test_numbers_of_dl_slicer():
    assert len(patch_origins((4800, 4800), 480, 240)) == 361
    left = patch_origins((4800, 4800), 480, 240, "left")
    right = patch_origins((4800, 4800), 480, 240, "right")
    assert len(left) == len(right) == 171
    assert left[:, 1].max() + 480 <= 2400 <= right[:, 1].min()
    # Patch n of a half lies at row n // 9, column n % 9.
    assert right[9 * 3 + 4].tolist() == [240 * 3, 2400 + 240 * 4]


@pytest.mark.parametrize(
    ("cell_m", "side"), [(200 / 480, 480), (0.41667, 480), (0.6, 333), (1, 200)]
)
def test_side_follows_the_ground(cell_m, side):
    assert patch_side(200, cell_m) == side


def test_stride():
    assert patch_stride(333, 0.5) == 167
    assert patch_stride(1, 0.9) == 1
    assert np.diff(patch_origins((1, 100), 1, patch_stride(1, 0))[:, 1]).tolist() == [1] * 99
