"""Train, validation and test parts of the chips of several images."""

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.classes import ClassTable
from geocity.core.split import DROPPED, PARTS, Places, nearer_than, spatial_split
from geocity.data.chip_survey import Candidate
from geocity.errors import LabelError
from geocity.io.chip_options import ChipOptions

logger = logging.getLogger(__name__)

_TEST = PARTS.index("test")


def split_chips(
    candidates: Sequence[Candidate], classes: ClassTable, options: ChipOptions
) -> dict[str, Any]:
    """Give every candidate its part.

    Held-out images are the test part; the rest is split by place (`spatial_split`).

    Returns:
        How the parts were made, for ``chips.json``.

    Raises:
        LabelError: if a class cannot be brought into every part, or nothing is left to train on.
    """
    places = _places(candidates, classes)
    held = np.array([c.source.held_out for c in candidates])
    parts = np.full(len(candidates), DROPPED, np.int8)
    parts[held] = _TEST
    free = ~held & ~_beside_held_out(candidates, places, held)
    if not free.any():
        raise LabelError(
            "Every chip lies beside the held-out scene, so none is left to train on; hold out "
            "another scene, or add scenes."
        )
    train, val, _ = options.split
    shares = (train / (train + val), val / (train + val), 0.0) if held.any() else options.split
    inner = Places(
        places.centres[free], places.size, places.class_pixels[free], places.class_names, "pixels"
    )
    made = spatial_split(inner, shares, seed=options.seed)
    parts[free] = made.parts
    for candidate, part in zip(candidates, parts.tolist(), strict=True):
        candidate.part = part
    if held.any():
        _warn_of_held_out(places, held)
    return {
        "method": "by place",
        "shares": list(shares),
        "hold_out": list(options.hold_out),
        "seed": options.seed,
        "block_pixels": made.block,
        "gap_pixels": made.gap,
    }


def _places(candidates: Sequence[Candidate], classes: ClassTable) -> Places:
    """Return where the chips lie, in pixels of the first image: square in every CRS."""
    to_pixels = ~candidates[0].source.grid.transform
    grids = [candidate.grid for candidate in candidates]
    centres = [
        to_pixels @ (grid.transform @ (grid.shape[1] / 2, grid.shape[0] / 2)) for grid in grids
    ]
    turned = [math.radians(candidate.angle) for candidate in candidates]
    stretch = max(abs(math.cos(a)) + abs(math.sin(a)) for a in turned)
    cells = max(
        c.source.grid.cell_size[0] / candidates[0].source.grid.cell_size[0] for c in candidates
    )
    return Places(
        np.array(centres),
        grids[0].shape[0] * stretch * cells,
        np.stack([candidate.counts for candidate in candidates]),
        classes.names,
        "pixels",
    )


def _beside_held_out(
    candidates: Sequence[Candidate], places: Places, held: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell which chips lie within the gap of held-out ones of the same date.

    The same place on another date is left: to hold out a date is to ask how a model carries over
    in time.
    """
    beside = np.zeros(len(candidates), bool)
    times = [candidate.source.time for candidate in candidates]
    for time in {times[i] for i in np.flatnonzero(held)}:
        same = np.array([t == time for t in times])
        near = nearer_than(places.centres, places.centres[held & same], 2 * places.size)
        beside |= near & same & ~held
    other = nearer_than(places.centres, places.centres[held], places.size) & ~held & ~beside
    if other.any():
        logger.info(
            "The held-out images show places that are trained on at another date: the test says "
            "how the model carries over in time, not to new places."
        )
    return beside


def _warn_of_held_out(places: Places, held: NDArray[np.bool_]) -> None:
    totals = places.class_pixels.sum(axis=0)
    absent = (places.class_pixels[held].sum(axis=0) == 0) & (totals > 0)
    for value in np.flatnonzero(absent).tolist():
        logger.warning(
            "The held-out images hold no %s: the test says nothing about finding it.",
            places.class_names[value],
        )
