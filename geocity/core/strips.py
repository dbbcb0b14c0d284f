"""Blocks of any size gathered into full-width strips, so that each file block is written once."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Window, blocks

Write = Callable[[NDArray[Any], Window], None]


class Strips:
    """Holds the rows of a raster until a strip of them is complete, then passes it on in pieces.

    Blocks must come row of blocks by row of blocks, and cover every pixel once.

    Args:
        shape: (rows, cols) of the raster.
        layers: leading shape of the arrays: () for one layer, (n,) for several.
        dtype: of the arrays.
        piece: (rows, cols) of what is passed on: a strip's height, and how much of its width at a
            time; smaller at the raster's end.
        write: called with each piece, shape (*layers, rows, cols), and its window.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        layers: tuple[int, ...],
        dtype: type[np.generic],
        *,
        piece: tuple[int, int],
        write: Write,
    ) -> None:
        self._shape, self._layers, self._dtype = shape, layers, dtype
        self._piece, self._write = piece, write
        self._held: dict[int, NDArray[Any]] = {}
        self._spare: list[NDArray[Any]] = []
        self._first = 0  # the strip that is passed on next

    def add(self, values: NDArray[Any], window: Window) -> None:
        """Take a block, shape (*layers, rows, cols)."""
        height = self._piece[0]
        for strip in range(window.row // height, -(-window.row_end // height)):
            place = Window(strip * height, 0, height, self._shape[1])
            part = place.intersect(window)
            if part is None:
                continue
            taken = values[(..., *part.shift(-window.row, -window.col).slices)]
            self._strip(strip)[(..., *part.shift(-place.row, 0).slices)] = taken
        if window.col_end == self._shape[1]:
            self._pass_on(window.row_end)

    def _strip(self, strip: int) -> NDArray[Any]:
        if strip not in self._held:
            shape = (*self._layers, self._piece[0], self._shape[1])
            self._held[strip] = self._spare.pop() if self._spare else np.empty(shape, self._dtype)
        return self._held[strip]

    def _pass_on(self, complete: int) -> None:
        height, width = self._piece
        while self._first * height < complete:
            rows = min(height, self._shape[0] - self._first * height)
            if self._first * height + rows > complete:
                return
            values = self._held.pop(self._first)
            for window in blocks((rows, self._shape[1]), (height, width)):
                piece = np.ascontiguousarray(values[(..., *window.slices)])
                self._write(piece, window.shift(self._first * height, 0))
            self._spare.append(values)
            self._first += 1
