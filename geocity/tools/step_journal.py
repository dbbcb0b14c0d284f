"""Which steps of some work are done, so that work that was stopped goes on where it was."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from geocity.engine.job import file_facts
from geocity.io.staging import staged

logger = logging.getLogger(__name__)


class Journal:
    """The steps of some work, and a folder for what only lasts while it is done.

    Args:
        work: the folder, of no one else.
        fingerprint: of scenes, model and options; steps of other work do not count.
        resume: whether steps of a former run count at all.
        title: what is made, for messages.

    Attributes:
        work: the folder for what does not last.
        resumed: whether a former run of the same work was found.
    """

    def __init__(self, work: Path, fingerprint: str, *, resume: bool, title: str) -> None:
        self.work, self._title = work, title
        self._file = self.work / "journal.json"
        self._fingerprint = fingerprint
        self._done: dict[str, list[int]] = {}
        self._step: Path | None = None
        self.resumed = resume and self._read()

    def _read(self) -> bool:
        try:
            told = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if not isinstance(told, dict) or told.get("fingerprint") != self._fingerprint:
            return False
        self._done = dict(told.get("done", {}))
        done = len(self._done)
        logger.info("A former run of this %s was found; %d steps are done.", self._title, done)
        return True

    def begin(self) -> None:
        """Make the folder, or empty it of other work's leavings."""
        if not self.resumed:
            shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True, exist_ok=True)
        self._write()

    def step(self, out: Path, make: Callable[[], object]) -> Path:
        """Make a file, unless a former run has done so and it is still the same.

        Args:
            out: the file.
            make: makes it.
        """
        if self._done.get(str(out)) != list(file_facts(out)[1:]):
            self._step = out  # it may be made, and the run stopped before that is written down
            make()
            self._done[str(out)] = list(file_facts(out)[1:])
            self._write()
        return out

    def _write(self) -> None:
        told = {"fingerprint": self._fingerprint, "done": self._done}
        with staged(self._file, overwrite=True) as stage:
            stage.path.write_text(json.dumps(told), encoding="utf-8")

    def end(self) -> None:
        """Remove the folder: all is whole."""
        shutil.rmtree(self.work, ignore_errors=True)

    def pause(self) -> None:
        """End early: keep what helps the next run, remove what does not."""
        nothing = not self._done and not (self._step and self._step.exists())
        if nothing and [path.name for path in self.work.iterdir()] == [self._file.name]:
            self.end()
        elif self._done:
            logger.warning("%d steps of the %s are done and kept.", len(self._done), self._title)
