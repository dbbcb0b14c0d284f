"""What other tools found, as the page reads it."""

import csv
import datetime
import json

import geopandas
import numpy as np
import pytest

from geocity.errors import InputError
from geocity.io.dashboard.assessments import read_assessment
from geocity.io.dashboard.change_layers import read_change, shown_pairs
from geocity.io.dashboard.indicator_tables import FIGURES, read_indicators
from tests.tracker_inputs import (
    AFTER,
    BEFORE,
    NAMES,
    WARDS,
    square,
    write_layer,
    write_tracker_files,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tracker_files(tmp_path_factory.mktemp("inputs"))


def test_change_has_pairs_settlements_and_common_area(files):
    change = read_change(files.change)
    assert list(change.pairs) == [(BEFORE, AFTER)]
    layers = change.pairs[BEFORE, AFTER]
    assert {kind: layer["area_m2"].sum() for kind, layer in layers.items()} == {
        "growth": 576.0,
        "loss": 400.0,
        "persistent": 800.0,
    }
    assert layers["growth"].crs.to_epsg() == 4326
    assert change.common_area_m2 == {(BEFORE, AFTER): 1e4}
    assert set(change.settlements["settle_id"]) == {*NAMES, "S4"}
    assert set(map(type, change.settlements["date"])) == {datetime.date}


def test_change_may_lack_a_kind_and_settlements(tmp_path, files):
    path = tmp_path / "change.gpkg"
    days = {"from_date": [BEFORE], "to_date": [AFTER]}
    for kind in ("growth", "loss", "persistent"):
        frame = geopandas.read_file(files.change, layer=kind)
        if kind == "loss":
            frame = frame.iloc[:0]
        frame.to_file(path, layer=kind, engine="pyogrio", use_arrow=True)
    change = read_change(path)
    assert set(change.pairs[BEFORE, AFTER]) == {"growth", "persistent"}
    assert change.settlements is None
    write_layer(path, "settlements", {**days, "settle_id": ["S1"]}, [square(0, 0)])
    with pytest.raises(InputError, match="'settlements' of .* has no field 'date'"):
        read_change(path)


def test_refuses_what_is_no_change(tmp_path, files):
    with pytest.raises(InputError, match="has no layer 'growth'"):
        read_change(files.slums)
    with pytest.raises(InputError, match="does not exist"):
        read_change(tmp_path / "missing.gpkg")
    text = tmp_path / "text.gpkg"
    text.write_text("no layers")
    with pytest.raises(InputError, match="cannot be read as a map layer"):
        read_change(text)


def test_only_neighbours_and_the_ends_are_shown():
    days = [datetime.date(year, 1, 1) for year in (2000, 2005, 2010, 2015)]
    every = [(a, b) for i, a in enumerate(days) for b in days[i + 1 :]]
    expected = [(days[0], days[1]), (days[1], days[2]), (days[2], days[3]), (days[0], days[3])]
    assert shown_pairs(every) == expected
    assert shown_pairs(every[:1]) == every[:1]
    assert shown_pairs([]) == []


def test_indicators_have_units_and_totals(files):
    found = read_indicators(files.indicators)
    assert list(found.units["unit"]) == [*WARDS, *WARDS]
    assert list(found.totals["date"]) == [BEFORE, AFTER]
    assert list(found.units.columns) == ["unit", "date", *FIGURES]
    assert found.outlines is None
    assert np.isnan(found.units["growth_m2"][0])
    assert np.isnan(found.units["slum_pop"]).all()


def test_indicators_may_be_a_layer(tmp_path):
    path = tmp_path / "indicators.gpkg"
    columns = {
        "unit": ["North", "North", "All units"],
        "date": [BEFORE, AFTER, AFTER],
        "slum_m2": [1.0, 2.0, 2.0],
    }
    write_layer(path, "indicators", columns, [square(0, 0), square(0, 0), square(0, 0, 90)])
    found = read_indicators(path)
    assert (len(found.units), len(found.totals)) == (2, 1)
    assert list(found.outlines["unit"]) == ["North"]
    assert found.outlines.crs.to_epsg() == 4326


def test_names_of_units_stay_what_they_are(tmp_path):
    path = tmp_path / "indicators.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        rows = [("unit", "date", "slum_m2"), ("NA", "2025-01-01", "1"), ("007", "2025-01-01", "")]
        csv.writer(file).writerows(rows)
    units = read_indicators(path).units
    assert list(units["unit"]) == ["NA", "007"]
    assert np.isnan(units["slum_m2"][1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unit,date\nA,2025-01-01\n", "has no column 'slum_m2'"),
        ("unit,date,slum_m2\nA,soon,1\n", "1 rows without a date"),
        ("", "cannot be read as a table"),
    ],
)
def test_refuses_what_is_no_table_of_indicators(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_indicators(path)
    with pytest.raises(InputError, match="does not exist"):
        read_indicators(tmp_path / "missing.csv")


def test_assessments_say_how_good_the_map_is(files):
    found = read_assessment(files.assessment, slum_class=None)
    assert (found.date, found.confidence, found.reference) == (AFTER, 0.95, 300)
    assert (found.area_m2.value, found.area_m2.low, found.area_m2.high) == (7e5, 6.6e5, 7.4e5)
    assert found.users.value == 0.92


def edited(files, folder, **changes):
    content = json.loads(files.assessment.read_text())
    content.update(changes)
    path = folder / "edited.json"
    path.write_text(json.dumps(content))
    return path


def test_an_assessment_without_a_date_takes_the_only_one(tmp_path, files):
    path = edited(files, tmp_path, date=None)
    assert read_assessment(path, slum_class="slum", date=BEFORE).date == BEFORE
    with pytest.raises(InputError, match="does not say which date it assesses"):
        read_assessment(path, slum_class="slum")


def test_refuses_what_is_no_assessment(tmp_path, files):
    with pytest.raises(InputError, match="no class 'favela', only 0 .background., 1 .slum."):
        read_assessment(files.assessment, slum_class="favela")
    with pytest.raises(InputError, match="does not assess a map of slums"):
        read_assessment(edited(files, tmp_path, area_m2={}), slum_class=None)
    with pytest.raises(InputError, match="is no JSON"):
        read_assessment(files.indicators, slum_class=None)
    with pytest.raises(InputError, match="holds no assessment"):
        path = tmp_path / "list.json"
        path.write_text("[]")
        read_assessment(path, slum_class=None)
