"""Rasters that live on disk while a job runs and that no one keeps."""

import tempfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Window
from geocity.io.closing import Closing

_TILE = 512


class ScratchRaster(Closing):
    """A uint8 raster in a nameless temporary file: gone when closed, whatever happens.

    Neither memory nor GDAL's cache grows with it, and nothing is spent on compression.

    Args:
        folder: a folder on a disk with room for one byte a pixel.
        shape: (rows, cols).
    """

    def __init__(self, folder: Path, shape: tuple[int, int]) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._window = Window(0, 0, *shape)
        self._tiles_across = -(-shape[1] // _TILE)

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Read a window that lies inside the raster and was written before."""
        values = np.empty(window.shape, np.uint8)
        for tile, offset in self._tiles(window):
            there = tile.intersect(window)
            if there is not None:
                stored = self._load(offset)
                inside = there.shift(-tile.row, -tile.col).slices
                values[there.shift(-window.row, -window.col).slices] = stored[inside]
        return values

    def write(self, values: NDArray[np.uint8], window: Window) -> None:
        """Write a window; tiles that it does not cover keep what they hold elsewhere."""
        if values.shape != window.shape or values.dtype != np.uint8:
            raise ValueError(f"got {values.dtype} {values.shape} for a uint8 window {window}")
        for tile, offset in self._tiles(window):
            there = tile.intersect(window)
            if there is None:
                continue
            whole = there == tile.intersect(self._window)
            stored = np.zeros((_TILE, _TILE), np.uint8) if whole else self._load(offset)
            inside = there.shift(-tile.row, -tile.col).slices
            stored[inside] = values[there.shift(-window.row, -window.col).slices]
            self._file.seek(offset)
            self._file.write(stored.data)

    def _tiles(self, window: Window) -> list[tuple[Window, int]]:
        rows = range(window.row // _TILE, -(-window.row_end // _TILE))
        cols = range(window.col // _TILE, -(-window.col_end // _TILE))
        return [
            (
                Window(row * _TILE, col * _TILE, _TILE, _TILE),
                (row * self._tiles_across + col) * _TILE * _TILE,
            )
            for row in rows
            for col in cols
        ]

    def _load(self, offset: int) -> NDArray[np.uint8]:
        stored = np.zeros((_TILE, _TILE), np.uint8)
        self._file.seek(offset)
        self._file.readinto(stored.data.cast("B"))  # type: ignore[attr-defined]
        return stored

    def close(self) -> None:
        """Give the file up; the disk gets its room back."""
        self._file.close()
