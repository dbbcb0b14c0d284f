"""Blocks of any size gathered into full-width strips, so that each file block is written once."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Window

Write = Callable[[NDArray[Any], Window], None]


class Strips:
    """Holds the rows of a raster until a strip of them is complete, then passes it on.

    Blocks must come row of blocks by row of blocks, and cover every pixel once.

    Args:
        shape: (rows, cols) of the raster.
        layers: leading shape of the arrays: () for one layer, (n,) for several.
        fill: what a strip holds before blocks come.
        height: rows of a strip; the last one may be lower.
        write: called with each complete strip and its window.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        layers: tuple[int, ...],
        fill: np.generic,
        *,
        height: int,
        write: Write,
    ) -> None:
        self._shape, self._layers, self._fill = shape, layers, fill
        self._height, self._write = height, write
        self._held = np.full((*layers, 0, shape[1]), fill)
        self._first = 0

    def add(self, values: NDArray[Any], window: Window) -> None:
        """Take a block, shape (*layers, rows, cols)."""
        missing = window.row_end - (self._first + self._held.shape[-2])
        if missing > 0:
            more = np.full((*self._layers, missing, self._shape[1]), self._fill)
            self._held = np.concatenate([self._held, more], axis=-2)
        rows, cols = window.shift(-self._first, 0).slices
        self._held[..., rows, cols] = values
        if window.col_end == self._shape[1]:
            self._pass_on(window.row_end)

    def _pass_on(self, complete: int) -> None:
        while self._first < complete:
            height = min(self._height, self._shape[0] - self._first)
            if self._first + height > complete:
                break
            window = Window(self._first, 0, height, self._shape[1])
            self._write(self._held[..., :height, :], window)
            self._held = self._held[..., height:, :]
            self._first += height
        self._held = self._held.copy()  # let the strips that were passed on go
