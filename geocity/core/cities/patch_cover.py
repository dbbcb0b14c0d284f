"""Patches that cover an image to its last pixel, and the map cells that they vote for.

A cell of the map is as large as the step from one patch to the next, and is answered for by all
patches that reach over its centre: the mean of their logits, as in every vote. Rows of patches come
from top to bottom, and a row of cells is given out as soon as no further patch can reach it, so
memory holds a few rows of cells whatever the size of the image.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def covering_origins(length: int, side: int, stride: int) -> NDArray[np.int64]:
    """Return where patches begin along an axis so that they cover it; the last ends at its end.

    Args:
        length: pixels of the axis; where it is shorter than a patch, one patch begins at 0.
        side: of a patch, in pixels.
        stride: from one patch to the next, at most `side`.

    Example:
        >>> covering_origins(1000, 480, 240).tolist(), covering_origins(300, 480, 240).tolist()
        ([0, 240, 480, 520], [0])
    """
    last = max(0, length - side)
    starts = np.arange(0, last + 1, stride, dtype=np.int64)
    return starts if starts[-1] == last else np.append(starts, last)


def cell_shape(shape: tuple[int, int], stride: int) -> tuple[int, int]:
    """Return (rows, cols) of the map cells that cover an image."""
    return -(-shape[0] // stride), -(-shape[1] // stride)


class CellVotes:
    """Gathers what patches say about the cells of a map.

    Args:
        shape: (rows, cols) of the image in pixels.
        side: of a patch, in pixels.
        stride: side of a cell, in pixels; at most `side`.
        layers: how many numbers a patch says.
    """

    def __init__(self, shape: tuple[int, int], side: int, stride: int, layers: int) -> None:
        if not 0 < stride <= side:
            raise ValueError(f"patches of {side} pixels cannot step by {stride}")
        self.shape = cell_shape(shape, stride)
        self._side = side
        self._centres = [_centres(length, stride) for length in shape]
        self._layers = layers
        self._first = 0  # the row of cells that is given out next
        self._sums: dict[int, NDArray[np.float64]] = {}
        self._votes: dict[int, NDArray[np.int64]] = {}

    def add(self, row: int, col: int, said: NDArray[np.floating]) -> None:
        """Take what a patch says.

        Args:
            row: of its upper left pixel; rows must not fall.
            col: of its upper left pixel.
            said: (layers,).
        """
        rows, cols = self._reach(0, row), self._reach(1, col)
        for cell_row in range(rows.start, rows.stop):
            if cell_row < self._first:
                raise ValueError("patches must come row by row, from top to bottom")
            if cell_row not in self._sums:
                self._sums[cell_row] = np.zeros((self._layers, self.shape[1]))
                self._votes[cell_row] = np.zeros(self.shape[1], np.int64)
            self._sums[cell_row][:, cols] += np.asarray(said, np.float64)[:, None]
            self._votes[cell_row][cols] += 1

    def settled(self, next_row: int | None) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Give out the rows of cells that no further patch reaches.

        Args:
            next_row: upper pixel row of the patches that come next; None at the end.

        Yields:
            Number of the row of cells, and means (layers, cols), NaN where no patch spoke.
        """
        end = self.shape[0]
        if next_row is not None:
            end = int(np.searchsorted(self._centres[0], next_row))
        for row in range(self._first, end):
            sums = self._sums.pop(row, np.zeros((self._layers, self.shape[1])))
            votes = self._votes.pop(row, np.zeros(self.shape[1], np.int64))
            means = np.full(sums.shape, np.nan)
            np.divide(sums, votes, out=means, where=votes > 0)
            yield row, means
        self._first = max(self._first, end)

    def _reach(self, axis: int, start: int) -> slice:
        ends = np.searchsorted(self._centres[axis], (start, start + self._side))
        return slice(int(ends[0]), int(ends[1]))


def _centres(length: int, stride: int) -> NDArray[np.float64]:
    """Return the middle of each cell, of the last one's part that lies in the image."""
    starts = np.arange(0, length, stride)
    return (starts + np.minimum(starts + stride, length)) / 2
