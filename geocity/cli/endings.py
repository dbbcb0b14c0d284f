"""How a command ends: done, refused, interrupted, or on an error that nobody foresaw."""

import _thread
import errno
import logging
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from geocity.cli.console import Console
from geocity.errors import GeocityError

EXIT_REFUSED = 1
EXIT_INTERRUPTED = 130

_AGAIN_S = 0.05
_TALKATIVE = ("rasterio", "fiona", "pyogrio")


def run_to_the_end(console: Console, debug: bool, call: Callable[[], None]) -> None:
    """Call a command and say in one sentence why it ended, if it did not end well.

    Args:
        console: where to say it.
        debug: also give the traceback and the versions of everything that took part.
        call: the command.

    Raises:
        SystemExit: with 1 after a refusal or an error, with 130 after an interrupt.
    """
    try:
        with _quiet_libraries(debug):
            call()
    except GeocityError as error:
        console.error(str(error), bug_report(error) if debug else None)
        sys.exit(EXIT_REFUSED)
    except KeyboardInterrupt as error:
        console.error(
            "Interrupted; nothing half-written was left. Run the same command again.",
            bug_report(error) if debug else None,
        )
        sys.exit(EXIT_INTERRUPTED)
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise  # click has its own endings
    except OSError as error:
        console.error(_system_error(error), bug_report(error) if debug else None)
        sys.exit(EXIT_REFUSED)
    except MemoryError as error:
        console.error(
            "The memory of this machine does not suffice; close other programs, or work in "
            "smaller pieces (smaller tiles, fewer workers).",
            bug_report(error) if debug else None,
        )
        sys.exit(EXIT_REFUSED)
    except Exception as error:  # the outermost boundary: whatever comes here was not foreseen
        advice = "" if debug else "; run the same command with --debug and send us what it says"
        console.error(
            f"geocity met an error that it did not foresee ({_first_line(error)}){advice}.",
            bug_report(error) if debug else None,
        )
        sys.exit(EXIT_REFUSED)


def bug_report(error: BaseException) -> dict[str, Any]:
    """Return what those who mend an error need: the traceback, the command and all versions."""
    from geocity.io.library_versions import versions

    return {
        "traceback": "".join(traceback.format_exception(error)),
        "command": sys.argv,
        "versions": versions(),
    }


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, and let neither get lost."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    def unraisable(lost: Any) -> None:
        # Python drops what is raised while it tidies up: ask again a moment later.
        if issubclass(lost.exc_type, KeyboardInterrupt):
            threading.Timer(_AGAIN_S, _thread.interrupt_main).start()
        else:
            former_hook(lost)

    try:
        former = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread, as in some test runners: nothing to catch there
        yield
        return
    former_hook, sys.unraisablehook = sys.unraisablehook, unraisable
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
        sys.unraisablehook = former_hook


def _system_error(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"The disk is full{where}; free some space and run the same command again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"A file or folder may not be used{where}; check who may read and write it."
    return f"The system refused to read or write{where}: {error.strerror or _first_line(error)}."


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


@contextmanager
def _quiet_libraries(debug: bool) -> Iterator[None]:
    """Keep what libraries say to programmers from the user, unless she asks for it."""
    if debug:
        yield
        return
    silence = logging.NullHandler()
    for name in _TALKATIVE:
        logging.getLogger(name).addHandler(silence)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in _TALKATIVE:
            logging.getLogger(name).removeHandler(silence)
