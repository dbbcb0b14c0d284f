"""Finds the Python that has geocity. Needs no QGIS."""

from __future__ import annotations

import os
import shutil
from typing import Iterator, Mapping

from geocity_qgis.runner import WINDOWS, PythonMissingError, how_to_install

VARIABLE = "GEOCITY_PYTHON"
"""Names the Python, whatever the settings say."""


def choose_python(setting: str, environment: Mapping[str, str]) -> str:
    """Return the Python to run: that of the environment, of the settings, or a likely one.

    Args:
        setting: what was chosen in QGIS: a Python, or the folder of its environment; may be empty.
        environment: the environment's variables.

    Raises:
        PythonMissingError: if what was chosen is not there, or nothing was and none was found.
    """
    for origin, chosen in (
        (f"The variable {VARIABLE} names", environment.get(VARIABLE, "")),
        ("The settings name", setting),
    ):
        chosen = os.path.expanduser(chosen.strip().strip('"'))
        if chosen:
            python = python_of(chosen)
            if python:
                return python
            raise PythonMissingError(
                f"{origin} {chosen}, where there is no Python.\n{how_to_install()}"
            )
    for candidate in likely_pythons(environment):
        return candidate
    raise PythonMissingError(f"No Python was chosen for geocity.\n{how_to_install()}")


def python_of(path: str) -> str:
    """Return the Python at a path, or in the environment's folder; empty if there is none."""
    inside = [os.path.join(path, *parts) for parts in _places()]
    for candidate in [path, *inside]:
        if os.path.isfile(candidate):
            return candidate
    return shutil.which(path) or "" if os.path.basename(path) == path else ""


def likely_pythons(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield Pythons that most likely have geocity: where pipx, uv and people install it."""
    script = shutil.which("geocity", path=environment.get("PATH"))
    if script:
        # The script of an environment lies beside its Python; a link leads there.
        for folder in (os.path.dirname(script), os.path.dirname(os.path.realpath(script))):
            python = os.path.join(folder, "python.exe" if WINDOWS else "python")
            if os.path.isfile(python):
                yield python
    home = os.path.expanduser("~")
    data = environment.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    for folder in (
        os.path.join(home, "geocity", ".venv"),
        os.path.join(home, ".venvs", "geocity"),
        os.path.join(data, "pipx", "venvs", "geocity"),
        os.path.join(home, "pipx", "venvs", "geocity"),
        os.path.join(data, "uv", "tools", "geocity"),
        os.path.join(environment.get("APPDATA", home), "uv", "tools", "geocity"),
    ):
        python = python_of(folder) if os.path.isdir(folder) else ""
        if python:
            yield python


def _places() -> tuple[tuple[str, ...], ...]:
    if WINDOWS:
        return (("Scripts", "python.exe"), ("python.exe",))
    return (("bin", "python"), ("bin", "python3"))
