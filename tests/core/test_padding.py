"""Mirroring at the scene's edge, against a plain walk that turns round at the ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.grid import Window
from geocity.core.padding import pad_reflect, reflected_positions


def walk(position: int, length: int) -> int:
    """Slow twin: bounce between the ends until inside."""
    while not 0 <= position < length and length > 1:
        position = -position if position < 0 else 2 * (length - 1) - position
    return position if length > 1 else 0


@given(st.integers(-60, 60), st.integers(1, 60), st.integers(1, 20))
def test_positions_equal_the_slow_twin(first, count, length):
    expected = [walk(p, length) for p in range(first, first + count)]
    assert reflected_positions(first, count, length).tolist() == expected


@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)
)
def test_pad_equals_numpy(rows, cols, above, left, below):
    pixels = np.arange(2 * rows * cols).reshape(2, rows, cols)
    inside = Window(5, 7, rows, cols)
    wanted = Window(5 - above, 7 - left, rows + above + below, cols + left)
    padded = pad_reflect(pixels, inside, wanted)
    expected = np.pad(pixels, ((0, 0), (above, below), (left, 0)), mode="reflect")
    np.testing.assert_array_equal(padded, expected)


def test_masks_are_mirrored_like_pixels():
    valid = np.array([[True, False]])
    padded = pad_reflect(valid, Window(0, 0, 1, 2), Window(-1, -2, 3, 5))
    assert padded.dtype == bool
    assert (padded == [True, False, True, False, True]).all()


def test_nothing_missing_nothing_copied():
    pixels = np.zeros((3, 4, 5))
    assert pad_reflect(pixels, Window(1, 1, 4, 5), Window(1, 1, 4, 5)) is pixels


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="do not fill"):
        pad_reflect(np.zeros((3, 3)), Window(0, 0, 3, 4), Window(0, 0, 5, 5))
    with pytest.raises(ValueError, match="cannot be mirrored"):
        reflected_positions(0, 3, 0)
