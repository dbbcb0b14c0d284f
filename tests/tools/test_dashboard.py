"""The slum tracker from files to a page, and its command."""

import datetime
import json
import logging
import re
import zipfile
from xml.etree import ElementTree

import geopandas
import pytest
from click.testing import CliRunner

from geocity.cli import main
from geocity.errors import InputError, OutputExistsError
from geocity.tools.dashboard import DashboardInputs, dashboard
from geocity.tools.dashboard_options import DashboardOptions
from tests.tracker_inputs import (
    AFTER,
    BEFORE,
    NAMES,
    WARDS,
    square,
    write_layer,
    write_slums,
    write_tracker_files,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tracker_files(tmp_path_factory.mktemp("inputs"))


def content_of(page):
    """Return what a page holds."""
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'type="application/json" id="content">(.*?)</script>', text)[1])


def everything(files):
    return DashboardInputs(
        scenes=files.scenes,
        change=files.change,
        indicators=files.indicators,
        units=files.wards,
        assessments=[files.assessment],
    )


@pytest.fixture(scope="module")
def whole(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "tracker.html"
    return content_of(dashboard(files.slums, out=out, inputs=everything(files)))


def test_each_date_has_imagery_outlines_and_figures(whole):
    assert [date["id"] for date in whole["dates"]] == ["2015-02-14", "2025-02-09"]
    for date in whole["dates"]:
        (picture,) = date["imagery"]
        assert picture["url"].startswith("data:image/webp;base64,")
        assert (date["outlines"]["kind"], date["outlines"]["count"]) == ("vector", 3)
        assert date["outlines"]["probabilities"] == [0.9] * 3
        assert date["models"] == ["slums.geocity"]
    assert whole["dates"][0]["outlines"]["names"] == list(NAMES)
    assert whole["dates"][1]["outlines"]["settlements"] == [NAMES[0], "S2", "S4"]
    west, south, east, north = whole["bounds"]
    assert 0 < east - west < 0.01 > north - south > 0


def test_figures_come_from_the_indicators_and_the_assessment(whole):
    before, after = (date["figures"] for date in whole["dates"])
    assert (before["scope"], after["scope"]) == ("units", "units")
    assert before["area_m2"] == pytest.approx(123_456.7 * 7)
    assert "growth_m2" not in before
    assert "low_m2" not in before
    assert (after["estimate_m2"], after["low_m2"], after["high_m2"]) == (7e5, 6.6e5, 7.4e5)
    assert after["growth_m2"] == 4321.0 * 7


def test_the_table_has_the_columns_that_are_known(whole):
    assert "slum_pop" not in whole["indicators"]["columns"]
    assert "growth_m2" in whole["indicators"]["columns"]
    assert len(whole["indicators"]["rows"]) == 2 * len(WARDS)
    assert whole["units"]["names"] == list(WARDS)


def test_settlements_tell_their_history(whole):
    found = {s["name"]: s for s in whole["settlements"]}
    assert whole["followed"]
    assert (found["S3"]["status"], found["S3"]["change_m2"]) == ("gone", -400.0)
    assert (found["S4"]["first_seen"], found["S4"]["change_m2"]) == ("2025-02-09", 400.0)
    history = [(s["date"], s["area_m2"]) for s in found[NAMES[0]]["history"]]
    assert history == [("2015-02-14", 400.0), ("2025-02-09", 576.0)]


def test_change_has_its_areas_from_the_file(whole):
    (pair,) = whole["pairs"]
    assert pair["figures"] == {
        "growth_m2": 576.0,
        "loss_m2": 400.0,
        "persistent_m2": 800.0,
        "common_m2": 1e4,
    }
    assert pair["layers"]["growth"]["areas_m2"] == [176.0, 400.0]


def test_without_indicators_the_figures_are_those_of_the_outlines(tmp_path, files):
    inputs = DashboardInputs(change=files.change)
    whole = content_of(dashboard(files.slums, out=tmp_path / "a.html", inputs=inputs))
    after = whole["dates"][1]["figures"]
    assert after == {
        "area_m2": 1376.0,
        "settlements": 3.0,
        "largest_m2": 576.0,
        "growth_m2": 576.0,
        "loss_m2": 400.0,
        "scope": "outlines",
    }


def test_one_date_of_outlines_is_enough(tmp_path, files):
    layer = f"{files.slums}|layername=slums_2025"
    whole = content_of(dashboard(layer, out=tmp_path / "a.html"))
    assert (whole["pairs"], whole["units"], whole["indicators"]) == ([], None, None)
    assert (whole["assessments"], whole["followed"]) == ([], False)
    assert [s["name"] for s in whole["settlements"]] == [*NAMES[:2], "S4"]
    assert [s["area_m2"] for s in whole["settlements"]] == [576.0, 400.0, 400.0]


def test_many_polygons_become_a_picture_and_the_log_says_so(tmp_path, files, caplog):
    with caplog.at_level(logging.INFO, "geocity"):
        page = dashboard(
            files.slums,
            out=tmp_path / "a.html",
            inputs=DashboardInputs(change=files.change),
            options=DashboardOptions(max_vectors=2),
        )
    whole = content_of(page)
    assert [date["outlines"]["kind"] for date in whole["dates"]] == ["picture", "picture"]
    assert whole["pairs"][0]["layers"]["growth"]["kind"] == "vector"
    assert len(whole["settlements"]) == 4
    assert "The 3 outlines of 2015-02-14 are more than 2" in caplog.text


def test_the_method_note_is_a_text_or_a_file(tmp_path, files):
    note = tmp_path / "note.txt"
    note.write_text("First.\n\nSecond,\nstill second.", encoding="utf-8")
    for number, given in enumerate((str(note), note.read_text())):
        options = DashboardOptions(method_note=given)
        page = dashboard(files.slums, out=tmp_path / f"{number}.html", options=options)
        assert content_of(page)["notes"] == ["First.", "Second,\nstill second."]
    with pytest.raises(InputError, match="20,001 characters"):
        dashboard(
            files.slums,
            out=tmp_path / "b.html",
            options=DashboardOptions(method_note="x" * 20_001),
        )


def test_the_same_inputs_give_the_same_page(tmp_path, files):
    first, second = (
        dashboard(files.slums, out=tmp_path / name, inputs=everything(files)).read_bytes()
        for name in ("a.html", "b.html")
    )
    assert first == second


def test_dates_that_do_not_meet_are_told(tmp_path, files, caplog):
    only = f"{files.slums}|layername=slums_2025"
    inputs = DashboardInputs(change=files.change, indicators=files.indicators)
    dashboard(only, out=tmp_path / "a.html", inputs=inputs)
    assert "The change speaks of 2015-02-14" in caplog.text
    assert "The table of indicators speaks of 2015-02-14" in caplog.text
    with pytest.raises(InputError, match=r"was taken on 2015-02-14, but the outlines are of 2025"):
        dashboard(only, out=tmp_path / "b.html", inputs=DashboardInputs(scenes=files.scenes))


def test_scenes_need_a_date(tmp_path, files):
    inputs = DashboardInputs(scenes=files.scenes)
    options = DashboardOptions(scene_dates=(AFTER,))
    with pytest.raises(InputError, match="1 dates were given for 2 scenes"):
        dashboard(files.slums, out=tmp_path / "a.html", inputs=inputs, options=options)
    swapped = DashboardOptions(scene_dates=(AFTER, BEFORE))
    pages = [
        content_of(dashboard(files.slums, out=tmp_path / f"{i}.html", inputs=inputs, options=o))
        for i, o in enumerate((DashboardOptions(), swapped))
    ]
    assert pages[0]["dates"][0]["imagery"] == pages[1]["dates"][1]["imagery"]


def test_units_must_be_those_of_the_indicators(tmp_path, files):
    other = tmp_path / "other.gpkg"
    write_layer(other, "other", {"ward": ["Elsewhere"]}, [square(0, 0)])
    inputs = DashboardInputs(units=other, indicators=files.indicators)
    with pytest.raises(InputError, match=r"Elsewhere .* are not those of the indicators"):
        dashboard(files.slums, out=tmp_path / "a.html", inputs=inputs)


def test_an_assessment_of_another_date_is_told_and_kept_apart(tmp_path, files, caplog):
    content = json.loads(files.assessment.read_text())
    content["date"] = "2020-01-01"
    path = tmp_path / "other.json"
    path.write_text(json.dumps(content))
    inputs = DashboardInputs(assessments=[path])
    whole = content_of(dashboard(files.slums, out=tmp_path / "a.html", inputs=inputs))
    assert "assesses a map of 2020-01-01" in caplog.text
    assert all("estimate_m2" not in date["figures"] for date in whole["dates"])


def test_what_has_merged_is_told_as_such(tmp_path, files):
    rows = [
        ("S1", BEFORE, "first", 400.0, ""),
        ("S2", BEFORE, "first", 300.0, ""),
        ("S1", AFTER, "merged", 800.0, "S1,S2"),
    ]
    path = tmp_path / "change.gpkg"
    path.write_bytes(files.change.read_bytes())
    names = ("settle_id", "date", "status", "area_m2", "parents")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) | {"change_m2": [0.0] * 3}
    write_layer(path, "settlements", columns, [square(i, 0) for i in range(3)])
    inputs = DashboardInputs(change=path)
    whole = content_of(dashboard(files.slums, out=tmp_path / "a.html", inputs=inputs))
    first, second = whole["settlements"]
    assert (first["area_m2"], first["change_m2"]) == (800.0, 400.0)
    assert [state["parents"] for state in first["history"]] == ["", "S2"]
    assert second["joined"] == "S1"
    assert "area_m2" not in second
    assert "change_m2" not in second


def test_three_dates_and_settlements_that_end(tmp_path):
    last = datetime.date(2030, 1, 1)
    for date in (BEFORE, AFTER, last):
        write_slums(tmp_path / f"{date}.gpkg", "slums", date, [square(0, 0)])
    paths = [tmp_path / f"{date}.gpkg" for date in (last, BEFORE, AFTER)]
    whole = content_of(dashboard(paths, out=tmp_path / "a.html"))
    assert [date["id"][:4] for date in whole["dates"]] == ["2015", "2025", "2030"]


def test_refuses_names_and_results_that_are_there(tmp_path, files):
    with pytest.raises(InputError, match=r"does not end in \.html"):
        dashboard(files.slums, out=tmp_path / "tracker.pdf")
    out = tmp_path / "tracker.html"
    out.write_text("mine")
    with pytest.raises(OutputExistsError, match="already there"):
        dashboard(files.slums, out=out)
    with pytest.raises(InputError):
        dashboard(tmp_path / "missing.gpkg", out=out, overwrite=True)
    assert out.read_text() == "mine"


def test_the_command(tmp_path, files):
    out = tmp_path / "tracker.html"
    arguments = [str(files.slums), "-o", str(out), "--title", "Our <city>", "--credit", "Nobody"]
    for scene in files.scenes:
        arguments += ["--scene", str(scene)]
    arguments += ["--change", str(files.change), "--indicators", str(files.indicators)]
    arguments += ["--units", str(files.wards), "--assessment", str(files.assessment)]
    arguments += ["--date", "2015-02-14", "--date", "2025-02-09", "--method-note", "Careful."]
    arguments += ["--project", str(tmp_path / "tracker.qgz")]
    result = CliRunner().invoke(main, ["dashboard", *arguments])
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [str(out), str(tmp_path / "tracker.qgz")]
    whole = content_of(out)
    assert (whole["title"], whole["credit"], whole["notes"]) == (
        "Our <city>",
        "Nobody",
        ["Careful."],
    )
    result = CliRunner().invoke(main, ["dashboard", *arguments])
    assert result.exit_code == 1
    assert "--overwrite" in result.stderr


def layers_of(project):
    """Return name, source and time of every layer of a project."""
    with zipfile.ZipFile(project) as archive:
        root = ElementTree.fromstring(archive.read(archive.namelist()[0]))
    found = {}
    for layer in root.findall("projectlayers/maplayer"):
        time = layer.find("temporal")
        told = time.get("startField") or [e.text for e in time.iter() if e.text and "T" in e.text]
        found[layer.findtext("layername")] = (layer.findtext("datasource"), told)
    return root, found


def test_a_project_of_the_same_files_lies_beside_the_page(tmp_path, files):
    project = tmp_path / "tracker.qgz"
    options = DashboardOptions(project=project, title="Our city", credit="Imagery: nobody")
    page = dashboard(
        files.slums, out=tmp_path / "a.html", inputs=everything(files), options=options
    )
    assert page == tmp_path / "a.html"
    root, found = layers_of(project)
    assert set(found) == {
        *("Outlines 2015", "Outlines 2025", "Wards", "Imagery 2015", "Imagery 2025"),
    }
    source, time = found["Outlines 2015"]
    assert source.endswith("slums.gpkg|layername=slums_2015")
    assert time == ["2015-02-14T00:00:00Z", "2025-02-08T23:59:59Z"]
    labels = {item.get("id"): item.get("labelText") for item in root.iter("LayoutItem")}
    assert labels["title"] == "Our city"
    assert labels["subtitle"] == "14 February 2015 to 9 February 2025"
    assert "Imagery: scene_2015.tif, scene_2025.tif\nImagery: nobody\n" in labels["sources"]
    assert "on the ground" in labels["sources"]


def test_a_layer_of_several_dates_is_shown_once_by_its_dates(tmp_path):
    path = tmp_path / "both.gpkg"
    dates = [BEFORE, AFTER]
    write_layer(path, "slums", {"date": dates}, [square(0, 0), square(2, 0)])
    options = DashboardOptions(project=tmp_path / "t.qgz")
    dashboard(path, out=tmp_path / "a.html", options=options)
    _, found = layers_of(options.project)
    assert found == {"Outlines both": ("./both.gpkg|layername=slums", "date")}


def test_the_project_is_checked_before_any_work(tmp_path, files):
    page = tmp_path / "a.html"
    with pytest.raises(InputError, match=r"does not end in \.qgz"):
        dashboard(files.slums, out=page, options=DashboardOptions(project=tmp_path / "t.qgs"))
    there = tmp_path / "there.qgz"
    there.write_text("mine")
    with pytest.raises(OutputExistsError, match="already there"):
        dashboard(files.slums, out=page, options=DashboardOptions(project=there))
    parquet = tmp_path / "slums.parquet"
    geopandas.read_file(files.slums, layer="slums_2015").to_parquet(parquet)
    with pytest.raises(InputError, match="GeoParquet"):
        dashboard(parquet, out=page, options=DashboardOptions(project=tmp_path / "t.qgz"))
    assert not page.exists()
    assert there.read_text() == "mine"
