"""Streamed interpolation equals interpolation of the whole, and what it must keep it keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core.grid import Window
from geocity.core.regrid import Regridder, interpolation, source_window

ratios = st.floats(0.2, 5)


def weights_slowly(target: int, ratio: float, length: int) -> np.ndarray:
    """Slow twin: the triangle around one target pixel's centre, outermost pixels repeated."""
    centre, reach = (target + 0.5) * ratio - 0.5, max(1.0, ratio)
    weights = np.zeros(length)
    for source in range(int(centre - reach) - 3, int(centre + reach) + 4):
        weights[min(max(source, 0), length - 1)] += max(0.0, 1 - abs(source - centre) / reach)
    return weights / weights.sum()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 20), st.integers(1, 20), ratios, st.integers(1, 100))
def test_weights_equal_the_slow_twin(first, count, ratio, length):
    matrix, needed = interpolation(first, count, ratio, length)
    full = np.zeros((count, length))
    full[:, needed.start : needed.stop] = matrix.toarray()
    for index in range(count):
        expected = weights_slowly(first + index, ratio, length)
        np.testing.assert_allclose(full[index], expected, atol=1e-6)


def test_the_same_cell_size_changes_nothing():
    matrix, needed = interpolation(3, 5, 1.0, 20)
    assert needed == range(3, 8)
    np.testing.assert_array_equal(matrix.toarray(), np.eye(5))


@settings(deadline=None, max_examples=40)
@given(data=st.data(), down=ratios, across=ratios, seed=st.integers(0, 9))
def test_streamed_in_blocks_equals_the_whole(data, down, across, seed):
    target_shape = data.draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    source_shape = tuple(
        int(np.ceil(n * r)) for n, r in zip(target_shape, (down, across), strict=True)
    )
    row, col = (data.draw(st.integers(0, n - 1)) for n in target_shape)
    rows, cols = (
        data.draw(st.integers(1, n - at)) for n, at in zip(target_shape, (row, col), strict=True)
    )
    target = Window(row, col, rows, cols)
    scores = np.random.default_rng(seed).random((2, *source_shape), dtype=np.float32)
    needed = source_window(target, (down, across), source_shape)
    regridder = Regridder(needed, source_shape, target, (down, across), 2)
    step = data.draw(st.integers(1, 12))
    out = np.full((2, *target_shape), np.nan, np.float32)
    for top in range(needed.row, needed.row_end, step):
        for left in range(needed.col, needed.col_end, step):
            window = Window(top, left, step, step).intersect(needed)
            block = regridder.add(window, scores[(slice(None), *window.slices)])
            if block is not None:
                assert np.isnan(out[(slice(None), *block[0].slices)]).all()
                out[(slice(None), *block[0].slices)] = block[1]
    by_row = np.stack([weights_slowly(r, down, source_shape[0]) for r in range(row, row + rows)])
    by_col = np.stack([weights_slowly(c, across, source_shape[1]) for c in range(col, col + cols)])
    expected = np.stack([by_row @ layer @ by_col.T for layer in scores])
    np.testing.assert_allclose(out[(slice(None), *target.slices)], expected, atol=1e-5)


@pytest.mark.parametrize("ratio", [0.3, 1.7, 4.0])
def test_a_ramp_stays_a_ramp(ratio):
    source = np.arange(200, dtype=np.float32)
    matrix, needed = interpolation(10, 20, ratio, 200)
    got = matrix @ source[needed.start : needed.stop]
    np.testing.assert_allclose(got, (np.arange(10, 30) + 0.5) * ratio - 0.5, atol=0.1)
