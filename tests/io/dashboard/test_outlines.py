"""Outlines of several dates."""

import datetime

import geopandas
import numpy as np
import pytest
import shapely

from geocity.errors import ClassTableError, InputError
from geocity.io.dashboard.outlines import find_layers, read_outlines
from tests.conftest import UTM43
from tests.tracker_inputs import AFTER, BEFORE, square, write_layer, write_slums


@pytest.fixture
def slums(tmp_path):
    path = tmp_path / "slums.gpkg"
    write_slums(path, "slums_2025", AFTER, [square(0, 0), square(1, 0)])
    write_slums(path, "slums_2015", BEFORE, [square(0, 0)])
    return path


def plain_layer(path, **columns):
    """Write outlines of others: no date, no area."""
    count = len(next(iter(columns.values()))) if columns else 1
    columns = columns or {"code": [1]}
    return write_layer(path, path.stem, columns, [square(i, 0) for i in range(count)])


def test_a_file_stands_for_all_its_layers_and_dates_come_in_order(slums):
    found = read_outlines(find_layers([slums]))
    assert [(o.date, len(o.frame)) for o in found] == [(BEFORE, 1), (AFTER, 2)]
    assert found[0].frame.crs.to_epsg() == 4326
    assert (found[1].sources, found[1].models) == (("scene_2025.tif",), ("slums.geocity",))


def test_one_layer_can_be_named(slums):
    (only,) = read_outlines(find_layers([f"{slums}|layername=slums_2015"]))
    assert only.date == BEFORE


def test_a_layer_may_hold_several_dates(tmp_path):
    path = tmp_path / "all.gpkg"
    write_layer(path, "all", {"date": [AFTER, BEFORE, AFTER]}, [square(i, 0) for i in range(3)])
    assert [len(o.frame) for o in read_outlines(find_layers([path]))] == [1, 2]


def test_layers_of_one_date_are_joined(tmp_path):
    for name in ("east", "west"):
        write_slums(tmp_path / f"{name}.gpkg", name, AFTER, [square(0, 0)])
    layers = find_layers([tmp_path / "east.gpkg", tmp_path / "west.gpkg"])
    (both,) = read_outlines(layers)
    assert len(both.frame) == 2


def test_areas_are_measured_where_they_are_not_stated(tmp_path):
    path = plain_layer(tmp_path / "plain.gpkg")
    (outlines,) = read_outlines(find_layers([path]), dates=[AFTER])
    # UTM shrinks lengths by up to 0.04 %, and grows them at the edge of the zone.
    assert outlines.frame["area_m2"][0] == pytest.approx(400, rel=2e-3)
    assert np.isnan(outlines.frame["prob_mean"][0])
    assert outlines.frame["name"][0] == "Outline 1"


def test_the_name_of_a_file_may_say_the_date(tmp_path):
    path = plain_layer(tmp_path / "slums_2017-03-15.gpkg")
    (outlines,) = read_outlines(find_layers([path]))
    assert outlines.date == datetime.date(2017, 3, 15)


def test_only_slums_are_taken_of_several_classes(tmp_path):
    path = plain_layer(tmp_path / "a.gpkg", **{"class": ["forest", "slum", "slum"]})
    (outlines,) = read_outlines(find_layers([path]), dates=[AFTER])
    assert len(outlines.frame) == 2
    path = plain_layer(tmp_path / "b.gpkg", **{"class": ["forest", "kampung"]})
    with pytest.raises(ClassTableError, match=r"say which class is slum \(--slum-class\)"):
        read_outlines(find_layers([path]), dates=[AFTER])
    (outlines,) = read_outlines(find_layers([path]), dates=[AFTER], slum_class="kampung")
    assert len(outlines.frame) == 1


def test_says_what_is_wrong_with_dates(tmp_path, slums):
    plain = plain_layer(tmp_path / "plain.gpkg")
    with pytest.raises(InputError, match="plain does not say its date; give one for each"):
        read_outlines(find_layers([plain]))
    with pytest.raises(InputError, match="1 dates were given for 2 layers"):
        read_outlines(find_layers([slums]), dates=[AFTER])
    some = plain_layer(tmp_path / "some.gpkg", date=[AFTER, None])
    with pytest.raises(InputError, match="1 features without a date"):
        read_outlines(find_layers([some]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.gpkg", "does not exist"),
        ("slums.gpkg|layername=other", "has no layer 'other'"),
        ("text.gpkg", "cannot be read as a map layer"),
    ],
)
def test_refuses_what_is_not_there(tmp_path, slums, name, message):
    (tmp_path / "text.gpkg").write_text("no layers here")
    with pytest.raises(InputError, match=message):
        find_layers([f"{slums.parent}/{name}"])


def test_needs_at_least_one_layer():
    with pytest.raises(InputError, match="No outlines were given"):
        find_layers([])


def test_reads_formats_without_layers(tmp_path):
    path = tmp_path / "slums.parquet"
    frame = geopandas.GeoDataFrame({"date": [AFTER]}, geometry=[shapely.box(0, 0, 9, 9)], crs=UTM43)
    frame.to_parquet(path)
    (outlines,) = read_outlines(find_layers([path]))
    assert outlines.date == AFTER
