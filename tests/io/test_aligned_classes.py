"""Class rasters and imagery seen on another grid."""

import numpy as np
import pyproj
import pytest
from affine import Affine

from geocity.core.classes import ClassTable
from geocity.core.grid import Grid, Window
from geocity.io.aligned_classes import AlignedClasses
from geocity.io.class_raster_sinks import create_class_raster
from geocity.io.class_rasters import open_class_raster
from geocity.io.grey_scenes import GreyScene
from tests.conftest import UTM43, make_grid, position_coded, write_raster

N = 255


@pytest.fixture
def source(tmp_path):
    grid = make_grid(30, 40, cell=2.0)
    values = (np.arange(30)[:, None] * 7 + np.arange(40)) % 5
    with create_class_raster(tmp_path / "c.tif", grid, ClassTable.named("abcde")) as sink:
        sink.write(values.astype(np.uint8), grid.window)
    with open_class_raster(tmp_path / "c.tif") as raster:
        yield raster, values


def test_every_cell_takes_the_class_its_centre_lies_in(source):
    raster, values = source
    left, _, _, top = raster.grid.bounds
    target = Grid(UTM43, Affine(0.7, 0, left - 3.1, 0, -0.7, top + 2.3), (60, 70))
    aligned = AlignedClasses(raster, target)
    assert aligned.resampled
    window = Window(2, 1, 50, 60)
    found = aligned.read(window)
    for row in range(50):
        for col in range(60):
            x, y = target.transform @ (col + 1.5, row + 2.5)
            c, r = np.floor((x - left) / 2), np.floor((top - y) / 2)
            inside = 0 <= r < 30 and 0 <= c < 40
            assert found[row, col] == (values[int(r), int(c)] if inside else N)


def test_shared_cells_are_read_as_they_are(source):
    raster, values = source
    aligned = AlignedClasses(raster, raster.grid[Window(-2, 3, 40, 60)])
    assert not aligned.resampled
    found = aligned.read(Window(0, 0, 40, 60))
    assert (found[:2] == N).all()
    np.testing.assert_array_equal(found[2:32, :37], values[:, 3:])
    assert (found[32:] == N).all()
    assert (found[:, 37:] == N).all()
    assert (aligned.read(Window(35, 0, 4, 4)) == N).all()


def test_another_crs_far_away_is_nodata(source):
    raster, _ = source
    lonlat = Grid(pyproj.CRS.from_epsg(4326), Affine(1, 0, 0, 0, -1, 10), (9, 9))
    assert (AlignedClasses(raster, lonlat).read(lonlat.window) == N).all()


@pytest.mark.parametrize("how", ["mask", "nodata", "none"])
def test_imagery_is_the_mean_of_its_colours_and_unknown_elsewhere(tmp_path, how):
    grid = make_grid(20, 30, cell=1.0)
    pixels = position_coded(4, 20, 30)
    options = {}
    known = np.ones((20, 30), bool)
    if how == "mask":
        known[:4] = False
        options["mask"] = known
    if how == "nodata":
        known[0, 0] = False  # the band with value 0
        options["nodata"] = 0
    path = write_raster(tmp_path / "scene.tif", pixels, grid, **options)
    with GreyScene(path, grid[Window(0, -5, 20, 40)]) as scene:
        found = scene.read(Window(0, 0, 20, 40))
    expected = np.where(known, pixels[:3].mean(axis=0), np.nan)
    np.testing.assert_allclose(found[:, 5:35], expected)
    assert np.isnan(found[:, :5]).all()
    assert np.isnan(found[:, 35:]).all()
