"""Growth, loss and persistence cell by cell, and what a misregistration of a few metres explains.

Two images of one place never lie on each other exactly, so along every edge of an unchanged
settlement a sliver looks like growth on one side and like loss on the other. With a tolerance of
*t* metres such slivers are **absorbed**, by one rule that treats both dates alike:

* A cell of growth is *far* if no cell that was slum before lies within *t* of it (from centre to
  centre); a cell of loss is far if no cell that is slum after lies within *t*.
* A cell of growth (loss) counts if it is far, or within *t* of a far cell of growth (loss). All
  others are absorbed.

So an edge that moved by *t* or less is no change, however long it is; an edge that moved farther
counts in full depth, down to the old edge. A gap of up to 2 *t* between settlements that fills up
is absorbed too: nothing in it is farther than *t* from what was there. A new settlement apart from
the old ones counts whole, however narrow. Exchanging the dates exchanges growth and loss and
nothing else. A tolerance below the size of a cell absorbs nothing.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from geocity.core.classes import NODATA, ClassTable, LandClass

NO_CHANGE, PERSISTENT, GROWTH, LOSS, UNKNOWN = 0, 1, 2, 3, NODATA
ABSORBED_GROWTH, ABSORBED_LOSS = 4, 5
"""Slivers that the tolerance takes; they end as `NO_CHANGE`."""

CHANGE_CLASSES = ClassTable(
    (
        LandClass(NO_CHANGE, "background", (226, 226, 220)),
        LandClass(PERSISTENT, "persistent", (253, 174, 97)),
        LandClass(GROWTH, "growth", (215, 25, 28)),
        LandClass(LOSS, "loss", (44, 123, 182)),
    )
)
"""What the values of a change raster mean."""

Codes = NDArray[np.uint8]
_Mask = NDArray[np.bool_]

_HAIR = 1 + 1e-9
_FEW_ROWS = 16


def change_codes(before: Codes, after: Codes, slum: int) -> Codes:
    """Compare two dates cell by cell, with no tolerance.

    Args:
        before: (rows, cols) class values, 255 where nothing is known.
        after: the same for the later date.
        slum: the class that is followed.

    Returns:
        (rows, cols) `NO_CHANGE`, `PERSISTENT`, `GROWTH`, `LOSS`, or `UNKNOWN` where either date is.
    """
    was, becomes = before == slum, after == slum
    codes: Codes = was * np.uint8(LOSS) + becomes * np.uint8(GROWTH)
    codes[was & becomes] = PERSISTENT
    codes[(before == NODATA) | (after == NODATA)] = UNKNOWN
    return codes


def reach_cells(tolerance_m: float, cell_m: tuple[float, float]) -> int:
    """Return how many cells away what decides about a cell can lie, for `absorb_slivers`."""
    return 2 * math.ceil(tolerance_m / min(cell_m)) if tolerance_m > 0 else 0


def absorb_slivers(codes: Codes, tolerance_m: float, cell_m: tuple[float, float]) -> Codes:
    """Mark the growth and the loss that a misregistration explains.

    A cell is decided by those within twice the tolerance; read so much more around a part
    (`reach_cells`) and the part comes out as the whole would.

    Args:
        codes: (rows, cols) from `change_codes`.
        tolerance_m: how far edges may move without being change.
        cell_m: width and height of a cell in metres.

    Returns:
        (rows, cols) the same with `ABSORBED_GROWTH` and `ABSORBED_LOSS` where a cell is absorbed.
    """
    result = codes.copy()
    if tolerance_m <= 0:
        return result
    persistent = codes == PERSISTENT
    for kind, other, absorbed in (
        (GROWTH, LOSS, ABSORBED_GROWTH),
        (LOSS, GROWTH, ABSORBED_LOSS),
    ):
        changed = codes == kind
        if not changed.any():
            continue
        # What was slum before is what persists and what is lost; the other way round for loss.
        far = changed & ~_within(persistent | (codes == other), tolerance_m, cell_m)
        result[changed & ~_within(far, tolerance_m, cell_m)] = absorbed
    return result


def _within(mask: _Mask, distance_m: float, cell_m: tuple[float, float]) -> _Mask:
    """Return which cells lie within a distance of a cell of a mask, centre to centre."""
    if not mask.any():
        return np.zeros(mask.shape, bool)
    width_m, height_m = cell_m
    if distance_m > _FEW_ROWS * height_m:
        distances = distance_transform_edt(~mask, sampling=(height_m, width_m))
        return np.asarray(distances <= distance_m * _HAIR)
    return _dilated(mask, distance_m * _HAIR, cell_m)


def _dilated(mask: _Mask, distance_m: float, cell_m: tuple[float, float]) -> _Mask:
    """Grow a mask by a disc, row by row of the disc: for small ones faster than distances."""
    width_m, height_m = cell_m
    rows, cols = mask.shape
    counts = np.zeros((rows, cols + 1), np.int32)
    np.cumsum(mask, axis=1, out=counts[:, 1:])
    places = np.arange(cols)
    result = np.zeros(mask.shape, bool)
    for apart in range(min(rows - 1, int(distance_m / height_m)) + 1):
        reach = int(math.sqrt(max(0.0, distance_m**2 - (apart * height_m) ** 2)) / width_m)
        last, first = np.minimum(places + reach + 1, cols), np.maximum(places - reach, 0)
        near = counts[:, last] > counts[:, first]
        result[apart:] |= near[: rows - apart]
        result[: rows - apart] |= near[apart:]
    return result
