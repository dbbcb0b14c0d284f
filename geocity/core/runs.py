"""Regions of a strip of a class raster: runs of equal pixels in a row, joined from row to row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geocity.core.rings import Ints, ragged_index


@dataclass(frozen=True, slots=True)
class Runs:
    """Stretches of equal pixels in the rows of a strip, row by row.

    Attributes:
        starts: flat index of the first pixel of each run.
        ends: flat index just behind its last pixel.
        values: its class.
        width: row length of the strip; the first and the last column belong to no run.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    values: NDArray[np.uint8]
    width: int

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Return the number of pixels of each run."""
        return self.ends - self.starts

    @property
    def left_cols(self) -> NDArray[np.int64]:
        """Return the corner column of each run's left edge; the raster's left border is 0."""
        return self.starts % self.width - 1

    @property
    def right_cols(self) -> NDArray[np.int64]:
        """Return the corner column of each run's right edge."""
        return self.ends % self.width - 1

    def of_pixels(self, pixels: Ints) -> NDArray[np.int64]:
        """Return the run that holds each pixel, given by flat index."""
        return np.searchsorted(self.starts, pixels, side="right") - 1

    def before_row(self, row: int) -> int:
        """Return how many runs lie in the rows above a row."""
        return int(np.searchsorted(self.starts, row * self.width))

    def meeting(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return pairs of runs of one class that share an edge, upper and lower run."""
        below_starts, below_ends = self.starts + self.width, self.ends + self.width
        first = np.searchsorted(self.ends, below_starts, side="right")
        count = np.searchsorted(self.starts, below_ends, side="left") - first
        upper, lower = np.repeat(np.arange(len(self)), count), ragged_index(first, count)
        same = self.values[upper] == self.values[lower]
        return upper[same], lower[same]


def find_runs(values: NDArray[np.uint8], masked: int) -> Runs:
    """Find the runs of a strip whose first and last column hold `masked`."""
    width = values.shape[1]
    # The strip's rows begin and end with the same value: no run reaches over a row's end.
    changes = np.flatnonzero(values.ravel()[1:] != values.ravel()[:-1]) + 1
    begun = values.ravel()[changes]
    kept = np.flatnonzero(begun != masked)
    return Runs(changes[kept], changes[kept + 1], begun[kept], width)


def label_regions(
    runs: Runs, known: NDArray[np.int64], elsewhere: NDArray[np.int64]
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Number the 4-connected regions of one class.

    Args:
        runs: the runs of a strip.
        known: region numbers that the first runs have from elsewhere, shape (first runs,); runs of
            one number belong together even if nothing in this strip joins them.
        elsewhere: region numbers, in the same numbering, of runs that lie outside the strip.

    Returns:
        How many regions there are; the region of each run, numbered by their first runs; and the
        region of each run elsewhere.
    """
    upper, lower = runs.meeting()
    count = len(runs) + len(elsewhere)
    if len(known) or len(elsewhere):
        nodes = np.concatenate([np.arange(len(known)), np.arange(len(runs), count)])
        numbers = np.concatenate([known, elsewhere])
        _, first, member = np.unique(numbers, return_index=True, return_inverse=True)
        upper = np.concatenate([upper, nodes])
        lower = np.concatenate([lower, nodes[first[member]]])
    pairs = coo_array((np.ones(len(upper)), (upper, lower)), shape=(count, count))
    groups, labels = connected_components(pairs.tocsr(), directed=False)
    labels = labels.astype(np.int64)
    return int(groups), labels[: len(runs)], labels[len(runs) :]
