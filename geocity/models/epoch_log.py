"""The log of a run that goes on in other processes, followed from outside."""

import csv
import logging
import threading
from pathlib import Path

from geocity.core.progress import Progress
from geocity.models.callbacks import EpochLine

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5


def read_epochs(log: Path) -> list[dict[str, float]]:
    """Read the rows of a training log; none if it is not there yet."""
    if not log.exists():
        return []
    with log.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def follow_epochs(
    log: Path, epochs: int, say: EpochLine, progress: Progress, done: threading.Event
) -> None:
    """Say every epoch that appears in a log, until told that the run is done."""
    said = len(read_epochs(log))
    finished = False
    while not finished:
        # One more look after the end, for the last epoch.
        finished = done.wait(_LOOK_EVERY_S)
        rows = read_epochs(log)
        for row in rows[said:]:
            logger.info("%s", say(row, epochs))
            progress(int(row["epoch"]), epochs, "training")
        said = len(rows)
