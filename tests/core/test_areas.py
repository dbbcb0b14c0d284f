import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine

from geocity.core.areas import GroundMeasure, Outlines
from geocity.core.grid import Grid

PLACES = {
    "utm": ("EPSG:32643", Affine(0.8, 0, 275744.6, 0, -0.8, 2116329.4)),
    "far out of its utm zone": ("EPSG:32643", Affine(0.8, 0, -140000, 0, -0.8, 2116329.4)),
    "degrees": ("EPSG:4326", Affine(1e-5, 0, 72.8, 0, -1e-5, 19.1)),
    "far north in degrees": ("EPSG:4326", Affine(2e-5, 0, 24.9, 0, -1e-5, 69.6)),
    "web mercator": ("EPSG:3857", Affine(1, 0, 8106000, 0, -1, 2162000)),
    "equal area": ("EPSG:3035", Affine(10, 0, 4321000, 0, -10, 3210000)),
    "feet": ("EPSG:2263", Affine(2, 0, 980000, 0, -2, 200000)),
}


def outlines_of(*polygons):
    return Outlines.of(np.array(polygons, dtype=object))


def geodesic(grid, polygon):
    """Area and perimeter by pyproj along densified edges."""
    dense = shapely.segmentize(polygon, 5)
    t = grid.transform
    on_map = shapely.transform(
        dense, lambda xy: np.column_stack([t.a * xy[:, 0] + t.c, t.e * xy[:, 1] + t.f])
    )
    turn = pyproj.Transformer.from_crs(grid.crs, grid.crs.geodetic_crs, always_xy=True)
    on_earth = shapely.transform(on_map, turn.transform, interleaved=False)
    geod = grid.crs.get_geod()
    area, _ = geod.geometry_area_perimeter(on_earth)
    return abs(area), geod.geometry_length(on_earth.boundary)  # holes too, as in QGIS


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", [3, 1500])
def test_equals_geodesic_area_and_perimeter(place, size):
    crs, transform = PLACES[place]
    grid = Grid(pyproj.CRS(crs), transform, (2000, 2400))
    polygon = shapely.box(100, 300, 100 + size, 300 + size).difference(
        shapely.box(101, 301, 102, 302)
    )
    slanted = shapely.Polygon([(500, 200), (500 + size, 210), (500, 200 + size / 2)])
    areas, perimeters = GroundMeasure(grid).measure(outlines_of(polygon, slanted))
    for i, one in enumerate((polygon, slanted)):
        area, perimeter = geodesic(grid, one)
        assert areas[i] == pytest.approx(area, rel=2e-6, abs=2e-4)  # pyproj's own noise
        assert perimeters[i] == pytest.approx(perimeter, rel=2e-6)


def test_a_polygon_across_ten_degrees():
    grid = Grid(pyproj.CRS("EPSG:4326"), Affine(0.005, 0, 60, 0, -0.005, 60), (2000, 2000))
    areas, _ = GroundMeasure(grid).measure(outlines_of(shapely.box(0, 0, 2000, 2000)))
    # Between two parallels, exactly: an equal-area projection is the judge.
    turn = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:6933", always_xy=True)
    left, bottom = turn.transform(60, 50)
    right, top = turn.transform(70, 60)
    assert areas[0] == pytest.approx((right - left) * (top - bottom), rel=1e-5)


def test_a_local_crs_is_planar():
    local = pyproj.CRS(
        'ENGCRS["site",EDATUM["site"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],'
        'LENGTHUNIT["metre",1]]'
    )
    grid = Grid(local, Affine(2, 0, 0, 0, -2, 0), (10, 10))
    areas, perimeters = GroundMeasure(grid).measure(outlines_of(shapely.box(0, 0, 3, 1)))
    assert (areas[0], perimeters[0]) == pytest.approx((12, 16))


def test_no_polygons():
    grid = Grid(pyproj.CRS(32643), Affine(1, 0, 500000, 0, -1, 2000000), (10, 10))
    areas, perimeters = GroundMeasure(grid).measure(outlines_of())
    assert len(areas) == len(perimeters) == 0


def test_refuses_a_grid_outside_its_projection():
    grid = Grid(pyproj.CRS("EPSG:3035"), Affine(1e5, 0, 1e9, 0, -1e5, 1e9), (10, 10))
    with pytest.raises(ValueError, match="not defined"):
        GroundMeasure(grid)
