import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import box

from geocity.errors import InputError, MissingCRSError
from geocity.io.population import count_people

UTM = pyproj.CRS.from_epsg(32643)


def write(path, values, *, crs="EPSG:32643", transform=None, nodata=None):
    bands = values if values.ndim == 3 else values[None]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=bands.shape[2],
        height=bands.shape[1],
        count=len(bands),
        dtype=bands.dtype,
        crs=crs,
        transform=transform or Affine(10, 0, 400_000, 0, -10, 2_000_100),
        nodata=nodata,
    ) as target:
        target.write(bands)
    return path


def by_hand(values, polygon):
    """The slow twin: each cell by the share of it that lies inside."""
    people = 0.0
    for (row, col), count in np.ndenumerate(values):
        left, top = 400_000 + 10 * col, 2_000_100 - 10 * row
        cell = box(left, top - 10, left + 10, top)
        people += 0 if count < 0 else count * cell.intersection(polygon).area / cell.area
    return people


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.tuples(st.floats(-20, 120), st.floats(-20, 120)), min_size=3, max_size=5))
def test_cells_count_by_the_share_that_lies_inside(tmp_path, corners):
    values = np.arange(100, dtype="float32").reshape(10, 10)
    values[3, 4] = -1
    path = write(tmp_path / "people.tif", values, nodata=-1)
    polygon = shapely.MultiPoint(corners).convex_hull.buffer(3, quad_segs=2)
    polygon = shapely.transform(polygon, lambda p: p + np.array([400_000, 2_000_000]))
    found = count_people(path, [polygon, shapely.Polygon()], UTM)
    assert found.count[0] == pytest.approx(by_hand(values, polygon), rel=1e-4, abs=1e-3)
    assert (found.count[1], found.known[1]) == (0, 1)


def test_people_are_the_same_whatever_the_crs_of_the_raster(tmp_path):
    """Ten people in every cell of a degree grid: their number follows the cells, not the metres."""
    transform = Affine(0.001, 0, 74.0, 0, -0.001, 21.1)
    path = write(
        tmp_path / "p.tif", np.full((100, 100), 10, "int32"), crs=4326, transform=transform
    )
    degrees = box(74.0205, 21.0203, 74.0507, 21.0606)
    turn = pyproj.Transformer.from_crs(4326, UTM, always_xy=True)
    metres = shapely.transform(
        shapely.segmentize(degrees, 0.0005),
        lambda p: np.column_stack(turn.transform(p[:, 0], p[:, 1])),
    )
    found = count_people(path, [metres], UTM)
    assert found.count[0] == pytest.approx(10 * 30.2 * 40.3, rel=1e-5)
    assert found.known[0] == pytest.approx(1, abs=1e-5)


def test_it_is_told_where_the_raster_has_no_value(tmp_path):
    values = np.ones((10, 10), "float32")
    values[:, :5] = np.nan
    path = write(tmp_path / "people.tif", values, nodata=np.nan)
    found = count_people(path, [box(400_000, 2_000_000, 400_100, 2_000_100)], UTM)
    assert found.count[0] == pytest.approx(50)
    assert found.known[0] == pytest.approx(0.5)


def test_polygons_beyond_the_raster_hold_nobody(tmp_path):
    path = write(tmp_path / "people.tif", np.ones((10, 10), "float32"))
    found = count_people(path, [box(0, 0, 10, 10)], UTM)
    assert (found.count[0], found.known[0]) == (0, 0)


def test_negative_people_bands_and_no_place_are_refused(tmp_path):
    everywhere = [box(400_000, 2_000_000, 400_100, 2_000_100)]
    values = np.full((10, 10), -99999, "float32")
    with pytest.raises(InputError, match="declare it"):
        count_people(write(tmp_path / "a.tif", values), everywhere, UTM)
    with pytest.raises(InputError, match="2 bands"):
        count_people(write(tmp_path / "b.tif", np.stack([values, values])), everywhere, UTM)
    with pytest.raises(MissingCRSError):
        count_people(write(tmp_path / "c.tif", values, crs=None), everywhere, UTM)
    with pytest.raises(InputError, match="does not exist"):
        count_people(tmp_path / "none.tif", everywhere, UTM)
