"""Runs the real QGIS and GDAL of the system, where there are any, in a process of their own."""

import functools
import json
import os
import subprocess
from collections.abc import Callable
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


@pytest.fixture
def in_qgis(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Return a function that runs a command of `inspect_layers.py` in QGIS and gives its answer."""
    if not _can_import("qgis.core"):
        pytest.skip(f"NOT CHECKED IN QGIS: {SYSTEM_PYTHON} has no qgis.core (install python3-qgis)")
    home = tmp_path_factory.mktemp("qgis_home")
    home.chmod(0o700)

    def run(*arguments: object) -> Any:
        done = subprocess.run(
            [SYSTEM_PYTHON, str(INSPECT), *(str(a) for a in arguments)],
            env=_plain_environment(home),
            capture_output=True,
            text=True,
            timeout=240,
        )
        answers = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
        assert answers, done.stdout + done.stderr
        return json.loads(answers[-1].removeprefix("ANSWER "))

    return run


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
