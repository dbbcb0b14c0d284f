import geopandas
import pyproj
import pytest
from shapely import box

from geocity.core.equal_area import equal_area_crs, reproject_polygons

GEOD = pyproj.Geod(ellps="WGS84")


@pytest.mark.parametrize(
    ("lon", "lat"), [(72.9, 19.1), (-3.7, 40.4), (25.0, 69.0), (179.99, -17.0)]
)
def test_areas_in_the_plane_are_areas_on_the_ellipsoid(lon, lat):
    here = box(lon, lat, lon + 0.2, lat + 0.1)
    far = box(lon - 3, lat - 2, lon - 2.9, lat - 1.9)
    frame = geopandas.GeoDataFrame(geometry=[here], crs="EPSG:4326")
    plane = equal_area_crs(frame)
    for shape in (here, far):
        dense = geopandas.GeoSeries([shape], crs="EPSG:4326").segmentize(0.002)
        true_m2 = abs(GEOD.geometry_area_perimeter(dense[0])[0])
        moved = reproject_polygons(geopandas.GeoSeries([shape]).to_numpy(), frame.crs, plane)[0]
        assert moved.area == pytest.approx(true_m2, rel=1e-6)


def test_coordinates_that_are_no_places_are_refused():
    frame = geopandas.GeoDataFrame(geometry=[box(1e9, 1e9, 2e9, 2e9)], crs="EPSG:32643")
    with pytest.raises(ValueError, match="Earth"):
        equal_area_crs(frame)
