"""Runs ``python -m geocity`` in a process of its own and hears what it says.

Needs no QGIS. The child is not to meet QGIS's own libraries, so it gets a clean environment; it
leads a process group, so that ending it ends its workers too.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
from typing import IO, Any, Iterable, Mapping, Sequence

WINDOWS = sys.platform == "win32"

_POLL_S = 0.2
_PATIENCE_S = 10.0
_LINES_KEPT = 200

_DROPPED = (
    "GDAL_DATA",
    "GDAL_DRIVER_PATH",
    "GEOTIFF_CSV",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "OGR_DRIVER_PATH",
    "OSGEO4W_ROOT",
    "PROJ_DATA",
    "PROJ_LIB",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
)
_DROPPED_STARTS = ("PYTHON", "QT_", "QGIS_", "DYLD_", "O4W_QT_")
_QGIS_ROOTS = ("OSGEO4W_ROOT", "QGIS_PREFIX_PATH")

HOW_TO_INSTALL = """geocity runs in a Python of its own, apart from QGIS.
To make one, open a terminal in the folder of geocity's sources and type:
    {commands}
Then choose {python} of that folder in QGIS: Settings, Options, Processing, Providers, geocity."""

_INSTALL = {
    False: (
        "python3 -m venv .venv && .venv/bin/python -m pip install -c constraints.txt .",
        ".venv/bin/python",
    ),
    True: (
        r"py -m venv .venv && .venv\Scripts\python -m pip install -c constraints.txt .",
        r".venv\Scripts\python.exe",
    ),
}


class GeocityError(Exception):
    """A run failed; the text is for the user."""


class PythonMissingError(GeocityError):
    """There is no Python with geocity; the text tells how to make one."""


class CancelledError(GeocityError):
    """The user stopped the run."""


class Listener:
    """Hears a run; a class of its own so that a run needs no QGIS."""

    def command(self, text: str) -> None:
        """Hear what is run, as it may be typed in a shell."""

    def progress(self, stage: str, percent: float) -> None:
        """Hear how far a stage is."""

    def log(self, text: str) -> None:
        """Hear a sentence about the work."""

    def warning(self, text: str) -> None:
        """Hear what the user should know."""

    def output(self, text: str) -> None:
        """Hear a line that is no event."""

    def cancelled(self) -> bool:
        """Tell whether the run is to stop."""
        return False


def how_to_install() -> str:
    """Return how to make a Python with geocity."""
    commands, python = _INSTALL[WINDOWS]
    return HOW_TO_INSTALL.format(commands=commands, python=python)


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what QGIS set for its own Python, GDAL, PROJ and Qt."""
    roots = [environment[name] for name in _QGIS_ROOTS if environment.get(name)]
    kept = {
        name: value
        for name, value in environment.items()
        if name.upper() not in _DROPPED and not name.upper().startswith(_DROPPED_STARTS)
    }
    for name in kept:
        if name.upper() == "PATH":
            kept[name] = _without(kept[name], roots)
    # Safe path: a folder called geocity in the working folder is not what is meant. The working
    # folder itself stays, for paths that are relative to it.
    kept.update(PYTHONUTF8="1", PYTHONIOENCODING="utf-8", PYTHONUNBUFFERED="1", PYTHONSAFEPATH="1")
    return kept


def _without(path: str, roots: Iterable[str]) -> str:
    """Return a search path without the folders below some roots: QGIS's DLLs on Windows."""
    foreign = [os.path.normcase(os.path.abspath(root)) for root in roots if len(root) > 3]
    if not WINDOWS or not foreign:
        return path
    folders = path.split(os.pathsep)
    return os.pathsep.join(
        folder
        for folder in folders
        if not os.path.normcase(os.path.abspath(folder)).startswith(tuple(foreign))
    )


def as_typed(command: Sequence[str], *, windows: bool = WINDOWS) -> str:
    """Return a command as it is typed in a shell, quoted where that is needed."""
    if windows:
        return subprocess.list2cmdline(command)
    return " ".join(shlex.quote(part) for part in command)


def run(
    python: str, arguments: Sequence[str], listener: Listener, *, may_refuse: bool = False
) -> list[Any]:
    """Run a command of geocity.

    Args:
        python: the Python that has geocity.
        arguments: what is typed after ``geocity``.
        listener: hears what it says, and says when to stop.
        may_refuse: exit code 1 with a result is a result, as with ``check``.

    Returns:
        The results, as the command gave them: paths, or a report.

    Raises:
        PythonMissingError: if there is no such Python, or no geocity in it.
        CancelledError: if the listener stopped it.
        GeocityError: if it failed; the text is its last sentence.
    """
    command = [python, "-m", "geocity", *arguments]
    listener.command(as_typed(command))
    process = _start([*command, "--progress", "json"])
    said = _Said()
    try:
        _listen(process, listener, said)
    finally:
        if process.poll() is None:
            end_group(process)
    if said.results and (process.returncode == 0 or (may_refuse and not said.error)):
        return said.results
    raise _failure(python, process.returncode, said)


class _Said:
    """What a run has said that matters at its end."""

    def __init__(self) -> None:
        self.results: list[Any] = []
        self.error = ""
        self.lines: list[str] = []


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    settings: dict[str, Any] = {"start_new_session": True}
    if WINDOWS:
        no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        settings = {"creationflags": no_window | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(os.environ),
            **settings,
        )
    except OSError as error:
        raise PythonMissingError(
            f"The Python {command[0]} cannot be started ({error.strerror}).\n{how_to_install()}"
        ) from error


def _listen(process: subprocess.Popen[bytes], listener: Listener, said: _Said) -> None:
    """Pass on what the process says until it has ended; end it when the listener wants to stop."""
    lines: queue.Queue[tuple[bool, bytes | None]] = queue.Queue()
    readers = 0
    for stream, is_stdout in ((process.stdout, True), (process.stderr, False)):
        threading.Thread(target=_read, args=(stream, is_stdout, lines), daemon=True).start()
        readers += 1
    while readers:
        if listener.cancelled():
            end_group(process)
            raise CancelledError("Cancelled; no half-written result was left.")
        try:
            is_stdout, line = lines.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if line is None:
            readers -= 1
            continue
        _hear(line.decode("utf-8", "replace").rstrip("\r\n"), is_stdout, listener, said)
    # Both streams are closed: the process is about to end, or will not be heard again.
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        end_group(process)


def _read(stream: IO[bytes], is_stdout: bool, lines: queue.Queue[Any]) -> None:
    with stream:
        for line in stream:
            lines.put((is_stdout, line))
    lines.put((is_stdout, None))


def _hear(line: str, is_stdout: bool, listener: Listener, said: _Said) -> None:
    event = _event(line) if is_stdout else None
    if event is None:
        if line.strip():
            said.lines = [*said.lines[-_LINES_KEPT:], line]
            listener.output(line)
        return
    kind = event["event"]
    if kind == "progress":
        total = float(event.get("total") or 0)
        done = float(event.get("done") or 0)
        share = min(done / total, 1.0) if total > 0 else 0.0
        listener.progress(str(event.get("stage", "")), 100 * share)
    elif kind == "result":
        said.results.append(event.get("result"))
    elif kind == "error":
        said.error = str(event.get("message", ""))
    elif kind == "warning":
        listener.warning(str(event.get("message", "")))
    else:
        listener.log(str(event.get("message", line)))


def _event(line: str) -> dict[str, Any] | None:
    """Return the event that a line holds, if it holds one."""
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all it started; first politely, so that it can clean up."""
    if WINDOWS:
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(process.pid)],
            capture_output=True,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        process.wait(_PATIENCE_S)
        return
    _signal_group(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE_S)
    # Also after a polite end: a worker may have outlived its leader.
    _signal_group(process, signal.SIGKILL)
    process.wait(_PATIENCE_S)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except OSError:
        # ProcessLookupError: all gone. macOS says EPERM for a group of zombies.
        return


def _failure(python: str, code: int, said: _Said) -> GeocityError:
    if said.error:
        return GeocityError(said.error)
    last = said.lines[-1].strip() if said.lines else ""
    if "No module named" in last and "geocity" in last:
        return PythonMissingError(f"The Python {python} has no geocity.\n{how_to_install()}")
    if code == 2 and last:
        return GeocityError(
            f"{last.replace('Error: ', '', 1)} Perhaps geocity and this plugin are of different "
            "versions."
        )
    if code in (-9, 137):
        return GeocityError(
            "geocity was killed by the system, most likely because memory ran out; smaller tiles "
            "or batches need less."
        )
    if any(line.startswith("Traceback ") for line in said.lines):
        return GeocityError(
            f"geocity met an error that it did not expect; please report it with this log. {last}"
        )
    return GeocityError(last or f"geocity ended with exit code {code} and no result.")
