"""A run of geocity as the plugin makes it, without QGIS."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from geocity_qgis.runner import (
    CancelledError,
    GeocityError,
    Listener,
    PythonMissingError,
    as_typed,
    clean_environment,
    run,
)

from tests.conftest import make_grid, write_raster


class Ears(Listener):
    """Notes what it hears; stops the run once it has heard enough."""

    def __init__(self, enough: str = "") -> None:
        self.heard: list[tuple[str, object]] = []
        self.enough = enough

    def command(self, text):
        self.heard.append(("command", text))

    def progress(self, stage, percent):
        self.heard.append(("progress", (stage, percent)))

    def log(self, text):
        self.heard.append(("log", text))

    def warning(self, text):
        self.heard.append(("warning", text))

    def output(self, text):
        self.heard.append(("output", text))

    def cancelled(self):
        return bool(self.enough) and any(self.enough in str(what) for _, what in self.heard)

    def all(self, kind):
        return [what for k, what in self.heard if k == kind]


def test_every_event_is_heard_and_other_lines_are_passed_on(fake_python):
    ears = Ears()
    [result] = run(fake_python, ["tell", "a b", "é"], ears)
    assert result["arguments"] == ["tell", "a b", "é", "--progress", "json"]
    assert ears.all("log") == ["Working."]
    assert ears.all("warning") == ["Mind the été."]
    assert ears.all("progress") == [("read", 25.0), ("read", 100.0), ("think", 0.0)]
    assert sorted(ears.all("output")) == sorted(
        ["a library speaks", '{"not": "an event"}', '{"event": broken', "a warning of GDAL"]
    )


def test_the_child_meets_nothing_of_qgis(fake_python, monkeypatch):
    foreign = {
        "PYTHONHOME": "/usr",
        "PYTHONPATH": "/usr/share/qgis/python",
        "PYTHONSTARTUP": "/x",
        "GDAL_DATA": "/qgis/gdal",
        "GDAL_DRIVER_PATH": "/qgis/drivers",
        "PROJ_LIB": "/qgis/proj",
        "PROJ_DATA": "/qgis/proj",
        "LD_LIBRARY_PATH": "/qgis/lib",
        "QT_PLUGIN_PATH": "/qgis/qt",
        "QT_QPA_PLATFORM": "offscreen",
        "QGIS_PREFIX_PATH": "/qgis",
        "VIRTUAL_ENV": "/somewhere",
    }
    for name, value in foreign.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GDAL_CACHEMAX", "256")  # the user's own wish
    [result] = run(fake_python, ["tell"], Listener())
    there = result["environment"]
    assert not set(foreign) & set(there)
    assert there["GDAL_CACHEMAX"] == "256"
    assert there["PYTHONUTF8"] == there["PYTHONUNBUFFERED"] == there["PYTHONSAFEPATH"] == "1"
    assert there["PATH"] == os.environ["PATH"]


def test_on_windows_the_dlls_of_qgis_are_out_of_reach(monkeypatch):
    monkeypatch.setattr("geocity_qgis.runner.WINDOWS", True)
    path = os.pathsep.join(["/OSGeo4W/bin", "/OSGeo4W/apps/qgis/bin", "/Windows"])
    kept = clean_environment({"OSGEO4W_ROOT": "/OSGeo4W", "Path": path})
    assert kept["Path"] == "/Windows"
    assert "OSGEO4W_ROOT" not in kept


@pytest.mark.parametrize(
    ("command", "kind", "message"),
    [
        ("fail", GeocityError, r"^The scene é.tif has 2 bands; 3 are needed.$"),
        ("usage", GeocityError, r"No such option: --newer.* different versions"),
        ("crash", GeocityError, r"did not expect.*RuntimeError: out of luck"),
        ("killed", GeocityError, "memory ran out"),
        ("silent", GeocityError, "exit code 0 and no result"),
        ("missing", PythonMissingError, r"has no geocity(.|\n)*python3 -m venv"),
    ],
)
def test_a_failed_run_says_why(fake_python, command, kind, message):
    with pytest.raises(kind, match=message):
        run(fake_python, [command], Listener())


def test_a_report_of_faults_is_a_result_where_that_is_wanted(fake_python):
    assert run(fake_python, ["check"], Listener(), may_refuse=True)[0]["level"] == "error"
    with pytest.raises(GeocityError):
        run(fake_python, ["check"], Listener())


def test_a_python_that_is_not_there(folder):
    with pytest.raises(PythonMissingError, match=r"cannot be started(.|\n)*Settings, Options"):
        run(str(folder / "no python"), ["check"], Listener())


@pytest.mark.parametrize("command", ["hang", "stubborn"])
def test_cancelling_ends_the_run_and_all_it_started(fake_python, command, monkeypatch):
    monkeypatch.setattr("geocity_qgis.runner._PATIENCE_S", 1.0)
    ears = Ears(enough="pids")
    started = time.monotonic()
    with pytest.raises(CancelledError):
        run(fake_python, [command], ears)
    assert time.monotonic() - started < 20
    pids = [int(pid) for pid in ears.all("log")[0].split()[1:]]
    assert len(pids) == 2
    deadline = time.monotonic() + 5
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if _is_alive(pid)]


def test_a_run_of_the_real_geocity(folder):
    classes = np.zeros((1, 40, 40), np.uint8)
    classes[0, 10, 10] = 1
    source = write_raster(folder / "klassen ü.tif", classes, make_grid(40, 40), nodata=255)
    ears = Ears()
    arguments = ["majority-filter", str(source), "--out", str(folder / "filtered é.tif")]
    [result] = run(sys.executable, arguments, ears)
    assert Path(result) == folder / "filtered é.tif"
    with rasterio.open(result) as filtered:
        assert not filtered.read(1).any()
    assert ears.all("progress")
    with pytest.raises(GeocityError, match="is already there"):
        run(sys.executable, arguments, Listener())


def test_the_command_may_be_pasted_into_a_shell(folder):
    typed = as_typed([sys.executable, "-c", "import sys; print(sys.argv[1])", str(folder), "$HOME"])
    said = subprocess.run(["/bin/sh", "-c", typed], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(folder)
    assert shlex.split(typed)[-1] == "$HOME"
    on_windows = as_typed([r"C:\my python\python.exe", "a", 'b "c"'], windows=True)
    assert on_windows == r'"C:\my python\python.exe" a "b \"c\""'


def _is_alive(pid: int) -> bool:
    # The test's own init may not reap orphans: a zombie is dead.
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
