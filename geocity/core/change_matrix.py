"""From-to matrix: how many square metres went from each class to each class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.classes import NODATA


@dataclass(frozen=True, slots=True, eq=False)
class ChangeMatrix:
    """Areas by class before (rows) and class after (columns).

    Rows sum to the areas of the classes before, columns to those after, both over the ground that
    both dates show. Exchanging the dates transposes it.

    Attributes:
        names: of the classes, for rows and columns.
        area_m2: (classes, classes).
    """

    names: tuple[str, ...]
    area_m2: NDArray[np.float64]

    @property
    def total_m2(self) -> float:
        """Return the area that both dates show."""
        return float(self.area_m2.sum())

    def before_m2(self, name: str) -> float:
        """Return the area of a class on the first date."""
        return float(self.area_m2[self.names.index(name)].sum())

    def after_m2(self, name: str) -> float:
        """Return the area of a class on the second date."""
        return float(self.area_m2[:, self.names.index(name)].sum())

    def persistent_m2(self, name: str) -> float:
        """Return the area that is of a class on both dates."""
        index = self.names.index(name)
        return float(self.area_m2[index, index])

    def rows(self) -> list[tuple[str, str, float]]:
        """Return (class before, class after, m²) for every pair of classes, zeros included."""
        return [
            (before, after, float(self.area_m2[i, j]))
            for i, before in enumerate(self.names)
            for j, after in enumerate(self.names)
        ]


class ChangeMatrixBuilder:
    """Sums up a from-to matrix from the blocks of two class rasters on one grid.

    Args:
        values: class values, each with a row and a column.
    """

    def __init__(self, values: Sequence[int]) -> None:
        self._count = len(values)
        self._index = np.full(NODATA + 1, -1, np.int64)
        self._index[list(values)] = np.arange(self._count)
        self._area_m2 = np.zeros(self._count * self._count)

    def add(
        self,
        before: NDArray[np.uint8],
        after: NDArray[np.uint8],
        cell_m2: NDArray[np.float64],
    ) -> None:
        """Take a block: two arrays (rows, cols) of classes, 255 unknown, and the areas of cells.

        Raises:
            ValueError: if a value is none of the classes.
        """
        known = (before != NODATA) & (after != NODATA)
        rows, cols = self._index[before[known]], self._index[after[known]]
        if len(rows) and min(rows.min(), cols.min()) < 0:
            raise ValueError("a value is none of the classes of the matrix")
        pairs = rows * self._count + cols
        self._area_m2 += np.bincount(pairs, cell_m2[known], self._count * self._count)

    def merge(self, area_m2: NDArray[np.float64]) -> None:
        """Add what another builder has summed up, its `area_m2`."""
        self._area_m2 += area_m2

    @property
    def area_m2(self) -> NDArray[np.float64]:
        """Return the sums so far, (classes · classes,)."""
        return self._area_m2

    def finish(self, names: Sequence[str]) -> ChangeMatrix:
        """Return the matrix; the names are those of the values, in their order."""
        shape = (self._count, self._count)
        return ChangeMatrix(tuple(names), self._area_m2.reshape(shape))
