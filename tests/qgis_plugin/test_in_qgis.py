"""The plugin in the real QGIS, unpacked from its zip."""

import json
import shlex
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from geocity_qgis.commands import COMMANDS

from tests.conftest import make_grid, write_raster
from tests.io.test_onnx_models import METADATA, write_onnx
from tests.qgis_plugin.conftest import make_fake_python
from tests.tracker_inputs import AFTER, BEFORE, square, write_layer, write_slums

DRIVER = Path(__file__).with_name("drive_qgis.py")
FIELDS = {
    "raster": "raster",
    "polygons": "source",
    "file": "file",
    "folder": "file",
    "text": "string",
    "texts": "string",
    "dates": "string",
    "date": "datetime",
    "integer": "number",
    "number": "number",
    "choice": "enum",
    "switch": "boolean",
    "field": "field",
    "extent": "extent",
    "raster out": "rasterDestination",
    "vector out": "vectorDestination",
    "file out": "fileDestination",
    "folder out": "folderDestination",
}
GRID = make_grid(100, 100, cell=2.0, left=275_800.0, top=2_116_200.0)


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """Small files of a place."""
    return make_place(tmp_path_factory.mktemp("inputs"))


def make_place(parent):
    """Write small files into a folder that a careless program stumbles over."""
    folder = parent / "São Paulo's été & co"
    folder.mkdir()
    for date, size in ((BEFORE, 30), (AFTER, 40)):
        classes = np.zeros((1, 100, 100), np.uint8)
        classes[0, 20 : 20 + size, 20 : 20 + size] = 1
        classes[0, 80, 80] = 1
        names = {"CLASS_NAMES": '{"0": "background", "1": "slum"}'}
        write_raster(folder / f"classes {date.year}.tif", classes, GRID, nodata=255, tags=names)
        pixels = np.random.default_rng(0).integers(1, 255, (3, 100, 100), dtype=np.uint8)
        write_raster(folder / f"scène {date.year}.tif", pixels, GRID)
    polygons = [square(0, 0), square(2, 0), square(4, 4)]
    for date in (BEFORE, AFTER):
        write_slums(folder / "slums.gpkg", f"slums_{date.year}", date, polygons)
    write_slums(folder / "one layer.gpkg", "outlines", AFTER, polygons)
    wards = [square(0, 0, 70), square(3, 0, 90)]
    write_layer(folder / "wards.gpkg", "wards", {"ward": ["Nord", "Été"]}, wards)
    return folder


@pytest.fixture(scope="session")
def session(qgis, tmp_path_factory, worker_id):
    """What QGIS did in one go: starting it takes longer than most of what it does."""
    own = tmp_path_factory.getbasetemp()
    return once((own if worker_id == "master" else own.parent) / "session", partial(drive, qgis))


def once(folder, make):
    """Make something in a folder and keep it there for the other processes that run tests."""
    answers = folder / "answers.json"
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 280
        while not answers.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
    else:
        kept = folder / "unfinished.json"
        kept.write_text(json.dumps(make(folder)), encoding="utf-8")
        kept.rename(answers)
    return json.loads(answers.read_text(encoding="utf-8"))


def drive(qgis, folder):
    """Have QGIS do one job after the other."""
    place = make_place(folder)
    python = str(make_fake_python(place))
    scene = str(place / "scène 2025.tif")
    shutil.copy(scene, place / "hang.tif")
    (place / "broken.geocity").write_text("not a model", encoding="utf-8")
    broken = {"SCENES": [scene], "MODEL": str(place / "broken.geocity")}
    # An ONNX file runs at once; a model file of geocity would first be converted, which takes long.
    write_onnx(place / "colour.onnx", metadata={**METADATA, "resolution": 200})
    classes = str(place / "classes 2025.tif")
    maps = [str(place / f"classes {d.year}.tif") for d in (BEFORE, AFTER)]
    change = {"MAPS": maps, "DATE": f"{BEFORE},{AFTER}", "OUT": str(place / "shown.gpkg")}
    mapping = {
        "SCENES": [scene],
        "MODEL": str(place / "colour.onnx"),
        "MIN_AREA": 0,
        "OUT": str(place / "my map"),
    }
    table = {
        "SLUMS": [str(place / "one layer.gpkg")],
        "UNITS": str(place / "wards.gpkg"),
        "OUT": str(place / "by ward.csv"),
    }
    jobs = {
        "parameters": ["parameters"],
        "setting": ["setting", scene, python],
        "refused": ["ran", "check", broken],
        "empty": ["ran", "check", {"SCENES": [scene]}, "/usr/bin/python3"],
        "styled": ["loaded", "majorityfilter", {"CLASSES": classes, "OUT": str(folder / "s.tif")}],
        "change": ["loaded", "change", change],
        "map": ["loaded", "map", mapping],
        "table": ["loaded", "indicators", table],
        "model": ["model", classes, str(place / "modelled.gpkg")],
        "batch": ["batch", str(place)],
        "layers": ["layers", str(place / "one layer.gpkg"), str(place / "wards.gpkg")],
        "cancel": ["cancel", str(place / "hang.tif"), python],
    }
    asked = folder / "jobs.json"
    asked.write_text(json.dumps(list(jobs.values())), encoding="utf-8")
    done = qgis.script(DRIVER, asked)
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    assert lines, done.stdout + done.stderr
    answers = json.loads(lines[-1].removeprefix("ANSWER "))
    return {"place": str(place), **dict(zip([*jobs, "gone"], answers, strict=True))}


def run(qgis, name, *parameters, **more):
    """Run an algorithm with `qgis_process`; return its results and its log."""
    done = qgis("--json", "run", f"geocity:{name}", *parameters, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    return report["results"], report["log"]


def test_the_toolbox_lists_every_command(qgis):
    listed = qgis("list").stdout
    for command in COMMANDS:
        assert f"geocity:{command.algorithm}\t{command.title}" in listed


def test_help_is_there_for_the_terminal(qgis):
    done = qgis("help", "geocity:majorityfilter")
    assert done.returncode == 0
    assert "geocity majority-filter" in done.stdout
    assert "\nNEIGHBORS: Which cells count\n\tEmpty: four.\n" in done.stdout


def test_check_tells_what_it_found(qgis, place):
    results, log = run(qgis, "check", f"--SCENES={place / 'scène 2025.tif'}")
    assert results["LEVEL"] in ("ok", "note", "warning")
    findings = json.loads(results["REPORT"])["findings"]
    assert findings[0]["found"] in " ".join(str(line) for lines in log.values() for line in lines)


def test_check_of_what_would_be_refused_is_a_report_too(session):
    said = session["refused"]
    assert said["ok"], said
    assert said["results"]["LEVEL"] == "error"
    assert any("broken.geocity" in line for line in said["lines"])


def test_the_majority_filter_and_its_command_line(qgis, place, tmp_path):
    source, out = place / "classes 2025.tif", tmp_path / "filtered é.tif"
    results, log = run(
        qgis, "majorityfilter", f"--CLASSES={source}", f"--OUT={out}", "--NEIGHBORS=eight"
    )
    assert results == {"OUT": str(out)}
    with rasterio.open(out) as filtered:
        first = filtered.read(1)
    assert [first[80, 80], first[40, 40]] == [0, 1]
    typed = next(line for line in log["info"] if "majority-filter" in line)
    out.unlink()
    subprocess.run(["/bin/sh", "-c", typed], check=True, capture_output=True)
    with rasterio.open(out) as again:
        assert (again.read(1) == first).all()
    assert shlex.split(typed)[3:] == [
        *("majority-filter", str(source), "--neighbors", "eight"),
        *("--out", str(out), "--overwrite"),
    ]


def test_polygonize_writes_what_was_asked_for(qgis, place):
    results, _ = run(
        qgis,
        "polygonize",
        "--CLASSES=classes 2025.tif",
        "--OUT=outlines é.gpkg",
        "--MIN_AREA=100",
        "--DATE=2025-02-09",
        cwd=place,
    )
    out = place / results["OUT"]
    made = geopandas.read_file(out, layer="outlines_e")
    assert list(made["area_m2"].round(-2)) == [6400]
    assert str(made["date"].iloc[0])[:10] == "2025-02-09"


def test_change_indicators_and_page_follow_each_other(qgis, place):
    layers = [f"{place / 'slums.gpkg'}|layername=slums_{d.year}" for d in (BEFORE, AFTER)]
    scenes = [str(place / f"scène {d.year}.tif") for d in (BEFORE, AFTER)]
    results, log = run(
        qgis,
        "change",
        *(f"--MAPS={place / f'classes {d.year}.tif'}" for d in (BEFORE, AFTER)),
        f"--DATE={BEFORE}, {AFTER}",
        f"--OUT={place / 'change.gpkg'}",
    )
    change = results["OUT"]
    assert any("growth" in line for line in log["info"])
    assert len(geopandas.read_file(change, layer="growth"))
    results, _ = run(
        qgis,
        "indicators",
        *(f"--SLUMS={layer}" for layer in layers),
        *(f"--COVERED={scene}" for scene in scenes),
        f"--UNITS={place / 'wards.gpkg'}",
        "--UNIT_FIELD=ward",
        f"--OUT={place / 'table.csv'}",
    )
    table = Path(results["OUT"]).read_text(encoding="utf-8-sig")
    assert "Été" in table
    results, _ = run(
        qgis,
        "dashboard",
        *(f"--SLUMS={layer}" for layer in layers),
        *(f"--SCENE={scene}" for scene in scenes),
        f"--SCENE_DATE={BEFORE},{AFTER}",
        f"--UNITS={place / 'wards.gpkg'}",
        f"--CHANGE={change}",
        f"--INDICATORS={place / 'table.csv'}",
        "--TITLE=Slums of São Paulo",
        f"--OUT={place / 'tracker.html'}",
    )
    assert "Slums of São Paulo" in Path(results["OUT"]).read_text(encoding="utf-8")
    assert set(results) == {"OUT"}, "no project was asked for"


def test_a_failed_run_says_one_sentence(qgis, place):
    done = qgis(
        *("--json", "run", "geocity:polygonize"),
        f"--CLASSES={place / 'classes 2025.tif'}",
        f"--OUT={place / 'failed.gpkg'}",
        "--CLASS_VALUES=7",
    )
    assert done.returncode == 1
    sentence = [line for line in done.stderr.splitlines() if line.strip()][-1]
    assert "classes 2025.tif has no class 7" in sentence
    assert "Traceback" not in done.stderr
    assert not (place / "failed.gpkg").exists()


def test_a_missing_python_is_told_with_the_remedy(qgis, place):
    done = qgis(
        *("run", "geocity:check", f"--SCENES={place / 'scène 2025.tif'}"),
        GEOCITY_PYTHON="/nowhere/bin/python",
    )
    assert done.returncode == 1
    assert "GEOCITY_PYTHON names /nowhere/bin/python, where there is no Python." in done.stderr
    assert "-m venv .venv" in done.stderr
    assert "Settings, Options, Processing, Providers, geocity" in done.stderr


def test_a_python_without_geocity_is_told_with_the_remedy(session):
    said = session["empty"]
    assert not said["ok"]
    text = "\n".join(said["lines"])
    assert "The Python /usr/bin/python3 has no geocity." in text
    assert "-m venv .venv" in text


def test_every_parameter_has_its_field(session):
    for command in COMMANDS:
        shown = session["parameters"][command.algorithm]
        for parameter in command.parameters:
            kind, label, tip = shown.pop(parameter.key)
            assert (label, tip) == (parameter.label, parameter.help)
            assert kind == FIELDS.get(parameter.kind, "multilayer"), parameter
        assert set(shown) <= {"LOAD"}


def test_the_setting_names_the_python(session):
    said = session["setting"]
    assert said["ok"], said
    assert said["level"] == "error", "the fake's answer"
    assert any("fake python' -m geocity check" in line for line in said["lines"])
    assert "There is no Python at" in said["refused"]


def test_cancelling_ends_the_run_and_all_it_started(session):
    said = session["cancel"]
    assert said["results"] == {}
    assert said["alive"] == []
    assert said["seconds"] < 15
    assert said["percents"][:1] == [1.0]
    assert "Cancelled; no half-written result was left." in said["lines"]


def test_results_come_with_their_styles(session):
    said = session["styled"]
    assert said["ok"], said
    [layer] = said["layers"].values()
    assert [label.casefold() for label in layer["legend"][-2:]] == ["class 0", "class 1"]


def test_a_change_comes_as_its_layers_with_their_styles(session):
    place = Path(session["place"])
    said = session["change"]
    assert said["ok"], said
    assert set(said["layers"]) == {"growth", "loss", "persistent", "settlements"}
    assert said["results"] == {"OUT": str(place / "shown.gpkg")}
    assert len(said["layers"]["settlements"]["legend"]) > 1


def test_a_map_comes_as_rasters_and_outlines(session):
    place = Path(session["place"])
    said = session["map"]
    assert said["ok"], said
    assert said["results"]["PROJECT"] == str(place / "my map" / "map.qgz")
    assert said["results"]["OUTLINES"] == str(place / "my map" / "slums.gpkg")
    raster, outlines = (said["layers"][name] for name in sorted(said["layers"]))
    assert [label.casefold() for label in raster["legend"]][-2:] == ["background", "slum"]
    assert "slum" in " ".join(map(str, outlines["legend"])).casefold()


def test_a_table_is_added_to_the_project(session):
    assert session["table"]["ok"], session["table"]
    assert set(session["table"]["layers"]) == {"by ward"}


def test_a_model_chains_the_commands(session):
    assert session["model"]["ok"], session["model"]
    assert session["model"]["count"] == 1


def test_a_batch_runs_one_after_the_other(session):
    assert session["batch"] == [[True, True, True]] * 2


def test_layers_that_only_qgis_has_are_handed_over(session):
    said = session["layers"]
    assert said["ok"], said
    table = Path(said["out"]).read_text(encoding="utf-8-sig")
    assert "Nord" in table, "the selected ward"
    assert "Été" not in table, "the other ward"


def test_the_plugin_leaves_nothing_behind(session):
    assert session["gone"] is True
