"""Areas on the ellipsoid."""

import numpy as np
import pyproj
import pytest
import shapely

from geocity.core.geodesic_areas import geodesic_areas_m2

EQUAL_AREA = pyproj.Transformer.from_crs(4326, "+proj=cea +ellps=WGS84", always_xy=True)


def planar(polygon):
    """Return the area in a projection that keeps areas, edges split so that they keep their way."""
    fine = shapely.segmentize(polygon, 1e-4)
    return shapely.transform(
        fine, lambda xy: np.column_stack(EQUAL_AREA.transform(xy[:, 0], xy[:, 1]))
    ).area


@pytest.mark.parametrize("latitude", [-45.0, 0.0, 19.1, 60.0])
def test_equals_the_area_of_an_equal_area_projection(latitude):
    ring = shapely.box(72.8, latitude, 72.81, latitude + 0.01)
    hole = shapely.box(72.803, latitude + 0.003, 72.806, latitude + 0.006)
    polygons = np.array([ring, ring.difference(hole), shapely.MultiPolygon([ring, hole])], object)
    expected = [planar(ring), planar(ring) - planar(hole), planar(ring) + planar(hole)]
    # MultiPolygon parts overlap here: each counts by itself, as in every GIS.
    np.testing.assert_allclose(geodesic_areas_m2(polygons), expected, rtol=1e-5)


def test_direction_of_the_rings_does_not_matter():
    shell, hole = [(0, 0), (1, 0), (1, 1), (0, 1)], [(0.2, 0.2), (0.4, 0.2), (0.4, 0.4), (0.2, 0.4)]
    turned = [shapely.Polygon(a, [b]) for a in (shell, shell[::-1]) for b in (hole, hole[::-1])]
    areas = geodesic_areas_m2(np.array(turned, object))
    np.testing.assert_allclose(areas, areas[0], rtol=1e-12)


def test_nothing_has_no_areas():
    assert geodesic_areas_m2(np.empty(0, object)).shape == (0,)
