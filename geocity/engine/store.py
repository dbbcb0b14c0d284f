"""Where parts lie on disk, and which of them count as done.

A part is done when its files and its *sidecar* are there, the sidecar carries the fingerprint of
this run, and every file has the size and SHA-256 that the sidecar tells. Files and sidecar appear
by renaming, the sidecar last: whatever dies half-way leaves a part that is simply not done. Files
are waited for until the disk has them, for a full or distant disk may say so only then; not the
sidecar: one that a power cut takes away leaves, again, a part that is not done.
"""

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geocity.engine.claims import STALE_S, give_up_claim, take_claim
from geocity.engine.plan import Part
from geocity.errors import OutputError
from geocity.io.staging import why_not_written

logger = logging.getLogger(__name__)

# Reading and hashing release the interpreter's lock.
_CHECKERS = 4

Write = Callable[[Path], object]


def parts_folder(out: Path) -> Path:
    """Return where the parts of a result are kept until it is whole: ``<out>.parts`` beside it."""
    return out.with_name(out.name + ".parts")


@dataclass(frozen=True, slots=True)
class PartStore:
    """A folder of parts.

    Attributes:
        folder: made when the first part is saved.
        fingerprint: of the run; parts of another run do not count.
    """

    folder: Path
    fingerprint: str

    def path(self, part: Part, name: str) -> Path:
        """Return where a file of a part lies, for example ``classes.tif``."""
        return self.folder / f"{part.name}.{name}"

    def sidecar(self, part: Part) -> Path:
        """Return the file that says that a part is done."""
        return self.folder / f"{part.name}.json"

    def save(
        self, part: Part, write: Mapping[str, Write], facts: Mapping[str, Any] | None = None
    ) -> None:
        """Keep a part: every file under a temporary name first, then the sidecar.

        Args:
            part: whose files they are.
            write: by name, what writes the file to the path it is given.
            facts: small findings about the part, anything JSON holds; see `facts`.

        Raises:
            OutputError: if the disk is full or the folder not writable.
        """
        mark = f".{part.name}.{uuid.uuid4().hex[:8]}.tmp."
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            files = {name: self._write(part, name, mark, how) for name, how in write.items()}
            told = {
                "part": part.name,
                "fingerprint": self.fingerprint,
                "files": files,
                "facts": dict(facts or {}),
            }
            temporary = self.folder / f"{mark}json"
            temporary.write_text(json.dumps(told), encoding="utf-8")
            os.replace(temporary, self.sidecar(part))  # noqa: PTH105 - atomic, and replaces
        except OSError as error:
            self._sweep(mark)
            if isinstance(error, OutputError) or error.errno is None:
                raise
            raise OutputError(why_not_written(self.folder, error)) from error
        except BaseException:
            self._sweep(mark)
            raise

    def _write(self, part: Part, name: str, mark: str, write: Write) -> dict[str, Any]:
        temporary = self.folder / f"{mark}{name}"
        write(temporary)
        _flush(temporary)
        measured = _measure(temporary)
        os.replace(temporary, self.path(part, name))  # noqa: PTH105
        return measured

    def _sweep(self, mark: str) -> None:
        for leftover in self.folder.glob(f"{mark}*"):
            with suppress(OSError):
                leftover.unlink()

    def done(self, part: Part) -> bool:
        """Tell whether a part is there, whole, and of this run."""
        told = self._told(part)
        if told is None or told.get("fingerprint") != self.fingerprint:
            return False
        files = told.get("files")
        if not isinstance(files, dict):
            return False
        try:
            return all(_measure(self.path(part, n)) == measured for n, measured in files.items())
        except OSError:
            return False

    def _told(self, part: Part) -> dict[str, Any] | None:
        try:
            told = json.loads(self.sidecar(part).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return told if isinstance(told, dict) else None

    def facts(self, part: Part) -> dict[str, Any]:
        """Return what was found out about a part that is done."""
        return dict((self._told(part) or {}).get("facts", {}))

    def missing(self, parts: Iterable[Part]) -> list[Part]:
        """Return the parts that are not done, in their order."""
        asked = list(parts)
        if not self.folder.is_dir():
            return asked
        with ThreadPoolExecutor(_CHECKERS) as pool:
            return [
                p for p, done in zip(asked, pool.map(self.done, asked), strict=True) if not done
            ]

    def of_other_runs(self, parts: Iterable[Part]) -> int:
        """Return how many parts are there of a run with another fingerprint."""
        told = (self._told(part) for part in parts)
        return sum(one is not None and one.get("fingerprint") != self.fingerprint for one in told)

    def clear(self, parts: Sequence[Part]) -> None:
        """Remove whatever is there of parts that will be computed anew."""
        if not self.folder.is_dir():
            return
        cleared = {part.name for part in parts}
        for path in list(self.folder.iterdir()):
            if path.name.lstrip(".").split(".", 1)[0] in cleared:
                with suppress(OSError):
                    path.unlink()

    def count(self) -> int:
        """Return how many parts have a sidecar; quick, and unchecked."""
        try:
            names = [path.name for path in self.folder.iterdir()]
        except OSError:
            return 0
        return sum(name.endswith(".json") and not name.startswith(".") for name in names)

    def claim(self) -> bool:
        """Take it on to put the parts together; False where another process is at it.

        Raises:
            OutputError: if the folder cannot be written to.
        """
        mine = take_claim(self.folder)
        if not mine:
            logger.info(
                "Another process puts the parts in %s together, or has done so. Should it die, "
                "the same command takes over after %g s.",
                self.folder,
                STALE_S,
            )
        return mine

    def disclaim(self) -> None:
        """Give up what `claim` took on."""
        give_up_claim(self.folder)

    def remove(self, *, if_empty: bool = False) -> None:
        """Remove the folder: the parts have become a result, or nothing was kept."""
        if if_empty:
            with suppress(OSError):
                self.folder.rmdir()
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.disclaim()
        if self.folder.exists():
            logger.warning("%s could not be removed; it is of no use any more.", self.folder)


def _measure(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": os.fstat(file.fileno()).st_size, "sha256": digest}


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
