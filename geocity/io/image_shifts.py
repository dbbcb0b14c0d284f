"""How far the images of consecutive dates lie apart: measured and told, never applied."""

import contextlib
import itertools
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

from geocity.core.grid import Grid
from geocity.core.image_shift import ReadGrey, shift_between
from geocity.errors import InputError
from geocity.io.datasets import open_dataset, refuse_unplaced
from geocity.io.grey_scenes import GreyScene
from geocity.io.staging import PathLike

logger = logging.getLogger(__name__)

_UNSURE = 0.1


@dataclass(frozen=True, slots=True)
class MeasuredShift:
    """The shift between two dates.

    Attributes:
        shift_m: how far to the east and to the north the later image lies.
        score: height of the correlation's peak, 0 to 1.
    """

    shift_m: tuple[float, float]
    score: float


def refuse_unusable_imagery(imagery: Sequence[PathLike], dates: int) -> None:
    """Refuse scenes that no shift can be measured on, before anything is compared.

    Raises:
        InputError: if there is not one for each date, or one cannot be opened or lies nowhere.
    """
    if imagery and len(imagery) != dates:
        raise InputError(f"{len(imagery)} scenes were given for {dates} dates; give one for each.")
    for path in imagery:
        with open_dataset(str(path)) as source:
            refuse_unplaced(source)


def measure_shifts(
    grid: Grid,
    cell_m: tuple[float, float],
    maps: Sequence[ReadGrey],
    imagery: Sequence[PathLike],
    tolerance_m: float,
) -> list[MeasuredShift | None]:
    """Measure the shift of each pair of consecutive dates on a grid.

    Args:
        grid: north-up.
        cell_m: width and height of a cell in metres.
        maps: what to measure on without imagery: the maps of the dates, 1 for slum and 0.
        imagery: one scene a date, or none; see `refuse_unusable_imagery`.
        tolerance_m: the tolerance in use; a larger shift is worth a warning.

    Raises:
        InputError: if a scene cannot be read.
    """
    with contextlib.ExitStack() as files:
        readers = list(maps)
        if imagery:
            readers = [files.enter_context(GreyScene(path, grid)).read for path in imagery]
        kind = "imagery" if imagery else "maps"
        return [
            _measure(first, second, grid, cell_m, kind, tolerance_m)
            for first, second in itertools.pairwise(readers)
        ]


def _measure(
    first: ReadGrey,
    second: ReadGrey,
    grid: Grid,
    cell_m: tuple[float, float],
    kind: str,
    tolerance_m: float,
) -> MeasuredShift | None:
    found = shift_between(first, second, grid.shape)
    if found is None:
        logger.warning("The shift cannot be measured: the %s show nothing to measure on.", kind)
        return None
    # Adding zero takes the sign from "-0.00".
    east_m = round(found.cols * cell_m[0], 4) + 0.0
    north_m = round(-found.rows * cell_m[1], 4) + 0.0
    apart_m = math.hypot(east_m, north_m)
    logger.info(
        "By the %s the later date lies %.2f m to the %s and %.2f m to the %s of the earlier "
        "one (score %.2f); nothing was moved.",
        kind,
        abs(east_m),
        "west" if east_m < 0 else "east",
        abs(north_m),
        "south" if north_m < 0 else "north",
        found.score,
    )
    if found.score < _UNSURE:
        logger.warning("The %s have so little in common that this shift is a guess.", kind)
    elif kind == "maps":
        logger.warning(
            "That was measured on the maps, where growth on one side looks like a shift; give the "
            "scenes (--imagery) for a measure that change does not disturb."
        )
    elif apart_m > max(tolerance_m, cell_m[0] / 2):
        logger.warning(
            "The images lie %.2f m apart: growth and loss along edges may be that and no more. "
            "Absorb it (--tolerance %.1f), or register the images.",
            apart_m,
            math.ceil(apart_m * 10) / 10,
        )
    return MeasuredShift((east_m, north_m), found.score)
