"""Areas of single wards or other units from a sample of the whole map, where it allows.

The sample was not drawn by unit, so how many of its points fall into one is chance. Given that
number, the points of a class inside a unit are a simple random sample of the unit's cells of that
class, and the unit can be estimated by itself with its own mapped areas as strata (a domain,
stratified after selection: Cochran, *Sampling Techniques* (1977), chapter 5A; Stehman, *Estimating
area from an accuracy assessment error matrix*, Remote Sensing of Environment 132 (2013), 202-211).
With few points the interval would promise more than it holds; then there is none.
"""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from geocity.core.area_estimation import StratifiedSample
from geocity.core.grid import Grid

LEAST_POINTS = 30
"""Points that a unit needs."""
LEAST_IN_CLASS = 2
"""Points that every class mapped in the unit needs."""


def unit_sample(
    counts: NDArray[np.int64], mapped_area: NDArray[np.float64], names: tuple[str, ...]
) -> StratifiedSample | str:
    """Return the sample of one unit, or why there can be no estimate.

    Args:
        counts: (classes, classes), points in the unit by mapped (rows) and reference class.
        mapped_area: (classes,), what is mapped in the unit.
        names: of the classes.

    Returns:
        The sample; or a sentence that says which rule it fails.
    """
    if mapped_area.sum() <= 0:
        return "the map does not reach it"
    points = int(counts.sum())
    if points < LEAST_POINTS:
        return f"{points} points lie in it, and {LEAST_POINTS} are needed"
    few = (mapped_area > 0) & (counts.sum(axis=1) < LEAST_IN_CLASS)
    if few.any():
        name = names[int(np.flatnonzero(few)[0])]
        return f"fewer than {LEAST_IN_CLASS} of its points lie in what is mapped as {name}"
    if int(np.trace(counts)) == points:
        return f"none of its {points} points shows an error, so no interval can be told"
    return StratifiedSample(counts, mapped_area)


def burn_units(units: Sequence[shapely.Geometry], grid: Grid) -> NDArray[np.int32]:
    """Return the unit of every cell, by its centre: numbers from 1 on, 0 outside of all.

    Args:
        units: polygons in the CRS of the grid.
        grid: where the cells are.
    """
    numbered = [(unit, number) for number, unit in enumerate(units, start=1)]
    burnt: NDArray[np.int32] = rasterize(
        numbered, grid.shape, transform=grid.transform, fill=0, dtype="int32"
    )
    return burnt


class UnitTally:
    """Adds up the mapped area, and the points, of each unit.

    Args:
        units: how many there are.
        classes: how many there are.

    Attributes:
        area_m2: (units, classes), what is mapped.
        counts: (units, classes, classes), points by mapped and reference class.
    """

    def __init__(self, units: int, classes: int) -> None:
        self.area_m2: NDArray[np.float64] = np.zeros((units, classes))
        self.counts: NDArray[np.int64] = np.zeros((units, classes, classes), np.int64)

    def add_cells(
        self, unit: NDArray[np.int32], mapped: NDArray[np.uint8], cell_m2: NDArray[np.float64]
    ) -> None:
        """Take cells; arrays of one shape.

        Args:
            unit: of each cell, from 1 on; 0 is outside of all.
            mapped: position of its class; 255 for nodata.
            cell_m2: its area.
        """
        units, classes = self.area_m2.shape
        inside = (unit > 0) & (mapped < classes)
        place = (unit[inside].astype(np.int64) - 1) * classes + mapped[inside]
        found = np.bincount(place, cell_m2[inside], minlength=units * classes)
        self.area_m2 += found.reshape(units, classes)

    def add_points(
        self, unit: NDArray[np.int32], mapped: NDArray[np.int64], reference: NDArray[np.int64]
    ) -> None:
        """Take answered points; parallel arrays of unit (0: outside), mapped and true class."""
        inside = unit > 0
        np.add.at(self.counts, (unit[inside] - 1, mapped[inside], reference[inside]), 1)
