"""Runs the real QGIS and GDAL of the system, where there are any, in a process of their own."""

import functools
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SYSTEM_PYTHON = "/usr/bin/python3"
INSPECT = Path(__file__).with_name("inspect_layers.py")


@functools.cache
def _can_import(module: str) -> bool:
    try:
        done = subprocess.run(
            [SYSTEM_PYTHON, "-c", f"import {module}"],
            env=_plain_environment(Path("/tmp")),
            capture_output=True,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _plain_environment(home: Path) -> dict[str, str]:
    """Return an environment in which QGIS neither shows windows nor reads a user's settings."""
    foreign = ("PYTHON", "GDAL_", "PROJ_", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "QT_", "XDG_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    return {
        **kept,
        "QT_QPA_PLATFORM": "offscreen",
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "LC_ALL": "C.UTF-8",
    }


class _Qgis:
    """A QGIS that answers one question after the other; it starts with the first."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process: subprocess.Popen[str] | None = None

    def ask(self, *question: object) -> Any:
        """Return the answer of a command of `inspect_layers.py`."""
        if self._process is None:
            self._process = self._start()
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([str(word) for word in question]) + "\n")
        self._process.stdin.flush()
        # QGIS itself has a word to say now and then.
        for line in self._process.stdout:
            kind, _, told = line.partition(" ")
            if kind == "ANSWER":
                return json.loads(told)
            assert kind != "FAILED", json.loads(told)
        self._process = None
        raise AssertionError(f"QGIS crashed: {self._notes.read_text(errors='replace')}")

    def close(self) -> None:
        """Let it go."""
        if self._process is not None:
            self._process.communicate(timeout=60)

    @property
    def _notes(self) -> Path:
        return self._home / "stderr.txt"

    def _start(self) -> "subprocess.Popen[str]":
        with self._notes.open("w") as notes:
            return subprocess.Popen(
                [SYSTEM_PYTHON, str(INSPECT)],
                env=_plain_environment(self._home),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=notes,
                text=True,
            )


@pytest.fixture(scope="session")
def in_qgis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Return a function that runs a command of `inspect_layers.py` in QGIS and gives its answer."""
    if not _can_import("qgis.core"):
        pytest.skip(f"NOT CHECKED IN QGIS: {SYSTEM_PYTHON} has no qgis.core (install python3-qgis)")
    home = tmp_path_factory.mktemp("qgis_home")
    home.chmod(0o700)
    qgis = _Qgis(home)
    yield qgis.ask
    qgis.close()


@pytest.fixture
def validate_gpkg(tmp_path: Path) -> Callable[[Path], None]:
    """Return a function that fails unless GDAL's validator finds nothing wrong."""
    if not _can_import("osgeo_utils.samples.validate_gpkg"):
        pytest.skip(f"GEOPACKAGE NOT VALIDATED: {SYSTEM_PYTHON} has no osgeo_utils (python3-gdal)")

    def validate(path: Path) -> None:
        done = subprocess.run(
            [SYSTEM_PYTHON, "-m", "osgeo_utils.samples.validate_gpkg", "-k", "--extra", str(path)],
            env=_plain_environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return validate
