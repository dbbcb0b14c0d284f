"""Scenes classified and compared in one go: stopped anywhere, the same again."""

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from geocity.engine.run import WorkOptions
from geocity.errors import ModelError, OutputExistsError
from geocity.tools.change import change
from geocity.tools.change_options import ChangeOptions
from tests.conftest import make_grid, write_raster
from tests.engine import toy_classification
from tests.tools.toy_models import write_toy_model

ROOT = Path(__file__).parents[2]
GRID = make_grid(90, 140)


@pytest.fixture
def scenes(tmp_path):
    paths = []
    for year in (2015, 2025):
        pixels = np.random.default_rng(year).integers(0, 9, (3, 9, 14), dtype=np.uint8)
        pixels = np.kron(pixels, np.ones((1, 10, 10), np.uint8))
        paths.append(write_raster(tmp_path / f"scene_{year}-02-14.tif", pixels, GRID))
    return paths


@pytest.fixture
def model(tmp_path):
    return write_toy_model(tmp_path / "m.geocity")


@pytest.fixture
def toy(monkeypatch):
    """Small parts and an engine whose answers are known; tells what was classified."""
    toy_classification.install(monkeypatch.setattr)
    from geocity.tools import change_scenes

    asked, classify = [], change_scenes.classify

    def noting(scene, **more):
        asked.append(scene.name)
        return classify(scene, **more)

    monkeypatch.setattr(change_scenes, "classify", noting)
    return asked


def contents(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def emptied(folder):
    found = contents(folder)
    for path in folder.iterdir():
        path.unlink()
    return found


class StoppedError(Exception):
    """Ends a run in the middle."""


def stop_in(stage, count=0):
    """Stop when a stage is told of for the count-th time."""
    heard = []

    def progress(done, total, now):
        heard.extend([now] if now == stage else [])
        if len(heard) > count:
            raise StoppedError

    return progress


def test_one_model_for_all_and_class_rasters_that_stay(tmp_path, scenes, model, toy):
    result = change(scenes, out=tmp_path / "one" / "c.gpkg", model=model)
    assert toy == [path.name for path in scenes]
    found = set(contents(tmp_path / "one"))
    assert {"c_classes_2015-02-14.tif", "c_classes_2025-02-14.tif", "c.gpkg", "c.json"} < found
    assert not [name for name in found if name.startswith(".") or "raw" in name]
    assert json.loads(result.report.read_text())["pairs"][0]["persistent_m2"] > 0


@pytest.mark.parametrize(
    ("stage", "count", "classified"),
    [("Classifying", 9, 3), ("filter", 0, 2), ("find patches", 0, 2), ("compare", 0, 2)],
)
def test_a_stopped_run_goes_on(tmp_path, scenes, model, toy, caplog, stage, count, classified):
    out = tmp_path / "one" / "c.gpkg"
    change(scenes, out=out, model=model)
    expected = emptied(out.parent)
    toy.clear()
    caplog.set_level(logging.INFO)
    with pytest.raises(StoppedError):
        change(scenes, out=out, model=model, progress=stop_in(stage, count))
    assert not out.exists()
    change(scenes, out=out, model=model)
    assert "A former run of this change was found" in caplog.text
    assert len(toy) == classified
    assert contents(out.parent) == expected


def test_other_rules_of_comparing_need_no_second_classification(tmp_path, scenes, model, toy):
    out = tmp_path / "one" / "c.gpkg"
    with pytest.raises(StoppedError):
        change(scenes, out=out, model=model, progress=stop_in("compare"))
    change(scenes, out=out, model=model, options=ChangeOptions(tolerance_m=2))
    assert len(toy) == 2


@pytest.mark.parametrize("what", ["scene", "model", "resume"])
def test_other_input_starts_afresh(tmp_path, scenes, model, toy, what):
    out, more = tmp_path / "one" / "c.gpkg", {}
    with pytest.raises(StoppedError):
        change(scenes, out=out, model=model, progress=stop_in("compare"))
    if what == "scene":
        os.utime(scenes[1], ns=(1, 1))
    elif what == "model":
        model.unlink()
        write_toy_model(model, padding=12)
    else:
        more["work"] = WorkOptions(resume=False)
    with pytest.raises(OutputExistsError, match="classes_2015"):
        change(scenes, out=out, model=model, **more)
    change(scenes, out=out, model=model, overwrite=True, **more)
    assert len(toy) == 4


def test_nothing_stays_of_a_refusal(tmp_path, scenes, model, toy):
    with pytest.raises(ModelError):
        change(scenes, out=tmp_path / "one" / "c.gpkg", model=tmp_path / "none.geocity")
    assert not (tmp_path / "one").exists()


SCRIPT = """
    import sys
    from geocity.cli.change import command
    from tests.engine import toy_classification

    toy_classification.install()
    toy_classification.Slow.seconds = 0.02
    if __name__ == "__main__":
        command(sys.argv[1:])
"""


def start(tmp_path, arguments):
    script = tmp_path / "drive.py"
    script.write_text(textwrap.dedent(SCRIPT))
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_command_killed_and_run_again(tmp_path, scenes, model, toy):
    out = tmp_path / "one" / "c.gpkg"
    change(scenes, out=out, model=model)
    expected = emptied(out.parent)
    arguments = [*scenes, "-m", model, "-o", out]
    driver = start(tmp_path, arguments)
    end = time.monotonic() + 60
    # The second scene is half-way.
    parts = out.parent / ".c_work" / "raw_2025-02-14.tif.parts"
    while len(list(parts.glob("[!.]*.json"))) < 2:
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    assert not out.exists()
    again = start(tmp_path, arguments)
    printed, said = again.communicate()
    assert again.returncode == 0, said
    assert printed.strip() == str(out)
    assert "A former run of this change was found; 3 steps are done" in said
    assert "parts were done by a former run" in said
    assert contents(out.parent) == expected
