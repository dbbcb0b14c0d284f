"""True areas in a plane, against geodesic areas."""

import geopandas
import numpy as np
import pyproj
import pytest
import shapely

from geocity.core.outline_plane import true_areas, working_plane
from geocity.core.reproject import reproject_outlines

GEOD = pyproj.Geod(ellps="WGS84")


def frame_of(boxes, epsg):
    return geopandas.GeoDataFrame(geometry=[shapely.box(*b) for b in boxes], crs=epsg)


@pytest.mark.parametrize(
    ("epsg", "box", "plane"),
    [
        (32643, (300_000, 2_100_000, 300_400, 2_100_300), 32643),
        (32643, (300_000, 2_100_000, 330_000, 2_120_000), 32643),
        (4326, (72.80, 19.00, 72.81, 19.02), 32643),
        (3857, (8_100_000, 4_100_000, 8_100_900, 4_100_500), 32643),  # a metre there is 0.8 m
        (2263, (980_000, 190_000, 981_000, 191_000), 32618),  # feet
    ],
)
def test_areas_are_those_on_the_ellipsoid(epsg, box, plane):
    frame = frame_of([box], epsg)
    found = working_plane(frame)
    assert found.to_epsg() == plane
    there = reproject_outlines(frame, found).geometry.to_numpy()
    (area_m2,) = true_areas(found)(there)
    turned = reproject_outlines(
        frame.set_geometry(frame.segmentize(200)) if epsg != 4326 else frame, pyproj.CRS(4326)
    )
    dense = shapely.segmentize(turned.geometry.to_numpy()[0], 1e-3 if epsg != 4326 else 1e-4)
    geodesic = abs(GEOD.geometry_area_perimeter(dense)[0])
    assert area_m2 == pytest.approx(geodesic, rel=2e-6)


def test_pieces_add_up():
    measure = true_areas(pyproj.CRS(32643))
    whole = shapely.box(150_000, 2_100_000, 154_000, 2_103_000)
    rng = np.random.default_rng(0)
    seams = shapely.union_all(
        [
            shapely.LineString(rng.uniform((149_000, 2_099_000), (155_000, 2_104_000), (2, 2)))
            for _ in range(30)
        ]
        + [whole.boundary]
    )
    pieces = shapely.get_parts(shapely.polygonize(shapely.get_parts(seams)))
    inside = pieces[shapely.within(shapely.point_on_surface(pieces), whole)]
    assert len(inside) > 50
    assert measure(inside).sum() == pytest.approx(measure(np.array([whole]))[0], rel=1e-7)


def test_nothing_and_plans_without_a_place_on_earth():
    plan = pyproj.CRS.from_wkt('LOCAL_CS["plan",UNIT["metre",1],AXIS["E",EAST],AXIS["N",NORTH]]')
    frame = geopandas.GeoDataFrame(geometry=[shapely.box(0, 0, 3, 4)], crs=plan)
    assert working_plane(frame) == plan
    assert true_areas(plan)(frame.geometry.to_numpy()).tolist() == [12]
    assert len(true_areas(pyproj.CRS(32643))(np.empty(0, object))) == 0
    with pytest.raises(ValueError, match="do not lie on Earth"):
        working_plane(frame_of([(1e9, 1e9, 2e9, 2e9)], 4326))
