"""Find a learning rate for chips: `geocity find-lr`."""

import logging
from dataclasses import dataclass
from pathlib import Path

from geocity.core.progress import Progress, silent
from geocity.errors import InputError
from geocity.io.chips import read_chip_folder
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.train import find_rate, settle
from geocity.tools.train_options import TrainOptions

__all__ = ["RateTest", "find_lr"]

logger = logging.getLogger(__name__)

_FEWEST_STEPS = 20


@dataclass(frozen=True, slots=True)
class RateTest:
    """What the test found.

    Attributes:
        path: the figure.
        rate: the suggested learning rate.
        rates: learning rate of each step.
        losses: smoothed loss of each step.
    """

    path: Path
    rate: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]


def find_lr(
    chips: PathLike,
    *,
    out: PathLike,
    options: TrainOptions | None = None,
    steps: int = 150,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> RateTest:
    """Train for some steps while the learning rate rises from 1e-6 towards 1, and draw the loss.

    The suggestion is about the middle of the longest falling stretch, as in ArcGIS; see
    `geocity.core.learning_rate`. Nothing of the training is kept.

    Args:
        chips: a folder written by `export_chips`, or by ArcGIS Pro as Classified_Tiles.
        out: the figure to write (.png).
        options: network, loss, batches and device, as for `train`; its ``lr`` is not used.
        steps: number of mini-batches.
        overwrite: replace a figure that is there.
        progress: told of every step.

    Raises:
        InputError: if chips or options cannot serve, or the loss diverges at once.
    """
    from geocity.io.figures.training import draw_rate_test

    path = fresh_output(out, overwrite=overwrite)
    if path.suffix.lower() != ".png":
        raise InputError(f"{path} must end in .png: the result is a figure")
    if steps < _FEWEST_STEPS:
        raise InputError(f"{steps} steps are too few to see anything; give at least 20")
    data, settled = settle(read_chip_folder(chips), options or TrainOptions())
    found = find_rate(data, settled, progress=progress or silent, steps=steps)
    draw_rate_test(found.rates, found.losses, found.suggestion, path, overwrite=overwrite)
    return RateTest(path, found.suggestion.rate, found.rates, found.losses)
