"""From one cell size to another, row by row: results go back to the grid they are wanted on."""

import math

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from geocity.core.grid import Window


def interpolation(
    first: int, count: int, ratio: float, length: int
) -> tuple[scipy.sparse.csr_matrix, range]:
    """Return how target pixels of an axis mix source pixels, both axes starting at the same edge.

    Linear interpolation between pixel centres; where the target is coarser the triangle widens
    with it, so that no source pixel is passed over. Beyond the outermost centres the outermost
    pixel counts alone.

    Args:
        first: first target pixel.
        count: number of target pixels.
        ratio: source pixels per target pixel.
        length: pixels of the source axis.

    Returns:
        A matrix (count, sources) whose rows sum to 1, and the source pixels that its columns are.
    """
    reach = max(1.0, ratio)
    centres = (np.arange(first, first + count) + 0.5) * ratio - 0.5
    taps = np.arange(math.floor(-reach), math.ceil(reach) + 1)
    sources = np.floor(centres).astype(int)[:, None] + taps  # (count, taps)
    weights = np.clip(1 - np.abs(sources - centres[:, None]) / reach, 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    sources = np.clip(sources, 0, length - 1)
    low, high = int(sources[weights > 0].min()), int(sources[weights > 0].max()) + 1
    rows = np.broadcast_to(np.arange(count)[:, None], sources.shape)
    counted = weights > 0
    cells = (rows[counted], sources[counted] - low)
    matrix = scipy.sparse.csr_matrix((weights[counted], cells), shape=(count, high - low))
    return matrix.astype(np.float32), range(low, high)


class Regridder:
    """Takes settled blocks on one grid and gives back rows on another.

    Both grids are north-up and share their top-left corner. The blocks come as `Blender` gives
    them; what is held is one row of tiles, plus the few rows that interpolation looks back at.

    Args:
        source: window of the source grid that the blocks cover; take it from `source_window`.
        source_shape: (rows, cols) of the source grid.
        target: window of the target grid that is wanted.
        ratios: source pixels per target pixel, down and across.
        channels: layers per pixel.
    """

    def __init__(
        self,
        source: Window,
        source_shape: tuple[int, int],
        target: Window,
        ratios: tuple[float, float],
        channels: int,
    ) -> None:
        self._source, self._target = source, target
        self._ratio, self._length = ratios[0], source_shape[0]
        self._across, needed = interpolation(target.col, target.cols, ratios[1], source_shape[1])
        self._columns = slice(needed.start - source.col, needed.stop - source.col)
        self._rows = np.zeros((channels, 0, source.cols), np.float32)
        self._first = source.row  # the source row that the held rows begin with
        self._done = target.row  # the next target row to give

    def add(
        self, window: Window, scores: NDArray[np.float32]
    ) -> tuple[Window, NDArray[np.float32]] | None:
        """Take a block; give back the target rows that can be worked out now, all columns wide.

        Returns:
            The target window and its scores (channels, rows, cols), or None while none is ready.
        """
        missing = window.row_end - (self._first + self._rows.shape[1])
        if missing > 0:
            self._rows = np.pad(self._rows, ((0, 0), (0, missing), (0, 0)))
        place = window.shift(-self._first, -self._source.col)
        self._rows[(slice(None), *place.slices)] = scores
        if window.col_end < self._source.col_end:
            return None
        return self._give(window.row_end)

    def _give(self, known: int) -> tuple[Window, NDArray[np.float32]] | None:
        """Work out the target rows whose sources all lie above the row ``known``."""
        last = self._target.row_end
        if known < self._source.row_end:
            last = math.floor((known - 0.5 - max(1.0, self._ratio)) / self._ratio)
        count = min(last, self._target.row_end) - self._done
        if count <= 0:
            return None
        down, needed = interpolation(self._done, count, self._ratio, self._length)
        held = self._rows[:, needed.start - self._first : needed.stop - self._first, self._columns]
        result = np.stack([(self._across @ (down @ layer).T).T for layer in held])
        window = Window(self._done, self._target.col, count, self._target.cols)
        self._done += count
        if self._done < self._target.row_end:
            after = interpolation(self._done, 1, self._ratio, self._length)[1].start
            after = min(after, known)
            self._rows = self._rows[:, after - self._first :].copy()
            self._first = after
        return window, np.ascontiguousarray(result, dtype=np.float32)


def source_window(
    target: Window, ratios: tuple[float, float], source_shape: tuple[int, int]
) -> Window:
    """Return the source pixels that a window of the target grid is mixed from."""
    rows = interpolation(target.row, target.rows, ratios[0], source_shape[0])[1]
    cols = interpolation(target.col, target.cols, ratios[1], source_shape[1])[1]
    return Window(rows.start, cols.start, len(rows), len(cols))
