"""Repeat a run from its record."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import geocity
from geocity.core.progress import Progress, silent
from geocity.errors import InputError, WorkError
from geocity.io.run_records import RunRecord, describe, read_run_record
from geocity.io.staging import PathLike, fresh_output

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rerun:
    """What a repeated run gave.

    Attributes:
        path: the result.
        same: whether it is the recorded result, byte for byte.
    """

    path: Path
    same: bool


def rerun(
    record: PathLike,
    *,
    out: PathLike | None = None,
    changed_inputs: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Rerun:
    """Run the command of a record again, in the same folder, and compare the results.

    Every command leaves a record: ``<result>.run.json``, or ``run.json`` in a result that is a
    folder. What was read then is compared by content first.

    Args:
        record: the record, or a folder that holds one.
        out: where to put the result, instead of its former place.
        changed_inputs: go on where inputs are no longer what they were.
        overwrite: replace a result that is there.
        progress: hears what the command tells.

    Returns:
        Where the result is, and whether it is the same.

    Raises:
        InputError: if the record cannot be read, or inputs are gone or changed.
        OutputExistsError: if the result is there already.
        WorkError: if the command is refused or fails; its own sentence.
    """
    path = Path(record)
    told = read_run_record(path)
    start = path if path.is_dir() else path.parent
    folder = Path(os.path.normpath(start.absolute() / told.folder))
    if not folder.is_dir():
        raise InputError(
            f"The run was typed in {folder}, which is not there; keep the record beside its "
            "result, and move folders as a whole."
        )
    if not changed_inputs:
        _refuse_changed(told, folder)
    if not told.outputs:
        raise InputError(f"{path} names no result, so there is nothing to repeat.")
    result = folder / told.outputs[0].path if out is None else Path(out).absolute()
    fresh_output(result, overwrite=overwrite)
    former = told.versions.get("geocity", "unknown")
    if former != geocity.__version__:
        logger.warning(
            "The run was made with geocity %s; this is %s, so the result may differ.",
            former,
            geocity.__version__,
        )
    arguments = told.arguments if out is None else with_out(told.arguments, str(result))
    if overwrite and "--overwrite" not in arguments:
        arguments = (*arguments, "--overwrite")
    logger.info("In %s: geocity %s", folder, " ".join(arguments))
    _run(arguments, folder, progress or silent)
    now = describe(str(result), folder)
    same = now.sha256 == told.outputs[0].sha256
    logger.info(
        "The result is %s.",
        "the recorded one, byte for byte" if same else "not the recorded one, byte for byte",
    )
    return Rerun(result, same)


def _refuse_changed(told: RunRecord, folder: Path) -> None:
    for item in told.inputs:
        if item.sha256 is None:
            continue  # it was not on this machine, so its content was not known either
        now = describe(item.path, folder)
        if now.sha256 is None:
            raise InputError(
                f"{folder / item.path}, which the run read, is not there; put it back."
            )
        if now.sha256 != item.sha256:
            raise InputError(
                f"{folder / item.path} has changed since the run; put the former file back, or "
                "allow changed inputs (--changed-inputs)."
            )


def with_out(arguments: Sequence[str], out: str) -> tuple[str, ...]:
    """Return a command's arguments with another result.

    Raises:
        InputError: if the command was not given its result with ``-o``.

    Example:
        >>> with_out(["clean", "-ofirst.tif", "a.tif"], "second.tif")
        ('clean', '-o', 'second.tif', 'a.tif')
    """
    changed: list[str] = []
    words = iter(arguments)
    found = False
    for word in words:
        if word in ("-o", "--out"):
            next(words, None)
        elif not word.startswith("--out=") and (word.startswith("--") or word[:2] != "-o"):
            changed.append(word)
            continue
        changed += ["-o", out]
        found = True
    if not found:
        raise InputError(
            f"geocity {' '.join(arguments[:2])} was run without -o, so its result has one place; "
            "repeat it there."
        )
    return tuple(changed)


def _run(arguments: Sequence[str], folder: Path, progress: Progress) -> None:
    """Run a command in a process of its own, as it was run then."""
    command = [sys.executable, "-m", "geocity", *arguments, "--progress", "json"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace"
    ) as child:
        try:
            refusal = _listen(_lines(child), progress)
        except BaseException:
            child.terminate()  # it ends in order, as after Ctrl-C
            raise
    if child.returncode:
        raise WorkError(refusal or f"The command ended with exit code {child.returncode}.")


def _lines(child: "subprocess.Popen[str]") -> Iterator[str]:
    if child.stdout is not None:
        yield from child.stdout


def _listen(lines: Iterator[str], progress: Progress) -> str:
    """Pass on what a command tells; returns its refusal, if there is one."""
    refusal = ""
    for line in lines:
        try:
            event = json.loads(line)
            kind = event["event"]
        except (ValueError, KeyError, TypeError):
            logger.info("%s", line.rstrip())
            continue
        if kind == "progress":
            progress(int(event["done"]), int(event["total"]), str(event["stage"]))
        elif kind == "error":
            refusal = str(event["message"])
        elif kind in ("log", "warning"):
            level = logging.WARNING if kind == "warning" else logging.INFO
            logger.log(level, "%s", event["message"])
    return refusal
