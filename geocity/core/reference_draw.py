"""A stratified random sample of the cells of a class raster, drawn while it streams by.

The strata are the mapped classes. First the cells of each class are counted; then ranks are drawn
without replacement among 1 to N of each class, and the cells of these ranks, counted row by row
from the top left, are found on a second pass. Every set of cells of the wanted size is as likely as
any other, and the same seed gives the same cells however the raster is cut into strips.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geocity.core.area_estimation import allocate
from geocity.core.areas import GroundMeasure
from geocity.core.classes import NODATA
from geocity.core.grid import Grid, Window, blocks

Allocation = Literal["recommended", "proportional", "equal"]

_PIECE = (256, 2048)
_LEAST_UNITS = 2


class StratumTally:
    """Counts and measures the cells of each class of a raster, strip by strip from the top.

    Args:
        grid: where the cells are.

    Raises:
        ValueError: if the grid lies nowhere on Earth.

    Attributes:
        cells: (256,) cells of each value.
        area_m2: (256,) their area on the ellipsoid.
        cell_m2: smallest and largest mean area of a cell met.
    """

    def __init__(self, grid: Grid) -> None:
        self._ground = GroundMeasure(grid)
        self._row = 0
        self.cells: NDArray[np.int64] = np.zeros(NODATA + 1, np.int64)
        self.area_m2: NDArray[np.float64] = np.zeros(NODATA + 1)
        self.cell_m2: tuple[float, float] = (np.inf, 0.0)

    def add(self, values: NDArray[np.uint8]) -> None:
        """Take the next rows, (rows, cols) over the whole width."""
        for window in blocks(values.shape, _PIECE):
            found = np.bincount(values[window.slices].ravel(), minlength=NODATA + 1)
            cell_m2 = self._cell_m2(window)
            self.cells += found
            self.area_m2 += found * cell_m2
            self.cell_m2 = (min(self.cell_m2[0], cell_m2), max(self.cell_m2[1], cell_m2))
        self._row += len(values)

    def _cell_m2(self, window: Window) -> float:
        """Return the area of the cell in the middle: over a piece the area is all but linear."""
        row, col = self._row + window.row + window.rows // 2, window.col + window.cols // 2
        return float(self._ground.cell_areas(Window(row, col, 1, 1))[0, 0])


def share_out(
    units: int,
    area_m2: Sequence[float],
    cells: Sequence[int],
    *,
    how: Allocation = "recommended",
    least: int = 50,
) -> NDArray[np.int64]:
    """Share sample units among classes.

    Args:
        units: in all.
        area_m2: of each class.
        cells: of each class; none gets more units than it has cells.
        how: "recommended": by area, but rare classes get at least `least` (Olofsson et al. 2014,
            section 5.1.2); "proportional": by area; "equal": the same for all.
        least: the floor of "recommended".

    Returns:
        Units of each class; fewer than asked for in all where classes have too few cells.

    Raises:
        ValueError: if there are fewer than two units a class.

    Example:
        >>> share_out(100, [90.0, 10.0], [900, 100], how="equal").tolist()
        [50, 50]
    """
    present = np.asarray(area_m2) > 0
    if how == "equal":
        weights = present.astype(float)
        given = allocate(units, weights.tolist(), least=_LEAST_UNITS)
    else:
        floor = least if how == "recommended" else _LEAST_UNITS
        given = allocate(units, area_m2, least=floor)
    return np.minimum(given, cells)


def draw_ranks(
    cells: Mapping[int, int], units: Mapping[int, int], rng: np.random.Generator
) -> dict[int, NDArray[np.int64]]:
    """Draw without replacement among the cells of each class.

    Args:
        cells: number of cells of each class value.
        units: how many to draw of each.
        rng: the source of chance.

    Returns:
        Rising ranks of each class, from 0.
    """
    return {
        value: np.sort(rng.choice(cells[value], count, replace=False, shuffle=False))
        for value, count in units.items()
    }


@dataclass(frozen=True, slots=True, eq=False)
class DrawnCells:
    """Cells of a raster; parallel arrays.

    Attributes:
        rows: of each.
        cols: of each.
        mapped: class value of each.
    """

    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    mapped: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.rows)

    def shuffled(self, rng: np.random.Generator) -> "DrawnCells":
        """Return the cells in random order: neither place nor class shows in it."""
        order = rng.permutation(len(self))
        return DrawnCells(self.rows[order], self.cols[order], self.mapped[order])


class RankFinder:
    """Finds the cells of given ranks within their class, strip by strip from the top.

    Args:
        ranks: rising ranks of each class value.
        cols: width of the raster.
    """

    def __init__(self, ranks: Mapping[int, NDArray[np.int64]], cols: int) -> None:
        self._ranks, self._cols = ranks, cols
        self._passed = dict.fromkeys(ranks, 0)
        self._row = 0
        self._found: list[tuple[NDArray[np.int64], int]] = []

    def add(self, values: NDArray[np.uint8]) -> None:
        """Take the next rows, (rows, cols) over the whole width."""
        flat = values.ravel()
        for value, ranks in self._ranks.items():
            places = np.flatnonzero(flat == value)
            first = self._passed[value]
            self._passed[value] = first + len(places)
            low, high = np.searchsorted(ranks, (first, first + len(places)))
            if high > low:
                self._found.append((places[ranks[low:high] - first] + self._row, value))
        self._row += values.size

    def finish(self) -> DrawnCells:
        """Return the cells, those of a strip together."""
        place = np.concatenate([np.zeros(0, np.int64), *(p for p, _ in self._found)])
        mapped = np.concatenate(
            [np.zeros(0, np.uint8), *(np.full(len(p), v, np.uint8) for p, v in self._found)]
        )
        # In the order of the raster, so that strips leave no trace.
        order = np.argsort(place)
        place = place[order]
        return DrawnCells(place // self._cols, place % self._cols, mapped[order])
