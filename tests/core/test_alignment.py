"""Cells found on another grid, against asking PROJ for every cell."""

import numpy as np
import pyproj
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.alignment import CellFinder, finest, shared_window
from geocity.core.grid import Grid, Window
from geocity.core.lattice import between_nodes
from tests.conftest import make_grid

UTM42 = pyproj.CRS.from_epsg(32642)
LONLAT = pyproj.CRS.from_epsg(4326)


def slow_cells(target, source, window):
    transformer = pyproj.Transformer.from_crs(target.crs, source.crs, always_xy=True)
    found = np.empty((2, *window.shape), np.int64)
    for r in range(window.rows):
        for c in range(window.cols):
            x, y = target.transform @ (window.col + c + 0.5, window.row + r + 0.5)
            col, row = ~source.transform @ transformer.transform(x, y)
            found[:, r, c] = np.floor(row + 1e-6), np.floor(col + 1e-6)
    return found


def degrees(grid, cell):
    transformer = pyproj.Transformer.from_crs(grid.crs, LONLAT, always_xy=True)
    lon, lat = transformer.transform(grid.bounds[0], grid.bounds[3])
    return Grid(LONLAT, Affine(cell, 0, lon, 0, -cell, lat), (70, 60))


@pytest.mark.parametrize("window", [Window(0, 0, 50, 60), Window(13, 31, 40, 17)])
def test_equals_asking_for_every_cell(window):
    target = make_grid(64, 80)
    for source in (
        make_grid(40, 50, cell=1.7, left=275740.1, top=2116333.3),
        make_grid(90, 90, cell=0.31, left=275750.0, top=2116325.0),
        degrees(target, 9e-6),
    ):
        rows, cols = CellFinder(target, source).find(window)
        # Where there is none, how far outside makes no difference.
        expected = np.maximum(slow_cells(target, source, window), -1)
        np.testing.assert_array_equal(np.stack([rows, cols]), expected)


def test_parts_agree_with_the_whole():
    target, source = make_grid(100, 120), degrees(make_grid(100, 120), 7e-6)
    finder = CellFinder(target, source)
    whole = np.stack(finder.find(target.window))
    part = Window(37, 41, 30, 50)
    np.testing.assert_array_equal(np.stack(finder.find(part)), whole[(slice(None), *part.slices)])


def test_grids_that_share_their_cells_are_moved_by_whole_cells():
    target = make_grid(20, 20)
    moved = target[Window(-3, 5, 40, 40)]
    assert CellFinder(target, moved).offset == (3, -5)
    assert CellFinder(target, make_grid(20, 20, left=275744.97)).offset is None
    rows, cols = CellFinder(target, moved).find(Window(2, 3, 1, 2))
    assert rows.tolist() == [[5, 5]]
    assert cols.tolist() == [[-2, -1]]


def test_finest_does_not_depend_on_the_order():
    coarse, fine, twin = make_grid(cell=2.0), make_grid(cell=0.5), make_grid(cell=0.5, left=275700)
    assert finest([coarse, fine]) == 1
    assert finest([fine, twin]) == 1
    assert finest([twin, fine]) == 0


def test_shared_window():
    first = make_grid(10, 10, cell=1.0, left=0, top=10)
    assert shared_window(first, [make_grid(5, 5, cell=2.0, left=4, top=6)]) == Window(4, 4, 6, 6)
    assert shared_window(first, [make_grid(5, 5, cell=2.0, left=40, top=6)]) is None
    near = make_grid(64, 80)
    found = shared_window(near, [degrees(near, 1e-5)])
    assert found is not None
    assert found.rows > 60


@given(st.integers(0, 1000))
def test_lattice_is_linear_between_its_nodes(seed):
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=3)
    table = a + b * np.arange(4)[:, None] + c * np.arange(5)
    rows, cols = rng.uniform(0, 3, 6), rng.uniform(0, 4, 7)
    expected = a + b * rows[:, None] + c * cols
    np.testing.assert_allclose(between_nodes(table, rows, cols), expected)


def test_lattice_needs_two_nodes():
    with pytest.raises(ValueError, match="two nodes"):
        between_nodes(np.ones((1, 3)), np.zeros(1), np.zeros(1))
