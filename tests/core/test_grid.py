import math

import numpy as np
import pyproj
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.grid import Grid, Window, blocks
from tests.conftest import UTM43, make_grid

windows = st.builds(
    Window, st.integers(-9, 30), st.integers(-9, 30), st.integers(1, 30), st.integers(1, 30)
)


@given(windows, windows)
def test_intersection_is_the_pixels_that_both_have(first, second):
    def pixels(window):
        return {(r, c) for r in range(*_span(window, 0)) for c in range(*_span(window, 1))}

    common = first.intersect(second)
    assert (pixels(common) if common else set()) == pixels(first) & pixels(second)


def _span(window, axis):
    return (window.row, window.row_end) if axis == 0 else (window.col, window.col_end)


@given(windows, windows)
def test_a_window_of_a_window_is_a_window_shifted(outer, inner):
    grid = make_grid()
    both = grid[outer][inner]
    once = grid[inner.shift(outer.row, outer.col)]
    assert both.shape == once.shape
    assert np.allclose(both.bounds, once.bounds, rtol=0, atol=1e-6)


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 30))
def test_blocks_cover_every_pixel_once(rows, cols, size):
    visits = np.zeros((rows, cols), int)
    for window in blocks((rows, cols), size):
        visits[window.slices] += 1
    assert (visits == 1).all()


@given(st.integers(0, 40), st.integers(0, 30), st.integers(1, 24), st.integers(1, 18))
def test_bounds_of_a_window_give_the_window_back(row, col, rows, cols):
    grid = make_grid(rows=64, cols=48, cell=0.1)
    window = Window(row, col, rows, cols)
    assert grid.window_of_bounds(grid[window].bounds) == window


def test_bounds_that_miss_the_grid_give_none():
    grid = make_grid()
    _, bottom, right, top = grid.bounds
    assert grid.window_of_bounds((right + 1, bottom, right + 9, top)) is None


def test_cell_size_in_metres_of_a_projected_grid():
    assert make_grid(cell=0.8).cell_size_m == pytest.approx(0.8)


def test_cell_size_in_metres_of_feet():
    survey_feet = pyproj.CRS.from_epsg(2263)
    grid = make_grid(cell=2.0, left=980000, top=200000, crs=survey_feet)
    assert grid.cell_size_m == pytest.approx(2 * 1200 / 3937, rel=1e-6)


def test_cell_size_in_metres_of_degrees_shrinks_with_latitude():
    wgs84 = pyproj.CRS.from_epsg(4326)
    step = 1e-5
    grid = Grid(wgs84, Affine(step, 0, 72.85, 0, -step, 60.0), (10, 10))
    assert grid.cell_area_m2 == pytest.approx((step * 111_320) ** 2 * 0.5, rel=0.01)


@given(st.floats(0.3, 5))
def test_another_cell_size_covers_the_same_ground(metres):
    grid = make_grid(cell=0.565182)
    coarse = grid.with_cell_size(metres)
    assert coarse.cell_size == pytest.approx((metres, metres))
    assert coarse.bounds[0] == grid.bounds[0]
    assert coarse.bounds[3] == grid.bounds[3]
    assert coarse.bounds[1] <= grid.bounds[1] + metres * 1e-5
    assert coarse.bounds[2] >= grid.bounds[2] - metres * 1e-5


def test_same_as_tolerates_a_thousandth_of_a_pixel_and_no_more():
    grid = make_grid(cell=0.8)
    nearly = make_grid(cell=0.8, left=275744.57 + 0.8e-3 * 0.5)
    shifted = make_grid(cell=0.8, left=275744.57 + 0.08)
    assert grid.same_as(nearly)
    assert not grid.same_as(shifted)
    assert not grid.same_as(make_grid(rows=65))


def test_a_grid_is_a_value():
    assert make_grid() == make_grid()
    assert hash(make_grid()) == hash(make_grid())
    assert make_grid() != make_grid(cell=0.9)


def test_an_empty_grid_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        Grid(UTM43, Affine.identity(), (0, 5))


def test_the_outline_has_the_area_of_the_pixels():
    grid = make_grid()
    assert grid.polygon().area == pytest.approx(math.prod(grid.shape) * 0.64)


def test_coarser_pixels_begin_at_the_same_corner():
    grid = make_grid(10, 7, cell=0.5)
    coarse = grid.coarser(3, (4, 3))
    assert coarse.cell_size == (1.5, 1.5)
    assert coarse.shape == (4, 3)
    assert coarse.transform @ (0, 0) == grid.transform @ (0, 0)
