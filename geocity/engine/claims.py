"""Which of several jobs puts the parts together, where more than one finds all of them done.

The claim is a file in the folder of parts. Whoever holds it touches it as long as he lives, so that
the claim of one that was killed, on whatever machine, is seen to be stale and taken over.
"""

import os
import threading
import uuid
from contextlib import suppress
from pathlib import Path

from geocity.errors import OutputError
from geocity.io.staging import why_not_written

STALE_S = 120.0
"""A claim that was not touched for so long is of a process that is dead."""

_NAME = "finishing"
_TOUCH_S = 15.0

_held: dict[Path, threading.Event] = {}


def take_claim(folder: Path) -> bool:
    """Take it on to put the parts in a folder together.

    Returns:
        False where another process is at it, or has done it and removed the folder.

    Raises:
        OutputError: if the folder cannot be written to.
    """
    claim = folder / _NAME
    try:
        with suppress(FileNotFoundError):
            _remove_if_stale(claim)
        claim.open("x").close()
    except (FileExistsError, FileNotFoundError):
        return False
    except OSError as error:
        raise OutputError(why_not_written(claim, error)) from error
    ended = _held[claim] = threading.Event()
    threading.Thread(target=_keep_touching, args=(claim, ended), daemon=True).start()
    return True


def give_up_claim(folder: Path) -> None:
    """Let others put the parts together; does nothing where this process holds no claim."""
    claim = folder / _NAME
    if claim in _held:
        _held.pop(claim).set()
        with suppress(OSError):  # it went with the folder
            claim.unlink()


def _keep_touching(claim: Path, ended: threading.Event) -> None:
    while not ended.wait(_TOUCH_S):
        with suppress(OSError):
            os.utime(claim)  # where `touch` would make it again


def _remove_if_stale(claim: Path) -> None:
    if _age_s(claim) < STALE_S:
        return
    # Of several that find it stale, one can rename it; it may be another's new claim by then.
    aside = claim.with_name(f".{_NAME}.{uuid.uuid4().hex[:8]}.tmp")
    claim.rename(aside)
    if _age_s(aside) < STALE_S:
        aside.rename(claim)
    else:
        aside.unlink()


def _age_s(claim: Path) -> float:
    """Return how long ago a file was touched, by the clock of the disk that it lies on."""
    touched = claim.stat().st_mtime
    now = claim.with_name(f".{_NAME}.{uuid.uuid4().hex[:8]}.now.tmp")
    now.touch()
    try:
        return now.stat().st_mtime - touched
    finally:
        now.unlink()
