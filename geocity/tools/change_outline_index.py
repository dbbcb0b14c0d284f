"""All outlines of a comparison, to be had by their number or by where they are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Bounds
from geocity.io.outline_tables import polygons_of, wkb_of_rows

Numbers = NDArray[np.int64]
Polygons = NDArray[np.object_]

INDEX = np.dtype(
    [("box", np.float64, 4), ("code", np.int32), ("cell", np.int32), ("group", np.int64)]
)
"""What the index tells of a feature."""


@dataclass(frozen=True, slots=True)
class PlacedOutlines:
    """All outlines in the plane, on disk: any of them can be had by its number.

    Attributes:
        files: of the slices, in the order of their features.
        starts: the number of the first feature of each slice, and of one past the last.
        dates: the date of each slice.
        index: file with the class and the box of each feature, its group, and the cell that the
            group is worked on in; -1 for none.
    """

    files: tuple[Path, ...]
    starts: tuple[int, ...]
    dates: tuple[int, ...]
    index: Path

    def opened(self) -> "OutlineIndex":
        """Open the index; what is not asked for stays on disk."""
        return OutlineIndex(self, np.load(self.index, mmap_mode="r"))


@dataclass(frozen=True, slots=True, eq=False)
class OutlineIndex:
    """The index of all outlines, open."""

    placed: PlacedOutlines
    table: NDArray[Any]

    def date_of(self, numbers: Numbers) -> Numbers:
        """Return the date of each feature."""
        dates: Numbers = np.array(self.placed.dates, np.int64)[self._slice_of(numbers)]
        return dates

    def polygons(self, numbers: Numbers) -> Polygons:
        """Return outlines by their numbers."""
        place = self._slice_of(numbers)
        rows = numbers - np.array(self.placed.starts, np.int64)[place]
        return polygons_of(wkb_of_rows(self.placed.files, place, rows))

    def _slice_of(self, numbers: Numbers) -> Numbers:
        return np.searchsorted(self.placed.starts, numbers, side="right") - 1

    def meeting(self, bounds: Bounds) -> Numbers:
        """Return the features whose boxes meet a rectangle."""
        box, (left, bottom, right, top) = self.table["box"], bounds
        found = (box[:, 0] <= right) & (box[:, 2] >= left)
        found &= (box[:, 1] <= top) & (box[:, 3] >= bottom)
        return np.flatnonzero(found)
