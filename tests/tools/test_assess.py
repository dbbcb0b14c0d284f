import csv
import itertools
import json
import logging

import geopandas
import numpy as np
import pyogrio
import pytest
from affine import Affine
from click.testing import CliRunner
from pyproj import CRS
from shapely import box

from geocity.cli.assess import command
from geocity.core.classes import ClassTable
from geocity.core.grid import Grid
from geocity.errors import ClassTableError, InputError, OutputExistsError
from geocity.io.class_raster_sinks import create_class_raster
from geocity.io.reference_forms import CANNOT_TELL
from geocity.tools.assess_estimate import EstimateOptions, assess_estimate
from geocity.tools.assess_sample import SampleOptions, assess_sample
from tests.answers import answer, answer_key

UTM = CRS.from_epsg(32643)
NAMES = ("background", "slum")


def write_map(path, values, *, names=NAMES, crs=UTM, cell=10.0, date="2024-03-09"):
    grid = Grid(crs, Affine(cell, 0, 400_000, 0, -cell, 2_100_000), values.shape)
    table = ClassTable.named(names)
    with create_class_raster(path, grid, table, tags={"ACQUISITION_DATE": date}) as sink:
        sink.write(values, grid.window)
    return path


@pytest.fixture
def city(tmp_path):
    """A map of 200 x 300 cells: a fifth is slum, and a corner has no data."""
    values = np.zeros((200, 300), np.uint8)
    values[40:160, 100:200] = 1
    values[:20, :30] = 255
    return write_map(tmp_path / "classes.tif", values)


def answered(path, wrong_every=9):
    """Answer every point as it is mapped, but for every ninth."""
    key = answer_key(path)
    answer(path, {p: NAMES[1 - v if p % wrong_every == 0 else v] for p, v in key.items()})
    return path


def test_the_published_example_comes_out_of_the_files(tmp_path):
    """Olofsson et al. (2014), section 6: their map, their sample, their numbers.

    Deforestation 21,158 ha ± 6,158 ha, overall accuracy 95 % ± 2 %, user's accuracies 88, 73, 93
    and 96 %, producer's 75 % ± 21 %, 85, 93 and 96 %.
    """
    names = ("deforestation", "forest gain", "stable forest", "stable non-forest")
    pixels = (200_000, 150_000, 3_200_000, 6_450_000)
    counts = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
    values = np.repeat(np.arange(4, dtype=np.uint8), pixels).reshape(2500, 4000)
    equal_area = CRS.from_epsg(6933)
    source = write_map(tmp_path / "change.tif", values, names=names, crs=equal_area, cell=30.0)
    chosen = SampleOptions(class_points=dict(zip(names, counts.sum(axis=1).tolist(), strict=True)))
    sample = assess_sample(source, out=tmp_path / "sample.gpkg", options=chosen)
    left = {value: list(np.repeat(names, row)) for value, row in enumerate(counts)}
    answer(sample, {point: left[mapped].pop() for point, mapped in answer_key(sample).items()})
    folder = assess_estimate(sample, out=tmp_path / "assessment")
    found = json.loads((folder / "assessment.json").read_text(encoding="utf-8"))
    assert found["classes"] == list(names)
    assert found["matrix_counts"] == counts.tolist()
    assert found["matrix_proportions"][0] == pytest.approx([0.0176, 0, 0.0013, 0.0011], abs=5.1e-5)
    assert (round(found["overall"]["value"], 2), round(margin(found["overall"]), 2)) == (0.95, 0.02)
    assert [round(found["users"][n]["value"], 2) for n in names] == [0.88, 0.73, 0.93, 0.96]
    assert [round(found["producers"][n]["value"], 2) for n in names] == [0.75, 0.85, 0.93, 0.96]
    assert round(margin(found["producers"]["deforestation"]), 2) == 0.21
    area = found["area_m2"]["deforestation"]
    # A cell of 30 m is not quite 900 m² on the ellipsoid: geocity measures, the paper counts.
    assert area["mapped"] == pytest.approx(18_000e4, rel=2e-3)
    scale = 18_000e4 / area["mapped"]
    assert area["estimate"] * scale / 1e4 == pytest.approx(21_158, abs=30)
    assert margin(area) * scale / 1e4 == pytest.approx(6158, abs=10)


def margin(figures):
    return (figures["high"] - figures["low"]) / 2


def test_the_interpreter_sees_no_map(city, tmp_path):
    sample = assess_sample(city, out=tmp_path / "s.gpkg", options=SampleOptions(points=200))
    points = geopandas.read_file(sample, layer="points")
    cells = geopandas.read_file(sample, layer="cells")
    assert points.columns.tolist() == [
        "point",
        "reference",
        "confidence",
        "note",
        "checked",
        "geometry",
    ]
    assert points["reference"].isna().all()
    assert points["point"].tolist() == list(range(1, 201))
    assert cells.geometry.area.tolist() == pytest.approx([100.0] * 200)
    assert cells.geometry.centroid.geom_equals_exact(points.geometry, 1e-6).all()
    key = answer_key(sample)
    slums = np.array([key[point] for point in points["point"]])
    inside = points.geometry.within(box(401_000, 2_098_400, 402_000, 2_099_600))
    assert (slums == inside).all()
    # Nothing of the class shows in the order.
    assert abs(np.corrcoef(points["point"], slums)[0, 1]) < 0.2
    strata = pyogrio.read_dataframe(sample, layer="strata")
    assert strata["units"].tolist() == [150, 50]
    assert strata["cells"].tolist() == [47_400, 12_000]
    assert strata["area_m2"].tolist() == pytest.approx([4.74e6, 1.2e6], rel=1e-3)


def test_the_same_seed_draws_the_same_points(city, tmp_path):
    def drawn(name, seed):
        options = SampleOptions(points=60, seed=seed)
        path = assess_sample(city, out=tmp_path / name, options=options)
        return geopandas.read_file(path, layer="points").geometry.to_wkt().tolist()

    assert drawn("a.gpkg", 1) == drawn("b.gpkg", 1) != drawn("c.gpkg", 2)


def test_the_number_of_points_follows_from_the_error_that_is_wanted(city, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="geocity"):
        out = assess_sample(
            city,
            out=tmp_path / "s.gpkg",
            options=SampleOptions(standard_error=0.02, expected={"Slum": 0.6, "background": 0.9}),
        )
    shares = np.array([47_400, 12_000]) / 59_400
    expected = round(((shares * [0.3, np.sqrt(0.24)]).sum() / 0.02) ** 2)
    assert len(geopandas.read_file(out, layer="points")) == expected
    assert f"{expected} points bring the standard error" in caplog.text


def test_estimates_for_the_map_and_for_wards(city, tmp_path, caplog):
    sample = answered(
        assess_sample(city, out=tmp_path / "s.gpkg", options=SampleOptions(points=300))
    )
    edges = (400_000, 401_500, 402_900, 403_000)
    shapes = [box(left, 2_098_000, right, 2_100_000) for left, right in itertools.pairwise(edges)]
    wards = tmp_path / "wards.geojson"
    frame = geopandas.GeoDataFrame({"name": ["West", "East", "Edge"]}, geometry=shapes, crs=UTM)
    frame.to_crs(4326).to_file(wards)
    options = EstimateOptions(units=wards, classes=city)
    folder = assess_estimate(sample, out=tmp_path / "a", options=options)
    assert sorted(p.name for p in folder.iterdir()) == [
        "areas.png",
        "assessment.json",
        "classes.csv",
        "error_matrix.csv",
        "report.md",
        "units.csv",
    ]
    found = json.loads((folder / "assessment.json").read_text(encoding="utf-8"))
    assert (found["date"], found["confidence"]) == ("2024-03-09", 0.95)
    assert np.sum(found["matrix_counts"]) == 300
    area = found["area_m2"]["slum"]
    assert area["low"] < area["estimate"] < area["high"]
    west, east, edge = found["by_unit"]
    assert west["area_m2"]["slum"]["mapped"] == pytest.approx(600_000, rel=2e-3)
    assert east["area_m2"]["slum"]["low"] < east["area_m2"]["slum"]["estimate"]
    assert edge["area_m2"] is None
    assert "30 are needed" in edge["reason"]
    assert west["points"] + east["points"] + edge["points"] == 300
    assert "1 of 3 units get no estimate" in caplog.text
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert "300 points" in report
    assert "Olofsson" in report
    with (folder / "classes.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == list(NAMES)
    assert float(rows[1]["estimate_m2"]) == pytest.approx(area["estimate"], rel=1e-6)


def test_missing_answers_are_refused_and_left_out_only_when_asked(city, tmp_path, caplog):
    sample = answered(
        assess_sample(city, out=tmp_path / "s.gpkg", options=SampleOptions(points=120))
    )
    answer(sample, {1: None, 2: "", 3: CANNOT_TELL})
    with pytest.raises(InputError, match=r"3 of 120 points have no answer .*--allow-missing"):
        assess_estimate(sample, out=tmp_path / "a")
    assert not (tmp_path / "a").exists()
    allowed = EstimateOptions(allow_missing=True)
    folder = assess_estimate(sample, out=tmp_path / "a", options=allowed)
    found = json.loads((folder / "assessment.json").read_text(encoding="utf-8"))
    assert np.sum(found["matrix_counts"]) == 117
    assert found["map"]["unanswered"] == 3
    assert "as if chance had chosen them" in caplog.text
    key = answer_key(sample)
    answer(sample, {point: None for point, value in key.items() if value == 1})
    with pytest.raises(InputError, match="fewer than two answers in what is mapped as slum"):
        assess_estimate(sample, out=tmp_path / "b", options=allowed)


def test_answers_may_be_values_and_must_be_classes(city, tmp_path):
    sample = answered(
        assess_sample(city, out=tmp_path / "s.gpkg", options=SampleOptions(points=60))
    )
    answer(sample, {1: "1", 2: " SLUM "})
    assess_estimate(sample, out=tmp_path / "a")
    answer(sample, {1: "park", 2: "7", 3: "park"})
    with pytest.raises(InputError, match=r"3 answers .* are no class of the map \(7, park\)"):
        assess_estimate(sample, out=tmp_path / "b")


def test_added_and_removed_points_are_refused(city, tmp_path):
    sample = answered(
        assess_sample(city, out=tmp_path / "s.gpkg", options=SampleOptions(points=60))
    )
    points = pyogrio.read_dataframe(sample, layer="points")
    pyogrio.write_dataframe(points.iloc[3:], sample, layer="points", driver="GPKG")
    with pytest.raises(InputError, match="3 of its 60 points are gone"):
        assess_estimate(sample, out=tmp_path / "a")
    extra = points.iloc[:1].assign(point=99)
    pyogrio.write_dataframe(extra, sample, layer="points", driver="GPKG", append=True)
    with pytest.raises(InputError, match="gone and 1 points were added"):
        assess_estimate(sample, out=tmp_path / "a")
    other = tmp_path / "other.gpkg"
    points.to_file(other, layer="points")
    with pytest.raises(InputError, match="has no answer_key and no design and no strata"):
        assess_estimate(other, out=tmp_path / "a")


def test_a_perfect_sample_says_what_it_cannot_say(city, tmp_path):
    sample = assess_sample(city, out=tmp_path / "s.gpkg", options=SampleOptions(points=60))
    answer(sample, {point: NAMES[value] for point, value in answer_key(sample).items()})
    folder = assess_estimate(sample, out=tmp_path / "a")
    assert "found no exception" in (folder / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SampleOptions(standard_error=1), "standard error of 1"),
        (SampleOptions(points=1), "2 or more"),
        (SampleOptions(points=3), "3 points are too few"),
        (SampleOptions(min_per_class=1), "at least 2 points"),
        (SampleOptions(expected={"slum": 80}), "from 0 to 1"),
        (SampleOptions(expected={"slums": 0.8}), "no class 'slums'"),
        (SampleOptions(class_points={"slum": 50}), "0 points were asked for in background"),
        (SampleOptions(allocation="by feel"), "by feel"),
    ],
)
def test_options_that_cannot_be_are_refused(city, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        assess_sample(city, out=tmp_path / "s.gpkg", options=options)
    assert [p.name for p in tmp_path.iterdir() if "gpkg" in p.name] == []


def test_maps_that_cannot_be_sampled_are_refused(tmp_path, city):
    values = np.zeros((50, 50), np.uint8)
    nothing = write_map(tmp_path / "n.tif", np.full((50, 50), 255, np.uint8))
    with pytest.raises(InputError, match="nodata only"):
        assess_sample(nothing, out=tmp_path / "s.gpkg")
    values[3, 4] = 1
    single = write_map(tmp_path / "one.tif", values)
    with pytest.raises(InputError, match="a single cell"):
        assess_sample(single, out=tmp_path / "s.gpkg")
    values[:9] = 2
    unnamed = write_map(tmp_path / "u.tif", values)
    with pytest.raises(ClassTableError, match="value 2"):
        assess_sample(unnamed, out=tmp_path / "s.gpkg")
    alike = write_map(tmp_path / "a.tif", values, names=("a", "Slum", "slum"))
    with pytest.raises(ClassTableError, match="cannot tell apart"):
        assess_sample(alike, out=tmp_path / "s.gpkg")
    with pytest.raises(InputError, match=r"\.gpkg"):
        assess_sample(city, out=tmp_path / "s.shp")
    (tmp_path / "there.gpkg").touch()
    with pytest.raises(OutputExistsError):
        assess_sample(city, out=tmp_path / "there.gpkg")


def test_cells_of_uneven_size_are_told(tmp_path, caplog):
    values = np.zeros((400, 20), np.uint8)
    values[::2] = 1
    grid = Grid(CRS.from_epsg(4326), Affine(0.02, 0, 20, 0, -0.02, 66), values.shape)
    path = tmp_path / "degrees.tif"
    with create_class_raster(path, grid, ClassTable.named(NAMES)) as sink:
        sink.write(values, grid.window)
    assess_sample(path, out=tmp_path / "s.gpkg", options=SampleOptions(points=20))
    assert "equal-area CRS" in caplog.text


def test_a_map_of_change_tells_both_dates_and_a_floor_that_gives_way(tmp_path, caplog):
    names = ("background", "persistent", "growth", "loss")
    values = np.repeat(np.arange(4, dtype=np.uint8), (6000, 2500, 1000, 500)).reshape(100, 100)
    grid = Grid(UTM, Affine(10, 0, 400_000, 0, -10, 2_100_000), values.shape)
    path = tmp_path / "change.tif"
    tags = {"FROM_DATE": "2015-02-14", "TO_DATE": "2025-02-09"}
    with create_class_raster(path, grid, ClassTable.named(names), tags=tags) as sink:
        sink.write(values, grid.window)
    sample = assess_sample(path, out=tmp_path / "s.gpkg", options=SampleOptions(points=120))
    assert "do not allow 50 in every class: background 30" in caplog.text
    key = answer_key(sample)
    answer(sample, {p: names[3 if v == 2 and p % 5 == 0 else v] for p, v in key.items()})
    folder = assess_estimate(sample, out=tmp_path / "a")
    found = json.loads((folder / "assessment.json").read_text(encoding="utf-8"))
    assert (found["map"]["from_date"], found["date"]) == ("2015-02-14", "2025-02-09")
    growth = found["area_m2"]["growth"]
    assert growth["low"] < growth["estimate"] < growth["mapped"]
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert "change.tif, 2015-02-14 to 2025-02-09" in report


def test_units_need_the_very_map_and_may_not_overlap(city, tmp_path):
    sample = answered(
        assess_sample(city, out=tmp_path / "s.gpkg", options=SampleOptions(points=60))
    )
    wards = tmp_path / "wards.gpkg"
    shapes = [
        box(400_000, 2_098_000, 402_000, 2_100_000),
        box(401_000, 2_098_000, 403_000, 2_100_000),
    ]
    geopandas.GeoDataFrame({"name": ["a", "b"]}, geometry=shapes, crs=UTM).to_file(wards)
    with pytest.raises(InputError, match="--classes"):
        assess_estimate(sample, out=tmp_path / "a", options=EstimateOptions(units=wards))
    with pytest.raises(InputError, match="more than one unit"):
        options = EstimateOptions(units=wards, classes=city)
        assess_estimate(sample, out=tmp_path / "a", options=options)
    geopandas.GeoDataFrame({"name": ["a"]}, geometry=shapes[:1], crs=UTM).to_file(wards)
    other = write_map(tmp_path / "other.tif", np.ones((200, 300), np.uint8))
    with pytest.raises(InputError, match="not the map that the sample was drawn from"):
        options = EstimateOptions(units=wards, classes=other)
        assess_estimate(sample, out=tmp_path / "a", options=options)
    with pytest.raises(InputError, match="confidence"):
        assess_estimate(sample, out=tmp_path / "a", options=EstimateOptions(confidence=95))


def test_the_commands(city, tmp_path):
    sample, folder = tmp_path / "s.gpkg", tmp_path / "a"
    arguments = ["sample", str(city), "-o", str(sample), "--class-points", "slum=40"]
    result = CliRunner().invoke(command, [*arguments, "--class-points", "background=60"])
    assert result.exit_code == 0, result.output
    answered(sample)
    result = CliRunner().invoke(command, ["estimate", str(sample), "-o", str(folder)])
    assert result.exit_code == 0, result.output
    assert (folder / "areas.png").stat().st_size > 5000
    result = CliRunner().invoke(command, [*arguments, "--expected", "slum"])
    assert result.exit_code == 2
    assert "NAME=NUMBER" in result.output
    result = CliRunner().invoke(command, ["--help"])
    assert result.output.index("sample") < result.output.index("estimate")
