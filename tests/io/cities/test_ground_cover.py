"""What lies under a patch, from rasters and polygons in any CRS."""

import geopandas
import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine

from geocity.core.cities.salience import UNKNOWN
from geocity.core.classes import ClassTable
from geocity.core.grid import Grid, Window
from geocity.errors import ClassTableError, InputError
from geocity.io.cities.ground_cover import ELSEWHERE, PolygonCover, RasterCover
from tests.class_maps import write_classes

UTM = pyproj.CRS("EPSG:32643")
GRID = Grid(UTM, Affine(1, 0, 300_000, 0, -1, 4_800_000), (40, 50))


def write_ground(path, values, grid=GRID, names=("open", "roof", "road")):
    return write_classes(path, values, grid, table=ClassTable.named(names))


def finer(grid, times):
    rows, cols = grid.shape
    scale = Affine.scale(1 / times)
    return Grid(grid.crs, grid.transform @ scale, (rows * times, cols * times))


def test_a_pixel_takes_the_class_at_its_centre(tmp_path):
    values = np.random.default_rng(0).integers(0, 3, GRID.shape).astype(np.uint8)
    values[:3] = 255
    cover = RasterCover([write_ground(tmp_path / "c.tif", values)])
    assert cover.names == ("open", "roof", "road")
    assert len(cover.colors) == 3
    np.testing.assert_array_equal(cover.read(GRID), values)
    window = Window(5, -10, 20, 25)  # reaches ten columns outside
    found = cover.read(finer(GRID[window], 3))
    expected = np.full(window.shape, UNKNOWN, np.uint8)
    expected[:, 10:] = values[5:25, :15]
    np.testing.assert_array_equal(found, expected.repeat(3, 0).repeat(3, 1))


def test_class_zero_and_outside_are_told_apart_without_nodata(tmp_path):
    path = tmp_path / "plain.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, height=40, width=50,
        crs=UTM.to_wkt(), transform=GRID.transform,
    ) as dataset:  # fmt: skip
        dataset.write(np.zeros((1, 40, 50), np.uint8))
    found = RasterCover([path]).read(GRID[Window(0, 25, 40, 50)])
    assert (found[:, :25] == 0).all()
    assert (found[:, 25:] == UNKNOWN).all()


def test_classes_of_one_name_are_one_and_the_first_raster_wins(tmp_path):
    left, right = np.full(GRID.shape, 1, np.uint8), np.full(GRID.shape, 1, np.uint8)
    left[:, 25:] = 255
    cover = RasterCover(
        [
            write_ground(tmp_path / "a.tif", left),
            write_ground(tmp_path / "b.tif", right, names=("open", "river")),
        ]
    )
    assert cover.names == ("open", "roof", "road", "river")
    found = cover.read(GRID)
    assert (found[:, :25] == 1).all()
    assert (found[:, 25:] == 3).all()


def test_a_raster_in_another_crs_lies_where_it_should(tmp_path):
    values = np.zeros(GRID.shape, np.uint8)
    values[:, 25:] = 1
    west, south, east, north = GRID.bounds
    lonlat = pyproj.Transformer.from_crs(UTM, 4326, always_xy=True).transform_bounds(
        west, south, east, north
    )
    cover = RasterCover([write_ground(tmp_path / "c.tif", values)])
    step = (lonlat[2] - lonlat[0]) / 100
    there = Grid(pyproj.CRS(4326), Affine(step, 0, lonlat[0], 0, -step, lonlat[3]), (40, 100))
    found = cover.read(there)
    known = found != UNKNOWN
    assert known.mean() > 0.5
    cols = np.flatnonzero((found == 1).any(0))
    assert 47 < cols.min() < 53


def test_imagery_is_no_class_raster(tmp_path):
    path = tmp_path / "rgb.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=3, height=4, width=4,
        crs=UTM.to_wkt(), transform=GRID.transform,
    ) as dataset:  # fmt: skip
        dataset.write(np.zeros((3, 4, 4), np.uint8))
    with pytest.raises(ClassTableError, match="class raster has one band"):
        RasterCover([path])


@pytest.fixture
def blocks(tmp_path):
    frame = geopandas.GeoDataFrame(
        {"kind": ["roof", "garden"]},
        geometry=[
            shapely.box(300_000, 4_799_980, 300_010, 4_800_000),
            shapely.box(300_010, 4_799_980, 300_030, 4_800_000),
        ],
        crs=UTM,
    )
    path = tmp_path / "blocks.gpkg"
    frame.to_crs(4326).to_file(path)
    return path


def test_polygons_are_burned_onto_any_grid(blocks):
    cover = PolygonCover(blocks, "kind")
    assert cover.names == (ELSEWHERE, "garden", "roof")
    assert len(cover.colors) == 3
    found = cover.read(GRID)
    expected = np.zeros(GRID.shape, np.uint8)
    expected[:20, :10], expected[:20, 10:30] = 2, 1
    assert (found == expected).mean() > 0.995  # to and fro between CRS costs an edge pixel at most
    again = cover.read(GRID[Window(5, 5, 10, 10)])
    np.testing.assert_array_equal(again, found[5:15, 5:15])


def test_without_a_field_every_polygon_is_inside(blocks):
    assert PolygonCover(blocks).names == (ELSEWHERE, "inside")


def test_the_field_must_be_there(blocks):
    with pytest.raises(InputError, match="has no field 'type'; name one of kind"):
        PolygonCover(blocks, "type")


def test_an_identifier_is_no_class(tmp_path):
    squares = [shapely.box(i, 0, i + 1, 1) for i in range(120)]
    frame = geopandas.GeoDataFrame({"fid2": range(120)}, geometry=squares, crs=UTM)
    frame.to_file(tmp_path / "many.gpkg")
    with pytest.raises(InputError, match="120 different values"):
        PolygonCover(tmp_path / "many.gpkg", "fid2")
