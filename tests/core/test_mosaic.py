"""Scenes on one lattice, and chips at an angle."""

import affine
import numpy as np
import pyproj

from geocity.core.grid import Grid, Window
from geocity.core.mosaic import group_mosaics, lattice_window
from geocity.core.turn import sample_bilinear, turned_grid, window_around

UTM = pyproj.CRS(32643)
GRID = Grid(UTM, affine.Affine(0.565182, 0, 275744.5696, 0, -0.565182, 2116329.4077), (100, 80))


def test_scenes_that_touch_on_one_lattice_are_one_image():
    right, apart = GRID[Window(10, 80, 50, 60)], GRID[Window(300, 0, 20, 20)]
    half = GRID[Window(0, 0, 100, 80)]
    half = Grid(UTM, half.transform @ affine.Affine.translation(0.5, 0), half.shape)
    other_crs = Grid(pyproj.CRS(32644), GRID.transform, GRID.shape)
    images = group_mosaics([GRID, apart, half, right, other_crs])
    assert [[member for member, _ in image.members] for image in images] == [[0, 3], [1], [2], [4]]
    assert images[0].grid.shape == (100, 140)
    assert dict(images[0].members)[3] == Window(10, 80, 50, 60)


def test_a_scene_that_joins_two_makes_them_one():
    left, middle, right = (GRID[Window(0, col, 10, 10)] for col in (0, 10, 20))
    (image,) = group_mosaics([left, right, middle])
    assert image.grid.same_as(GRID[Window(0, 0, 10, 30)])
    up = GRID[Window(-10, 0, 10, 10)]
    (image,) = group_mosaics([left, up])
    assert dict(image.members) == {0: Window(10, 0, 10, 10), 1: Window(0, 0, 10, 10)}


def test_lattice_tells_whole_pixels_from_others():
    assert lattice_window(GRID, GRID[Window(-7, 3, 5, 5)]) == Window(-7, 3, 5, 5)
    coarse = Grid(UTM, GRID.transform @ affine.Affine.scale(2), (50, 40))
    assert lattice_window(GRID, coarse) is None


def test_a_turned_grid_keeps_its_centre_and_cell():
    turned = turned_grid(GRID, Window(10, 20, 30, 30), 30)
    centre = GRID.transform @ (35, 25)
    assert np.allclose(turned.transform @ (15, 15), centre)
    assert np.allclose(turned.cell_size, GRID.cell_size)
    # Anticlockwise: the right-hand end of the first row points up.
    (x0, y0), (x1, y1) = turned.transform @ (0, 0), turned.transform @ (30, 0)
    assert x1 > x0
    assert y1 > y0


def test_turned_pixels_lie_where_they_lie():
    big = Window(0, 0, 100, 80)
    rows, cols = np.mgrid[:100, :80]
    pixels = np.stack([rows, cols]).astype(np.float32)  # values are their own positions
    window = Window(40, 30, 20, 20)
    for degrees in (0, 25, 90, -130):
        around = window_around(window, degrees).intersect(big)
        target = turned_grid(GRID, window, degrees)
        sampled, known = sample_bilinear(
            pixels[:, *around.slices], np.ones(around.shape, bool), GRID[around], target
        )
        assert known.all()
        for row, col in ((0, 0), (3, 17), (19, 5)):
            x, y = ~GRID.transform @ (target.transform @ (col + 0.5, row + 0.5))
            assert np.allclose(sampled[:, row, col], (y - 0.5, x - 0.5), atol=1e-3)


def test_a_missing_pixel_is_missing_in_all_that_touch_it():
    valid = np.ones((10, 10), bool)
    valid[5, 5] = False
    pixels = np.full((1, 10, 10), 100, np.uint8)
    source = GRID[Window(0, 0, 10, 10)]
    target = Grid(UTM, source.transform @ affine.Affine.translation(0.5, 0.5), (8, 8))
    sampled, known = sample_bilinear(pixels, valid, source, target)
    assert sorted(zip(*np.nonzero(~known), strict=True)) == [(4, 4), (4, 5), (5, 4), (5, 5)]
    assert (sampled[0][known] == 100).all()
