"""Polygons on their way to a web map."""

import base64

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geocity.io.dashboard.map_layers import (
    LON_LAT,
    Drawing,
    bounds_of,
    map_layer,
    polygon_picture,
    shapes,
    union_of,
)

RED = (200, 10, 20)


def frame_of(*polygons):
    return geopandas.GeoDataFrame(geometry=list(polygons), crs=LON_LAT)


def decoded(shape):
    """Turn a shape back into a geometry, as the page does."""
    polygons = []
    for rings in shape:
        corners = [np.cumsum(np.reshape(ring, (-1, 2)), axis=0) / 1e6 for ring in rings]
        polygons.append(shapely.Polygon(corners[0], corners[1:]))
    return shapely.MultiPolygon(polygons)


@given(
    st.lists(st.tuples(st.integers(-179, 178), st.integers(-89, 88)), min_size=1, unique=True),
    st.integers(3, 9),
)
def test_outlines_come_back_to_a_millionth_of_a_degree(places, sides):
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    polygons = [
        shapely.Polygon(np.column_stack([x + np.cos(angles) / 3, y + np.sin(angles) / 3]))
        for x, y in places
    ]
    for shape, polygon in zip(shapes(frame_of(*polygons), 0.0), polygons, strict=True):
        assert decoded(shape).hausdorff_distance(polygon) < 1e-6


def test_holes_and_parts_are_kept():
    ring = shapely.box(10, 10, 11, 11).difference(shapely.box(10.4, 10.4, 10.6, 10.6))
    several = shapely.MultiPolygon([ring, shapely.box(12, 10, 13, 11)])
    ((first, second),) = shapes(frame_of(several), 0.0)
    assert (len(first), len(second)) == (2, 1)
    assert decoded([first, second]).equals(several)


def test_rings_smaller_than_the_steps_vanish():
    speck = shapely.box(10, 10, 10 + 1e-8, 10 + 1e-8)
    assert shapes(frame_of(speck), 0.0) == [[[]]]


def test_borders_are_simplified_for_display():
    stairs = shapely.union_all([shapely.box(i, 0, i + 1, i + 1) for i in range(50)])
    fine, coarse = (shapes(frame_of(stairs), t)[0][0][0] for t in (0.0, 2.0))
    assert len(coarse) < len(fine) / 4


@pytest.mark.parametrize(("count", "kind"), [(5, "vector"), (6, "picture")])
def test_too_many_polygons_become_a_picture(count, kind):
    frame = frame_of(*(shapely.box(i, 0, i + 0.5, 0.5) for i in range(count)))
    layer = map_layer(frame, Drawing(RED), tolerance_deg=0.0, max_vectors=5)
    assert (layer["kind"], layer["count"]) == (kind, count)
    assert ("shapes" in layer) == (kind == "vector")


@pytest.mark.parametrize("pattern", ["plain", "rising", "falling"])
def test_the_picture_shows_the_polygons_where_they_are(tmp_path, pattern):
    frame = frame_of(shapely.box(10, 50, 10.5, 50.5), shapely.box(11, 51, 12, 51.2))
    picture = polygon_picture(frame, Drawing(RED, pattern))
    west, south, east, north = picture["bounds"]
    assert (west, south, east, north) == pytest.approx((10, 50, 12, 51.2), abs=0.003)
    path = tmp_path / "picture.png"
    path.write_bytes(base64.b64decode(picture["url"].partition(",")[2]))
    with rasterio.open(path) as dataset:
        values = dataset.read(1)
        colors = dataset.colormap(1)
    assert colors[0][3] == 0
    assert {colors[value][:3] for value in np.unique(values) if value} == {RED}
    shown = values > 0
    rows, cols = shown.shape
    assert (shown[-1, 0], shown[rows // 2, cols // 2]) == (False, False)
    assert shown[int(rows * 0.8), int(cols * 0.1)]
    assert shown[int(rows * 0.1), int(cols * 0.75)]
    assert (pattern == "plain") == (2 not in values)


def test_bounds_hold_everything():
    frame = frame_of(shapely.box(10.12345678, -1.00000049, 11, 2))
    west, south, _, _ = bounds_of(frame)
    assert west <= 10.12345678 < west + 2e-6
    assert south <= -1.00000049
    assert union_of([(0, 0, 1, 1), (-1, 0.5, 0.5, 3)]) == (-1, 0, 1, 3)
