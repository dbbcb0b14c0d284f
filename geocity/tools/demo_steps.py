"""What the halves of the demo share: where it runs, and the number of each step."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from geocity.core.progress import Progress, silent

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Steps:
    """Counts the steps of a demo and tells each with its reason.

    Attributes:
        total: how many there will be.
        done: how many were told.
    """

    total: int
    done: int = 0

    def tell(self, sentence: str) -> None:
        """Say what comes next, and why."""
        self.done += 1
        logger.info("%d/%d  %s", self.done, self.total, sentence)


@dataclass(frozen=True, slots=True)
class DemoRun:
    """Where a demo runs and how.

    Attributes:
        folder: all results go here.
        data: the copy of the sample data.
        steps: tells what is done.
        overwrite: replace what is there.
        progress: told how far each step is.
    """

    folder: Path
    data: Path
    steps: Steps
    overwrite: bool = False
    progress: Progress = field(default=silent)
