"""Which chips there are, what they hold, and which of them are wanted."""

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.chip_plan import chips_inside, plan_chips
from geocity.core.classes import NODATA
from geocity.core.grid import Grid, Window
from geocity.core.progress import Progress
from geocity.core.split import DROPPED, PARTS
from geocity.data.chip_sources import ChipSource
from geocity.errors import NoOverlapError
from geocity.io.chip_options import ChipOptions
from geocity.io.chip_writer import ChipPlace
from geocity.io.label_layers import read_area

logger = logging.getLogger(__name__)


@dataclass
class Candidate:
    """A chip that may be written.

    Attributes:
        source: the image it is cut from.
        window: on the image's grid.
        angle: degrees anticlockwise.
        counts: number of pixels per class, unknown ones left out.
        part: position in `PARTS`, or `DROPPED`.
    """

    source: ChipSource
    window: Window
    angle: float
    counts: NDArray[np.int64]
    part: int = 0

    @property
    def grid(self) -> Grid:
        """Return the grid of the chip."""
        return self.source.chip_grid(self.window, self.angle)

    def place(self) -> ChipPlace:
        """Return where it comes from and where it belongs."""
        split = PARTS[self.part] if self.part != DROPPED else "dropped"
        return ChipPlace(self.grid, split, self.source.name, self.window, self.angle)


def survey(
    sources: Sequence[ChipSource], options: ChipOptions, progress: Progress
) -> list[Candidate]:
    """Look at the label, and the valid pixels, of every chip that might be written."""
    mask = _mask(sources, options)
    angles = (0.0, options.rotation_deg) if options.rotation_deg % 360 else (0.0,)
    wants_all = options.chips == "all" or options.negatives > 0
    found, empty, unknown = [], 0, 0
    for number, source in enumerate(sources):
        windows = _windows(source, options, mask)
        for done, window in enumerate(windows, start=1):
            progress(done, len(windows), f"looking at image {number + 1} of {len(sources)}")
            for angle in angles:
                if angle and mask is not None and not _turned_inside(source, window, angle, mask):
                    continue
                if not wants_all and not _positive(source.label(window, angle)):
                    continue
                chip = source.chip(window, angle)
                counts = np.bincount(chip.label.reshape(-1), minlength=NODATA + 1)
                if not chip.valid.any():
                    empty += 1
                elif counts[:NODATA].sum() == 0:
                    unknown += 1
                else:
                    values = list(source.labels.classes.values)
                    found.append(Candidate(source, window, angle, counts[values]))
    if empty or unknown:
        logger.info("%d chips without imagery and %d without labels were skipped.", empty, unknown)
    return found


def _windows(source: ChipSource, options: ChipOptions, mask: Any) -> Sequence[Window]:
    """Return the chips worth a look: a scene may be far larger than what is drawn in it."""
    plan = plan_chips(source.grid.shape, options.chip_size, options.stride, options.edge)
    if options.chips == "all" or options.negatives > 0:
        windows: Sequence[Window] = plan
    else:
        # Corners of a turned chip reach beyond the chip; outlines may touch a pixel more.
        margin = options.chip_size if options.rotation_deg % 360 else 1
        windows = plan.meeting(_in_pixels(source.labels.extents(), source.grid, margin))
    if mask is None:
        return windows
    near = plan.meeting(_in_pixels(np.array([mask.bounds]), source.grid, 1))
    wanted = near if windows is plan else sorted(set(near) & set(windows))
    return list(itertools.compress(wanted, chips_inside(wanted, source.grid, mask)))


def _in_pixels(boxes: NDArray[np.float64], grid: Grid, margin: int) -> NDArray[np.float64]:
    """Return boxes of map units as first row, first column, last row and last column."""
    transform = grid.transform
    rows = (boxes[:, (3, 1)] - transform.f) / transform.e
    cols = (boxes[:, (0, 2)] - transform.c) / transform.a
    first, last = (np.stack([rows[:, i], cols[:, i]], axis=1) for i in (0, 1))
    return np.concatenate([first - margin, last + margin], axis=1)


def _mask(sources: Sequence[ChipSource], options: ChipOptions) -> Any:
    return None if options.mask is None else read_area(options.mask, sources[0].scenes.crs)


def _turned_inside(source: ChipSource, window: Window, angle: float, mask: Any) -> bool:
    grid = source.chip_grid(window, angle)
    return bool(chips_inside([grid.window], grid, mask)[0])


def _positive(label: NDArray[np.uint8]) -> bool:
    return bool(((label > 0) & (label < NODATA)).any())


def choose(found: list[Candidate], options: ChipOptions) -> list[Candidate]:
    """Take the chips with features, and as many others as were asked for."""
    positive = [c for c in found if c.counts[1:].any()]
    negative = [c for c in found if not c.counts[1:].any()]
    if not positive:
        raise NoOverlapError(
            "No chip holds a labelled feature; do scenes and labels show the same place, do the "
            "class values fit, and does the mask leave room for a chip?"
        )
    if options.chips == "all":
        return found
    wanted = round(len(positive) * options.negatives / (1 - options.negatives))
    if wanted > len(negative):
        logger.warning(
            "Only %d chips without a feature are there, not the %d that were asked for.",
            len(negative), wanted,
        )  # fmt: skip
    order = np.random.default_rng(options.seed).permutation(len(negative))[:wanted]
    taken = {id(negative[i]) for i in order} | {id(c) for c in positive}
    return [c for c in found if id(c) in taken]
