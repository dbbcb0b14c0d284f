"""The folder of a training run beside its model: begun, stopped, gone on with."""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from geocity.errors import InputError, OutputExistsError

logger = logging.getLogger(__name__)

CURVES = "curves.png"
_RECORD = "options.json"
_TABLES = ("chips.json", "map.txt", "images.csv", "patches.csv", "patches.parquet")
_LAST, _BEST = "last.ckpt", "best.ckpt"

Record = Mapping[str, Mapping[str, Any]]
"""Groups of names and values that decide what a run gives."""


def open_run(path: Path, *, resume: bool, overwrite: bool) -> Path:
    """Return the folder of the run that makes a model file.

    Raises:
        OutputExistsError: if a stopped run is there, and is neither resumed nor overwritten.
    """
    run = path.with_name(path.stem + ".training")
    if not resume and resumable(run):
        if not overwrite:
            raise OutputExistsError(
                f"{run} holds a training run that was stopped; go on with it (--resume), or "
                "begin anew (--overwrite)"
            )
        shutil.rmtree(run)
    run.mkdir(parents=True, exist_ok=True)
    return run


def resumable(run: Path) -> bool:
    """Tell whether a run can go on."""
    return (run / _LAST).exists() and (run / _RECORD).exists()


def begin(run: Path, record: Record) -> None:
    """Write down how a run begins."""
    (run / _RECORD).write_text(json.dumps(record, indent=2), encoding="utf-8")


def began(run: Path) -> dict[str, dict[str, Any]]:
    """Read how a run began."""
    record: dict[str, dict[str, Any]] = json.loads((run / _RECORD).read_text(encoding="utf-8"))
    return record


def check_same(run: Path, now: Record) -> None:
    """Check that a run goes on with what it began with.

    Raises:
        InputError: if it does not.
    """
    then = began(run)
    for group, values in now.items():
        # As JSON keeps them: pairs become lists.
        for name, value in json.loads(json.dumps(values)).items():
            if then.get(group, {}).get(name) != value:
                raise InputError(
                    f"{run} began with {name} {then.get(group, {}).get(name)!r}, now it is "
                    f"{value!r}; resume with the same {' and '.join(now)}, or begin anew "
                    "(--overwrite)"
                )


def tables_hash(folder: Path) -> str:
    """Return the hash of what a folder of chips or cities says of itself."""
    found = hashlib.sha256()
    for name in _TABLES:
        if (folder / name).exists():
            with (folder / name).open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:16]


@contextmanager
def stoppable(run: Path, folder: Path) -> Iterator[None]:
    """Train on a folder inside: say how to go on when that is interrupted.

    Raises:
        InputError: if the folder was replaced meanwhile.
    """
    before = tables_hash(folder)
    try:
        yield
        if tables_hash(folder) != before:
            raise InputError(
                f"{folder} was replaced while a network was trained on it; begin anew (--overwrite)"
            )
    except KeyboardInterrupt:
        if resumable(run):
            logger.warning("Stopped; the same command with --resume goes on after the last epoch.")
        raise


def close_run(run: Path) -> None:
    """Drop the checkpoints: the model file holds what they were for."""
    for name in (_LAST, _BEST):
        (run / name).unlink(missing_ok=True)
