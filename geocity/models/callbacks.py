"""What a training run says and writes down while it goes."""

import csv
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from geocity.core.progress import Progress, silent
from geocity.errors import InputError

logger = logging.getLogger(__name__)

EpochLine = Callable[[dict[str, float], int], str]
"""Says in a line what an epoch brought, from its row and the number of epochs."""


class ProgressReport(Callback):
    """Tells a `Progress` how many of all training steps are done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Report one more step."""
        if trainer.is_global_zero:
            total = int(trainer.estimated_stepping_batches)
            self._progress(min(trainer.global_step, total), total, "training")

    def __getstate__(self) -> dict[str, Any]:
        """Leave the listener behind: it cannot follow into another process."""
        return {"_progress": silent}


class History(Callback):
    """Keeps one row of measures per epoch, says it, and writes all of them as CSV.

    The rows travel in checkpoints, so a resumed run has the whole history.

    Attributes:
        rows: per epoch: ``epoch`` (from 1), what the task logs as ``train_…`` and ``val_…``,
            ``rate``, ``seconds``.
    """

    def __init__(self, csv_path: Path, say: EpochLine) -> None:
        self.rows: list[dict[str, float]] = []
        self._csv_path, self._say = csv_path, say
        self._started = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the epoch's row."""
        measured = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith(("train_", "val_"))
        }
        row = {
            "epoch": float(trainer.current_epoch + 1),
            **dict(sorted(measured.items())),
            "rate": float(trainer.optimizers[0].param_groups[-1]["lr"]),
            "seconds": round(time.monotonic() - self._started, 3),
        }
        if not math.isfinite(measured.get("train_loss", 0.0)):
            raise InputError(
                f"the training diverged in epoch {row['epoch']:.0f}: its loss is no number; "
                "train again with a lower --lr"
            )
        self.rows.append(row)
        if trainer.is_global_zero:
            logger.info("%s", self._say(row, trainer.max_epochs or 0))
            self._write()

    def state_dict(self) -> dict[str, Any]:
        """Return the rows, for a checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the rows of a checkpoint."""
        self.rows = list(state_dict["rows"])

    def _write(self) -> None:
        beside = self._csv_path.with_suffix(".part")
        with beside.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]))
            writer.writeheader()
            for row in self.rows:
                writer.writerow({**row, "epoch": int(row["epoch"])})
        beside.replace(self._csv_path)


def epoch_line(row: dict[str, float], epochs: int) -> str:
    """Say in a line what an epoch brought.

    Example:
        >>> epoch_line({"epoch": 3, "train_loss": 0.31, "val_loss": 0.4, "val_miou": 0.77,
        ...             "val_iou/slum": 0.61}, 25)
        'epoch 3 of 25: loss 0.310, validation loss 0.400, mean IoU 0.770 (slum 0.610)'
    """
    per_class = ", ".join(
        f"{name.removeprefix('val_iou/')} {value:.3f}"
        for name, value in row.items()
        if name.startswith("val_iou/")
    )
    return (
        f"epoch {row['epoch']:.0f} of {epochs}: loss {row.get('train_loss', math.nan):.3f}, "
        f"validation loss {row.get('val_loss', math.nan):.3f}, "
        f"mean IoU {row.get('val_miou', math.nan):.3f} ({per_class})"
    )
