"""How a command ends: done, refused, interrupted, or on an error that nobody foresaw."""

import logging
import sys
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
