"""Class rasters made smaller, for maps that show them from afar."""

import numpy as np
from numpy.typing import NDArray

from geocity.core.classes import NODATA

_Classes = NDArray[np.uint8]


def halved(values: _Classes) -> _Classes:
    """Return a class raster at half its size: of every two by two cells the most frequent class.

    Among equally frequent classes the one that comes first wins, row by row; nodata counts only
    where there is nothing else. As cells are taken two by two from the first row and column, a
    raster may be halved in pieces that begin at even rows and columns.

    Args:
        values: (rows, cols), nodata 255.

    Returns:
        (rows / 2, cols / 2), rounded up: what is missing beyond an odd edge counts as nodata.
    """
    rows, cols = values.shape
    if rows % 2 or cols % 2:
        values = np.pad(values, ((0, rows % 2), (0, cols % 2)), constant_values=NODATA)
    four = [np.ascontiguousarray(values[i::2, j::2]) for i in (0, 1) for j in (0, 1)]
    first, *others = four
    result = first.copy()
    mixed = np.zeros(first.shape, bool)
    for other in others:
        mixed |= other != first
    place = np.flatnonzero(mixed)
    if len(place):
        cells = np.stack([one.ravel()[place] for one in four])
        result.ravel()[place] = _most_frequent(cells)
    return result


def _most_frequent(cells: _Classes) -> _Classes:
    """Return the most frequent class of each column, (4, columns)."""
    votes = np.zeros(cells.shape, np.uint8)
    for other in cells:
        votes += cells == other
    votes[cells == NODATA] = 0
    # argmax takes the first of equals.
    winner: _Classes = np.take_along_axis(cells, votes.argmax(axis=0)[None], axis=0)[0]
    return winner
