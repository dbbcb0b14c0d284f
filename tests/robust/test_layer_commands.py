"""Every awkward layer goes to every command that takes one."""

import csv
import datetime
import json

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from click.testing import CliRunner

from geocity.cli import main
from geocity.io.chips import read_chip, read_chip_folder
from geocity.tools.assess_sample import SampleOptions, assess_sample
from tests.answers import answer, answer_key
from tests.conftest import UTM43
from tests.corpus import rasters, vectors
from tests.corpus.vectors import KINDS, VECTORS, outlines
from tests.robust.outcome import run, time_limit

pytestmark = pytest.mark.filterwarnings("ignore")

DAY = datetime.date(2015, 3, 17)


def area_of(polygons):
    return shapely.union_all(np.asarray(polygons, dtype=object)).area


def check(odd, outcome):
    """Check a refusal; tell whether the result can be compared with that of a plain layer."""
    if odd.refusal:
        assert outcome.refused
    if outcome.refused and odd.refusal:
        assert any(part in outcome.said for part in odd.refusal.split("|")), outcome.said
    # Outlines that lie elsewhere, or nowhere, may be refused for that.
    assert not outcome.refused or odd.refusal or not odd.same_area, outcome.said
    return not outcome.refused and odd.same_area


def make(folder):
    folder.mkdir()
    return folder


@pytest.fixture
def scene(folders):
    return rasters.plain(make(folders[0] / "scene"), rasters.imagery())


@pytest.mark.parametrize("name", KINDS)
def test_labels_of_export_chips(folders, scene, name):
    odd, source, out = VECTORS[name], folders[0], folders[1] / "chips"
    path = odd.write(source, outlines())
    outcome = run(
        "export-chips", scene, "--labels", path, "-o", out, "--chip-size", 32, "--chips", "all",
        "--split", "1,0,0", inputs=source, outputs=folders[1],
    )  # fmt: skip
    if check(odd, outcome):
        inside = sum(int((read_chip(chip)[1] == 1).sum()) for chip in read_chip_folder(out).chips)
        assert inside > 900


@pytest.mark.parametrize("name", KINDS)
def test_labels_of_check(folders, scene, name):
    odd = VECTORS[name]
    path = odd.write(folders[0], outlines())
    with time_limit():
        result = CliRunner().invoke(main, ["check", str(scene), "--labels", str(path), "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    levels = {finding["level"] for finding in json.loads(result.stdout)["findings"]}
    assert result.exit_code == ("error" in levels)
    assert result.exit_code == 1 or not odd.refusal or name == "coordinates_that_are_no_numbers"
    assert result.exit_code == 0 or odd.refusal or not odd.same_area


@pytest.mark.parametrize("option", ["--mask", "--labelled-area"])
@pytest.mark.parametrize("name", KINDS)
def test_areas_of_export_chips(folders, scene, name, option):
    odd, source, out = VECTORS[name], folders[0], folders[1] / "chips"
    path = odd.write(source, outlines())
    labels = vectors.plain(make(source / "labels"), outlines())
    outcome = run(
        "export-chips", scene, "--labels", labels, option, path, "-o", out, "--chip-size", 32,
        "--chips", "all", "--split", "1,0,0", inputs=source, outputs=folders[1],
    )  # fmt: skip
    assert outcome.refused or not odd.refusal
    assert outcome.refused == (option == "--mask") or not odd.same_area or odd.refusal


@pytest.mark.parametrize("name", KINDS)
def test_area_of_classify(folders, scene, toy_package, toy_engine, read_classes, name):
    odd, source, out = VECTORS[name], folders[0], folders[1] / "classes.tif"
    path = odd.write(source, outlines())
    outcome = run(
        "classify", scene, "-m", toy_package, "--aoi", path, "-o", out,
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    if check(odd, outcome):
        values, grid = read_classes(out)
        covered = (values != 255).sum() * grid.cell_area_m2
        assert covered == pytest.approx(area_of(outlines().geometry), rel=0.05)


@pytest.mark.parametrize("name", KINDS)
def test_change(folders, name):
    odd, source, out = VECTORS[name], folders[0], folders[1] / "change.gpkg"
    path = odd.write(source, outlines())
    other = vectors.plain(make(source / "other"), outlines())
    dates = ("--date", "2015-01-01", "--date", "2025-01-01")
    outcome = run("change", path, other, *dates, "-o", out, inputs=source, outputs=folders[1])
    if name in ("empty", "empty_geojson"):  # a date without slums
        assert not outcome.refused
        return
    if check(odd, outcome):
        kept = pyogrio.read_dataframe(out, layer="persistent")
        assert area_of(kept.to_crs(UTM43).geometry) == pytest.approx(
            area_of(outlines().geometry), rel=1e-3
        )


@pytest.mark.parametrize("name", KINDS)
def test_area_of_change(folders, name):
    odd, source, out = VECTORS[name], folders[0], folders[1] / "change.gpkg"
    path = odd.write(source, outlines())
    pair = [vectors.plain(make(source / each), outlines()) for each in ("first", "second")]
    dates = ("--date", "2015-01-01", "--date", "2025-01-01")
    outcome = run(
        "change", *pair, *dates, "--area", path, "-o", out, inputs=source, outputs=folders[1]
    )
    check(odd, outcome)


@pytest.mark.parametrize("name", KINDS)
def test_slums_of_indicators(folders, name):
    odd, source, out = VECTORS[name], folders[0], folders[1] / "table.csv"
    path = odd.write(source, outlines())
    everything = geopandas.GeoDataFrame(
        {"ward": ["All"]}, geometry=[rasters.GRID.polygon()], crs=rasters.GRID.crs
    )
    wards = vectors.plain(make(source / "wards"), everything)
    outcome = run(
        "indicators", path, "--units", wards, "--date", DAY, "-o", out,
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    if check(odd, outcome):
        with out.open(encoding="utf-8-sig", newline="") as file:
            row = next(csv.DictReader(file))
        assert float(row["slum_m2"]) == pytest.approx(area_of(outlines().geometry), rel=2e-3)


@pytest.mark.parametrize("option", ["--units", "--covered"])
@pytest.mark.parametrize("name", KINDS)
def test_areas_of_indicators(folders, name, option):
    odd, source, out = VECTORS[name], folders[0], folders[1] / "table.csv"
    path = odd.write(source, outlines(ward=["A", "B"]))
    slums = vectors.plain(make(source / "slums"), outlines())
    wards = vectors.plain(make(source / "wards"), outlines(ward=["A", "B"]))
    areas = ("--units", path) if option == "--units" else ("--units", wards, "--covered", path)
    outcome = run(
        "indicators", slums, *areas, "--date", DAY, "-o", out, inputs=source, outputs=folders[1]
    )
    assert outcome.refused or not odd.refusal
    nameless = "dbf" in name or name == "no_fields"  # units need names
    assert not outcome.refused or odd.refusal or not odd.same_area or nameless


@pytest.mark.parametrize("name", KINDS)
def test_slums_of_dashboard(folders, name):
    odd, source, out = VECTORS[name], folders[0], folders[1] / "tracker.html"
    path = odd.write(source, outlines())
    outcome = run("dashboard", path, "--date", DAY, "-o", out, inputs=source, outputs=folders[1])
    check(odd, outcome)


@pytest.mark.parametrize("option", ["--units", "--change", "--indicators"])
@pytest.mark.parametrize("name", KINDS)
def test_more_of_dashboard(folders, name, option):
    odd, source, out = VECTORS[name], folders[0], folders[1] / "tracker.html"
    path = odd.write(source, outlines(ward=["A", "B"]))
    slums = vectors.plain(make(source / "slums"), outlines())
    outcome = run(
        "dashboard", slums, "--date", DAY, option, path, "-o", out,
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    assert outcome.refused or option == "--units"
    assert outcome.refused or not odd.refusal


@pytest.fixture(scope="session")
def answered(tmp_path_factory):
    """A map, and a sample of it that a person answered as it is mapped."""
    folder = tmp_path_factory.mktemp("sample")
    path = rasters.plain(folder, rasters.classes())
    chosen = SampleOptions(points=40, allocation="equal")
    sample = assess_sample(path, out=folder / "sample.gpkg", options=chosen)
    answer(sample, {p: f"class {v}" for p, v in answer_key(sample).items()})
    return path, sample


@pytest.mark.parametrize("name", KINDS)
def test_units_of_assess_estimate(folders, answered, name):
    odd, source, out = VECTORS[name], folders[0], folders[1] / "assessment"
    path = odd.write(source, outlines(ward=["A", "B"]))
    classes, sample = answered
    outcome = run(
        "assess", "estimate", sample, "--units", path, "--classes", classes, "-o", out,
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    assert outcome.refused or not odd.refusal


@pytest.mark.parametrize("name", KINDS)
def test_samples_of_assess_estimate(folders, name):
    """None of these is a sample."""
    source, out = folders[0], folders[1] / "assessment"
    path = VECTORS[name].write(source, outlines())
    assert run("assess", "estimate", path, "-o", out, inputs=source, outputs=folders[1]).refused
