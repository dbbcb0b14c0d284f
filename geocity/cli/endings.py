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
from dataclasses import dataclass
from typing import Any

import click

from geocity.cli.console import Console
from geocity.errors import GeocityError

EXIT_REFUSED = 1
EXIT_INTERRUPTED = 130

_INTERRUPTED = "Interrupted; nothing half-written was left. Run the same command again."
_AGAIN_S = 0.05
_TALKATIVE = ("rasterio", "fiona", "pyogrio")


@dataclass
class Interrupts:
    """Whether the user has asked a command to stop.

    Attributes:
        came: set by the signal itself, for what is raised may be lost on its way: libraries report
            an error of their own, and what was interrupted half-way fails as it is tidied up.
    """

    came: bool = False


def run_to_the_end(
    console: Console, debug: bool, call: Callable[[], None], interrupts: Interrupts
) -> None:
    """Call a command and say in one sentence why it ended, if it did not end well.

    Args:
        console: where to say it.
        debug: also give the traceback and the versions of everything that took part.
        call: the command.
        interrupts: see `interruptible`.

    Raises:
        SystemExit: with 1 after a refusal or an error, with 130 after an interrupt.
    """
    try:
        with _quiet_libraries(debug):
            call()
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise  # click has its own endings
    except (KeyboardInterrupt, Exception) as error:
        interrupted = interrupts.came or isinstance(error, KeyboardInterrupt)
        sentence = _INTERRUPTED if interrupted else _sentence(error, debug)
        console.error(sentence, bug_report(error) if debug else None)
        sys.exit(EXIT_INTERRUPTED if interrupted else EXIT_REFUSED)


def _sentence(error: BaseException, debug: bool) -> str:
    if isinstance(error, GeocityError):
        return str(error)
    if isinstance(error, OSError):
        return _system_error(error)
    if isinstance(error, MemoryError):
        return (
            "The memory of this machine does not suffice; close other programs, or work in "
            "smaller pieces (smaller tiles, fewer workers)."
        )
    # The outermost boundary: whatever else comes here was not foreseen.
    advice = "" if debug else "; run the same command with --debug and send us what it says"
    return f"geocity met an error that it did not foresee ({_first_line(error)}){advice}."


def bug_report(error: BaseException) -> dict[str, Any]:
    """Return what those who mend an error need: the traceback, the command and all versions."""
    from geocity.io.library_versions import versions

    return {
        "traceback": "".join(traceback.format_exception(error)),
        "command": sys.argv,
        "versions": versions(),
    }


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Let SIGTERM end a command as Ctrl-C does, and let neither get lost.

    Yields:
        Whether one of them came.
    """
    interrupts = Interrupts()

    def interrupt(signum: int, frame: object) -> None:
        interrupts.came = True
        raise KeyboardInterrupt

    def unraisable(lost: Any) -> None:
        # Python drops what is raised while it tidies up: ask again a moment later.
        if issubclass(lost.exc_type, KeyboardInterrupt):
            threading.Timer(_AGAIN_S, _thread.interrupt_main).start()
        else:
            former_hook(lost)

    signals = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell may ignore it
        signals.append(signal.SIGINT)
    try:
        former = {number: signal.signal(number, interrupt) for number in signals}
    except ValueError:  # not the main thread, as in some test runners: nothing to catch there
        yield interrupts
        return
    former_hook, sys.unraisablehook = sys.unraisablehook, unraisable
    try:
        yield interrupts
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
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
