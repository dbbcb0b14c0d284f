import csv
import datetime
import json
import logging
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from pyproj import CRS
from shapely import Polygon, box

from geocity.cli.indicators import command
from geocity.core.classes import ClassTable
from geocity.core.grid import Grid
from geocity.errors import ClassTableError, InputError, NoOverlapError, OutputExistsError
from geocity.io.class_raster_sinks import create_class_raster
from geocity.io.geopackage_styles import read_styles
from geocity.tools.indicators import IndicatorOptions, indicators

UTM = CRS.from_epsg(32643)
E, N = 412_000.0, 2_346_000.0
DAYS = (datetime.date(2015, 2, 14), datetime.date(2025, 2, 14))
SAMPLE = Path(__file__).parents[2] / "sample_data"


def at(left, bottom, right, top):
    return box(E + left, N + bottom, E + right, N + top)


def layer(path, shapes, crs=UTM, called="layer", **columns):
    frame = geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs)
    frame.to_file(path, layer=called, engine="pyogrio")
    return path


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def wards(tmp_path):
    shapes = [at(0, 0, 1000, 1000), at(1000, 0, 2000, 1000)]
    return layer(tmp_path / "wards.gpkg", shapes, gid=[1, 2], ward=["West", "East"])


def raster(path, patches, *, missing=None, date=None, classes=("background", "slum")):
    """A class raster of 10 m cells over both wards."""
    grid = Grid(UTM, Affine(10, 0, E, 0, -10, N + 1000), (100, 200))
    values = np.zeros(grid.shape, np.uint8)
    for left, bottom, right, top in patches:
        values[100 - top // 10 : 100 - bottom // 10, left // 10 : right // 10] = 1
    if missing is not None:
        values[:, missing // 10 :] = 255
    tags = {"ACQUISITION_DATE": date.isoformat()} if date else {}
    with create_class_raster(path, grid, ClassTable.named(classes), tags=tags) as sink:
        sink.write(values, grid.window)
    return path


def test_rasters_and_their_outlines_give_the_same_table(tmp_path, wards):
    patches = ([(100, 100, 300, 300), (880, 500, 1100, 700)], [(100, 100, 400, 300)])
    rasters = [
        raster(tmp_path / f"c{day.year}.tif", boxes, date=day)
        for boxes, day in zip(patches, DAYS, strict=True)
    ]
    outlines = layer(
        tmp_path / "slums.gpkg",
        [at(*shape) for boxes in patches for shape in boxes],
        date=[DAYS[0], DAYS[0], DAYS[1]],
    )
    area = layer(tmp_path / "area.gpkg", [at(0, 0, 2000, 1000)])
    first = read(indicators(rasters, units=wards, out=tmp_path / "a.csv"))
    second = read(
        indicators(
            [outlines],
            units=wards,
            out=tmp_path / "b.csv",
            options=IndicatorOptions(covered=(area,)),
        )
    )
    assert [(r["unit"], r["date"]) for r in first] == [
        (unit, day.isoformat()) for day in DAYS for unit in ("West", "East", "All units")
    ]
    for one, other in zip(first, second, strict=True):
        for name, value in one.items():
            if name in ("unit", "date") or not value:
                assert value == other[name]
            else:
                assert float(value) == pytest.approx(float(other[name]), rel=1e-5, abs=0.02)
    west = first[3]
    assert float(west["slum_m2"]) == pytest.approx(60_000, rel=1e-3)  # true areas, not UTM's
    assert float(west["growth_m2"]) == pytest.approx(20_000, rel=1e-3)
    assert float(west["covered"]) == 1
    assert [row["settlements"] for row in first] == ["2", "0", "2", "1", "0", "1"]


def test_a_raster_says_what_it_covers(tmp_path, wards):
    source = raster(tmp_path / "c.tif", [(100, 100, 300, 300)], missing=1500, date=DAYS[0])
    west, east, total = read(indicators([source], units=wards, out=tmp_path / "t.csv"))
    covered = [float(row["covered"]) for row in (west, east, total)]
    assert covered == pytest.approx([1, 0.5, 0.75], abs=2e-6)
    assert east["slum_m2"] == "0.0"
    area = layer(tmp_path / "area.gpkg", [at(0, 0, 2000, 500)])
    options = IndicatorOptions(covered=(area,))
    table = indicators([source], units=wards, out=tmp_path / "u.csv", options=options)
    covered = [float(row["covered"]) for row in read(table)]
    assert covered == pytest.approx([0.5, 0.25, 0.375], abs=2e-6)


def test_sources_of_one_date_are_put_together(tmp_path, wards):
    west = layer(tmp_path / "w.gpkg", [at(0, 0, 100, 100)])
    east = layer(tmp_path / "e.gpkg", [at(1500, 0, 1600, 100)])
    table = indicators(
        [west, east],
        units=wards,
        out=tmp_path / "t.csv",
        options=IndicatorOptions(dates=(DAYS[0], DAYS[0])),
    )
    assert [row["settlements"] for row in read(table)] == ["1", "1", "2"]


def test_units_in_degrees_and_invalid_units_will_do(tmp_path, wards, caplog):
    bow_tie = Polygon([(E, N), (E + 1000, N + 1000), (E + 1000, N), (E, N + 1000)])
    broken = layer(tmp_path / "broken.gpkg", [bow_tie], name=["Tie"])
    degrees = tmp_path / "degrees.geojson"
    geopandas.read_file(wards).to_crs(4326).to_file(degrees)
    slums = layer(tmp_path / "s_20150214.gpkg", [at(100, 100, 300, 300)])
    there = read(indicators([slums], units=wards, out=tmp_path / "a.csv"))
    here = read(indicators([slums], units=degrees, out=tmp_path / "b.csv"))
    assert float(here[0]["slum_m2"]) == pytest.approx(float(there[0]["slum_m2"]), rel=1e-5)
    assert float(here[0]["unit_m2"]) == pytest.approx(float(there[0]["unit_m2"]), rel=1e-5)
    with caplog.at_level(logging.WARNING, logger="geocity"):
        indicators([slums], units=broken, out=tmp_path / "c.csv")
    assert "repaired" in caplog.text


def test_overlapping_units_are_told_and_the_total_counts_once(tmp_path, caplog):
    units = layer(
        tmp_path / "u.gpkg", [at(0, 0, 600, 1000), at(400, 0, 1000, 1000)], name=["a", "b"]
    )
    slums = layer(tmp_path / "s2015-02-14.gpkg", [at(400, 0, 600, 100)])
    people = tmp_path / "people_2015.tif"
    with rasterio.open(
        people,
        "w",
        driver="GTiff",
        width=10,
        height=10,
        count=1,
        dtype="float32",
        crs=32643,
        transform=Affine(100, 0, E, 0, -100, N + 1000),
    ) as target:
        target.write(np.full((1, 10, 10), 7, "float32"))
    options = IndicatorOptions(population=(people,))
    first, second, total = read(
        indicators([slums], units=units, out=tmp_path / "t.csv", options=options)
    )
    assert first["slum_m2"] == second["slum_m2"] == total["slum_m2"]
    assert "more than one unit" in caplog.text
    assert float(total["pop"]) == pytest.approx(700, abs=0.2)
    assert float(first["pop"]) == pytest.approx(420, abs=0.2)
    assert float(total["slum_pop"]) == pytest.approx(14, abs=0.2)
    assert "more than one unit" in (tmp_path / "t.md").read_text(encoding="utf-8")


def test_units_of_one_name_are_one_unit(tmp_path, caplog):
    units = layer(
        tmp_path / "u.gpkg",
        [at(0, 0, 500, 500), at(600, 0, 900, 500), at(0, 600, 100, 700)],
        name=["Island", "Island", None],
    )
    slums = layer(tmp_path / "s2015-02-14.gpkg", [at(400, 0, 700, 100)])
    rows = read(indicators([slums], units=units, out=tmp_path / "t.csv"))
    assert [row["unit"] for row in rows] == ["Island", "unit 3", "All units"]
    assert "share the name" in caplog.text


def test_a_geopackage_carries_shapes_style_and_story(tmp_path, wards):
    source = raster(tmp_path / "c.tif", [(100, 100, 300, 300)], missing=1000, date=DAYS[0])
    out = indicators([source], units=wards, out=tmp_path / "t.gpkg")
    frame = geopandas.read_file(out, layer="indicators")
    assert frame["unit"].tolist() == ["West", "East", "All units"]
    assert frame.geometry.area.tolist() == [1e6, 1e6, 2e6]
    assert np.isnan(frame["slum_m2"][1])
    assert pyogrio.read_info(out, layer="indicators")["geometry_type"] == "MultiPolygon"
    assert "slum_share" in read_styles(out)["indicators"]
    assert "11.1.1" in (tmp_path / "t.md").read_text(encoding="utf-8")


def test_settlements_that_are_gone_are_left_out(tmp_path, wards):
    history = tmp_path / "change.gpkg"
    layer(
        history,
        [at(0, 0, 100, 100), at(0, 0, 100, 100)],
        called="settlements",
        date=list(DAYS),
        status=["first", "gone"],
    )
    layer(history, [at(0, 0, 9, 9)], called="growth", to_date=[DAYS[1]])
    with pytest.raises(InputError, match="several layers"):
        indicators([history], units=wards, out=tmp_path / "t.csv")
    table = indicators([f"{history}|layername=settlements"], units=wards, out=tmp_path / "t.csv")
    rows = read(table)
    assert [row["date"] for row in rows] == ["2015-02-14"] * 3 + ["2025-02-14"] * 3
    assert [row["settlements"] for row in rows] == ["1", "0", "1", "0", "0", "0"]
    assert rows[3]["annual_rate"] == "-1.0"


def test_a_map_without_slums_has_none(tmp_path, wards):
    source = raster(tmp_path / "c.tif", [], date=DAYS[0])
    options = IndicatorOptions(population=(SAMPLE / "population_2015.tif",))
    rows = read(indicators([source], units=wards, out=tmp_path / "t.csv", options=options))
    assert [row["slum_m2"] for row in rows] == ["0.0"] * 3
    assert [row["slum_pop"] for row in rows] == ["0.0"] * 3


def test_outlines_that_lie_on_each_other_are_told(tmp_path, wards, caplog):
    shapes = [at(0, 0, 100, 100), at(0, 0, 100, 50)]
    slums = layer(tmp_path / "s2015-02-14.gpkg", shapes)
    west, *_ = read(indicators([slums], units=wards, out=tmp_path / "t.csv"))
    assert float(west["slum_m2"]) == pytest.approx(10_000, rel=1e-3)
    assert "50% of the slum area of 2015-02-14 lies under more than one outline" in caplog.text


def test_background_alone_is_no_slum(tmp_path, wards):
    slums = layer(tmp_path / "s2015-02-14.gpkg", [at(0, 0, 9, 9)], class_id=[0])
    with pytest.raises(ClassTableError, match="none of them is called slum"):
        indicators([slums], units=wards, out=tmp_path / "t.csv")


def test_all_dated_layers_of_a_map_are_read(tmp_path, wards):
    for day in DAYS:
        layer(tmp_path / "slums.gpkg", [at(0, 0, 90, 90)], called=f"slums_{day.year}", date=[day])
    table = read(indicators([tmp_path / "slums.gpkg"], units=wards, out=tmp_path / "t.csv"))
    assert len(table) == 6


def test_the_class_that_means_slum_must_be_clear(tmp_path, wards):
    names = ("background", "roads", "water")
    source = raster(tmp_path / "c.tif", [(0, 0, 90, 90)], date=DAYS[0], classes=names)
    with pytest.raises(ClassTableError, match="--slum-class"):
        indicators([source], units=wards, out=tmp_path / "t.csv")
    chosen = IndicatorOptions(slum_class="roads")
    rows = read(indicators([source], units=wards, out=tmp_path / "t.csv", options=chosen))
    assert rows[0]["settlements"] == "1"
    both = layer(
        tmp_path / "p2015-02-14.gpkg",
        [at(0, 0, 90, 90), at(200, 0, 300, 90)],
        class_id=[1, 2],
        **{"class": ["roads", "slum"]},
    )
    rows = read(indicators([both], units=wards, out=tmp_path / "u.csv"))
    assert float(rows[0]["slum_m2"]) == pytest.approx(9000, rel=1e-3)


def test_an_assessment_gives_the_total_its_interval(tmp_path, wards, caplog):
    source = raster(tmp_path / "c.tif", [(100, 100, 300, 300)], date=DAYS[0])
    (slum_m2,) = [
        float(r["slum_m2"])
        for r in read(indicators([source], units=wards, out=tmp_path / "a.csv"))
        if r["unit"] == "All units"
    ]
    area = {"mapped": slum_m2, "estimate": 50_000, "low": 45_000.5, "high": 55_000}
    told = {
        "classes": ["background", "slum"],
        "date": "2015-02-14",
        "area_m2": {"slum": area},
        "by_unit": [{"unit": "East", "area_m2": {"slum": area}}, {"unit": "West", "area_m2": None}],
    }
    path = tmp_path / "assessment.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    options = IndicatorOptions(assessments=(path,))
    west, east, total = read(
        indicators([source], units=wards, out=tmp_path / "b.csv", options=options)
    )
    assert (west["slum_low_m2"], east["slum_high_m2"]) == ("", "55000.0")
    assert (total["slum_low_m2"], total["slum_high_m2"]) == ("45000.5", "55000.0")
    area["mapped"] *= 2
    path.write_text(json.dumps(told), encoding="utf-8")
    *_, total = read(indicators([source], units=wards, out=tmp_path / "c.csv", options=options))
    assert total["slum_low_m2"] == ""
    assert "left out" in caplog.text
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="does not give a slum area"):
        indicators([source], units=wards, out=tmp_path / "d.csv", options=options)


def test_what_does_not_fit_is_refused(tmp_path, wards):
    slums = layer(tmp_path / "slums.gpkg", [at(0, 0, 90, 90)])
    dated = IndicatorOptions(dates=(DAYS[0],))
    with pytest.raises(InputError, match="does not say when"):
        indicators([slums], units=wards, out=tmp_path / "t.csv")
    with pytest.raises(InputError, match=r"neither \.csv nor \.gpkg"):
        indicators([slums], units=wards, out=tmp_path / "t.xlsx", options=dated)
    with pytest.raises(InputError, match="2 dates were given for 1"):
        options = IndicatorOptions(dates=DAYS)
        indicators([slums], units=wards, out=tmp_path / "t.csv", options=options)
    with pytest.raises(InputError, match=r"no field 'zone'; it has gid, ward"):
        options = IndicatorOptions(unit_field="zone", dates=(DAYS[0],))
        indicators([slums], units=wards, out=tmp_path / "t.csv", options=options)
    with pytest.raises(InputError, match="No slum layer"):
        indicators([], units=wards, out=tmp_path / "t.csv")
    far = layer(tmp_path / "far.gpkg", [at(90_000, 0, 90_100, 100)])
    with pytest.raises(NoOverlapError, match="same city"):
        indicators([far], units=wards, out=tmp_path / "t.csv", options=dated)
    with pytest.raises(InputError, match="does not exist"):
        indicators([slums], units=tmp_path / "none.gpkg", out=tmp_path / "t.csv", options=dated)
    nowhere = layer(tmp_path / "w.gpkg", [at(0, 0, 9, 9)], crs='LOCAL_CS["site"]', name=["a"])
    with pytest.raises(InputError, match="nowhere on Earth"):
        indicators([slums], units=nowhere, out=tmp_path / "t.csv", options=dated)
    with pytest.raises(InputError, match="2 coverages were given for 1 dates"):
        options = IndicatorOptions(dates=(DAYS[0],), covered=(wards, wards))
        indicators([slums], units=wards, out=tmp_path / "t.csv", options=options)
    nameless = layer(tmp_path / "n.gpkg", [at(0, 0, 9, 9)], a=["x"], b=["y"])
    with pytest.raises(InputError, match="--unit-field"):
        indicators([slums], units=nameless, out=tmp_path / "t.csv", options=dated)
    (tmp_path / "t.csv").touch()
    with pytest.raises(OutputExistsError):
        indicators([slums], units=wards, out=tmp_path / "t.csv", options=dated)


def test_the_command_on_the_sample_data(tmp_path):
    out = tmp_path / "indicators.csv"
    arguments = [str(SAMPLE / f"slums_{day.year}.gpkg") for day in DAYS]
    for day in DAYS:
        arguments += ["--date", day.isoformat()]
        arguments += ["--covered", str(SAMPLE / f"scene_{day.year}.tif")]
        arguments += ["--population", str(SAMPLE / f"population_{day.year}.tif")]
    arguments += ["--units", str(SAMPLE / "wards.gpkg"), "-o", str(out)]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    totals = [row for row in read(out) if row["unit"] == "All units"]
    # What the README of the sample says of it.
    assert [int(row["settlements"]) for row in totals] == [25, 26]
    assert [round(float(row["slum_share"]), 3) for row in totals] == [0.119, 0.136]
    assert [round(float(row["slum_m2"]) / 1e4, 1) for row in totals] == [30.0, 34.0]
    assert all(0.38 < float(row["pop_share"]) < 0.42 for row in totals)
    wards = [row for row in read(out) if row["unit"] != "All units"]
    for name in ("slum_m2", "slum_pop", "growth_m2"):
        parts = sum(float(row[name]) for row in wards if row["date"] == "2025-02-14")
        assert parts == pytest.approx(float(totals[1][name]), abs=1)


def test_one_population_for_two_dates_is_told(tmp_path, wards, caplog):
    slums = [layer(tmp_path / f"s_{d:%Y%m%d}.gpkg", [at(0, 0, 90, 90)]) for d in DAYS]
    options = IndicatorOptions(population=(SAMPLE / "population_2015.tif",))
    indicators(slums, units=wards, out=tmp_path / "t.csv", options=options)
    assert "People of 2015 are set against slums of 2025-02-14" in caplog.text
    note = (tmp_path / "t.md").read_text(encoding="utf-8")
    assert "People of 2015" in note
