"""Run records: what was typed, with which files and versions, and what came out.

A record is a small JSON file beside a result, ``<result>.run.json``, or ``run.json`` in a result
that is a folder. `geocity.rerun` repeats it. Paths stand as they were typed; the folder in which
they were typed is told relative to the record, so that a project can move as a whole.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geocity.core.progress import Progress, silent
from geocity.errors import InputError
from geocity.io.library_versions import versions
from geocity.io.staging import staged

FOLDER_RECORD = "run.json"
_SUFFIX = ".run.json"
_KIND = "geocity run"
_VERSION = 1
_CHUNK_BYTES = 1 << 22
_MAX_RECORD_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file or folder that took part.

    Attributes:
        path: as it was typed.
        files: how many files; 1 for a file.
        bytes: their size together.
        sha256: of a file's content; of a folder, over the names and contents of its files, without
            run records. None for what is not on this machine (URLs, ``/vsi…``).
    """

    path: str
    files: int
    bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A command that was run.

    Attributes:
        arguments: what followed ``geocity`` on the command line.
        options: every option of the command with its value, defaults included.
        folder: where it was typed, relative to the record.
        versions: of geocity, the system and the libraries.
        inputs: files that were read.
        outputs: files that were written, the result first.
        started: when, UTC, ISO 8601.
        seconds: how long it took.
    """

    arguments: tuple[str, ...]
    options: Mapping[str, Any]
    folder: str
    versions: Mapping[str, str]
    inputs: tuple[FileRecord, ...]
    outputs: tuple[FileRecord, ...]
    started: str
    seconds: float


def record_path(out: Path) -> Path:
    """Return where the record of a result lies."""
    return out / FOLDER_RECORD if out.is_dir() else out.with_name(out.name + _SUFFIX)


def size_of(path: str) -> int:
    """Return the bytes of a file or folder on this machine; 0 for anything else."""
    return sum(file.stat().st_size for file in _files(Path(path))) if Path(path).exists() else 0


def describe(path: str, folder: Path, told: Callable[[int], None] = lambda _: None) -> FileRecord:
    """Describe a file or folder by its content.

    Args:
        path: as it was typed.
        folder: where it was typed.
        told: hears of the bytes that were read, chunk by chunk.
    """
    place = folder / path
    if not place.exists():
        return FileRecord(path, 0, 0, None)
    files = list(_files(place))
    size = sum(file.stat().st_size for file in files)
    if place.is_file():
        return FileRecord(path, 1, size, _digest(place, told).hexdigest())
    whole = hashlib.sha256()
    for file in files:
        name = file.relative_to(place).as_posix().encode()
        whole.update(len(name).to_bytes(4, "big") + name + _digest(file, told).digest())
    return FileRecord(path, len(files), size, whole.hexdigest())


def _files(place: Path) -> Iterator[Path]:
    """Yield a file, or the files of a folder in a fixed order; no run records."""
    if place.is_file():
        yield place
        return
    for file in sorted(place.rglob("*")):
        if file.is_file() and file.name != FOLDER_RECORD and not file.name.endswith(_SUFFIX):
            yield file


def _digest(path: Path, told: Callable[[int], None]) -> "hashlib._Hash":
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            told(len(chunk))
    return digest


def write_run_record(
    out: Path,
    arguments: Sequence[str],
    options: Mapping[str, Any],
    files: tuple[Sequence[str], Sequence[str]],
    when: tuple[str, float],
    *,
    progress: Progress = silent,
) -> Path:
    """Write the record of a command that has just been run in the current folder.

    Args:
        out: the result.
        arguments: what followed ``geocity``.
        options: of the command.
        files: paths that were read, and paths that were written.
        when: the start in UTC, and how many seconds it took.
        progress: hears of the bytes that are hashed.

    Returns:
        The path of the record.
    """
    here, record = Path.cwd(), record_path(out)
    total, done = sum(size_of(path) for paths in files for path in paths), 0

    def told(size: int) -> None:
        nonlocal done
        done += size
        progress(done, total, "Recording")

    inputs, outputs = (tuple(describe(path, here, told) for path in paths) for paths in files)
    plain = RunRecord(
        tuple(arguments),
        options,
        _relative(here, record.parent),
        versions(),
        inputs,
        outputs,
        *when,
    )
    content = {"kind": _KIND, "version": _VERSION, **asdict(plain)}
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"
    with staged(record, overwrite=True) as stage:
        stage.path.write_text(text, encoding="utf-8")
    return record


def _relative(folder: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(folder, start)).as_posix()
    except ValueError:  # another drive
        return folder.as_posix()


def read_run_record(path: Path) -> RunRecord:
    """Read a record.

    Raises:
        InputError: if there is none, or it is damaged or of another kind or version.
    """
    if path.is_dir():
        path = path / FOLDER_RECORD
    if not path.is_file():
        raise InputError(
            f"{path} does not exist; give the record of a run: it lies beside its result, as "
            f"<result>{_SUFFIX}, or in a result that is a folder, as {FOLDER_RECORD}."
        )
    try:
        if path.stat().st_size > _MAX_RECORD_BYTES:
            raise ValueError(f"{path.stat().st_size} bytes are too many for a record")
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["kind"] != _KIND or content["version"] != _VERSION:
            raise ValueError(f"a {content['kind']} of version {content['version']}")
        return RunRecord(
            arguments=_texts(content["arguments"]),
            options=dict(content["options"]),
            folder=str(content["folder"]),
            versions=dict(content["versions"]),
            inputs=tuple(_file_record(item) for item in content["inputs"]),
            outputs=tuple(_file_record(item) for item in content["outputs"]),
            started=str(content["started"]),
            seconds=float(content["seconds"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise InputError(f"{path} cannot be read as the record of a run: {error}.") from error


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("its arguments are not a list of texts")
    return tuple(values)


def _file_record(item: Mapping[str, Any]) -> FileRecord:
    digest = item["sha256"]
    return FileRecord(
        str(item["path"]),
        int(item["files"]),
        int(item["bytes"]),
        None if digest is None else str(digest),
    )
