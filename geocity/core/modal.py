"""Modal filter: the most frequent class in an n x n window.

It cleans maps that one pass of four neighbours hardly touches. The window's own cell counts; nodata
and the outside of the raster do not; a nodata cell stays nodata. A tie goes to the cell's own class
if that is among the winners, else to the smallest class.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geocity.core.classes import NODATA
from geocity.core.majority import WHOLE_RASTER, Borders, ClassArray

# Counts are float32 while scipy has them; a part this large costs a few MB whatever the raster.
_PART_PIXELS = 1 << 20


def modal_filter(values: ClassArray, size: int, *, borders: Borders = WHOLE_RASTER) -> ClassArray:
    """One pass of the modal filter.

    Args:
        values: (rows, cols) uint8 class ids, nodata 255. Each side that is no raster border must
            carry a halo of ``size // 2`` pixels.
        size: side of the window in pixels, odd, 3 to 255.
        borders: which sides of `values` are borders of the whole raster.

    Returns:
        (rows, cols) uint8 without the halo.
    """
    if values.dtype != np.uint8 or values.ndim != 2:
        raise ValueError(f"expected a 2-D uint8 array, got {values.ndim}-D {values.dtype}")
    if not 3 <= size <= 255 or size % 2 == 0:
        raise ValueError(f"a window needs an odd side of 3 to 255 pixels, got {size}")
    reach = size // 2
    rows, cols = borders.core(values.shape, reach)
    out = np.empty((rows.stop - rows.start, cols.stop - cols.start), np.uint8)
    for part in _parts(rows, values.shape[1]):
        first, last = max(part.start - reach, 0), min(part.stop + reach, values.shape[0])
        counted = _most_frequent(values[first:last], size)
        out[part.start - rows.start : part.stop - rows.start] = counted[
            part.start - first : part.stop - first, cols
        ]
    return out


def _parts(rows: slice, width: int) -> Iterator[slice]:
    step = max(32, _PART_PIXELS // width)
    for start in range(rows.start, rows.stop, step):
        yield slice(start, min(start + step, rows.stop))


def _most_frequent(values: ClassArray, size: int) -> ClassArray:
    classes = np.flatnonzero(np.bincount(values.ravel(), minlength=NODATA + 1)[:NODATA])
    best = np.zeros(values.shape, np.int32)
    own = np.zeros(values.shape, np.int32)
    winner = values.copy()
    for value in classes.astype(np.uint8):
        here = values == value
        counts = _counts(here, size)
        np.copyto(own, counts, where=here)
        np.copyto(winner, value, where=counts > best)  # rising values: a tie keeps the smaller
        np.maximum(best, counts, out=best)
    keep = (own == best) | (values == NODATA)
    np.copyto(winner, values, where=keep)
    return winner


def _counts(here: NDArray[np.bool_], size: int) -> NDArray[np.int32]:
    """How many cells of the window around each cell are true; the outside counts as false."""
    share = ndimage.uniform_filter(here.astype(np.float32), size, mode="constant", cval=0.0)
    # The mean times the window's area is a whole number up to float noise of 1e-3 at most.
    counts: NDArray[np.int32] = np.rint(share * np.float32(size * size)).astype(np.int32)
    return counts
