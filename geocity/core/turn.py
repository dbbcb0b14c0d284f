"""Chips at another angle: a turned grid, and the pixels on it."""

import math
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from geocity.core.grid import Grid, Window


def turned_grid(grid: Grid, window: Window, degrees: float) -> Grid:
    """Return the grid of a window turned anticlockwise about its centre."""
    middle = (window.cols / 2, window.rows / 2)
    # Rows run down, so a positive angle of Affine.rotation is clockwise on the map.
    turn = Affine.translation(*middle) @ Affine.rotation(-degrees)
    flat = grid[window]
    transform = flat.transform @ turn @ Affine.translation(-middle[0], -middle[1])
    return Grid(grid.crs, transform, window.shape)


def window_around(window: Window, degrees: float) -> Window:
    """Return the window that holds a turned one, with a pixel to spare for interpolation."""
    angle = math.radians(degrees)
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    grow_rows = math.ceil((window.cols * sin + window.rows * cos - window.rows) / 2) + 2
    grow_cols = math.ceil((window.rows * sin + window.cols * cos - window.cols) / 2) + 2
    grow_rows, grow_cols = max(2, grow_rows), max(2, grow_cols)
    return Window(
        window.row - grow_rows,
        window.col - grow_cols,
        window.rows + 2 * grow_rows,
        window.cols + 2 * grow_cols,
    )


def sample_bilinear(
    pixels: NDArray[Any], valid: NDArray[np.bool_], source: Grid, target: Grid
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read pixels on another grid of the same CRS by bilinear interpolation.

    Args:
        pixels: shape (bands, rows, cols) on the source grid.
        valid: shape (rows, cols).
        source: grid of the pixels.
        target: grid of the result.

    Returns:
        Pixels of the same number type, and a mask that is true where all four neighbours are valid.
    """
    to_source = ~source.transform @ target.transform
    # From pixel centres of the target to pixel centres of the source, row first.
    matrix = np.array([[to_source.e, to_source.d], [to_source.b, to_source.a]])
    col, row = to_source @ (0.5, 0.5)
    offset = (row - 0.5, col - 0.5)

    def sample(band: NDArray[Any]) -> NDArray[np.float64]:
        sampled: NDArray[np.float64] = ndimage.affine_transform(
            band.astype(np.float64), matrix, offset, target.shape, order=1, cval=0.0
        )
        return sampled

    # A cell touched by any missing neighbour has less than the full weight.
    known = sample(valid) > 1 - 1e-6
    bands = np.stack([sample(np.where(valid, band, 0)) for band in pixels])
    if pixels.dtype.kind in "ui":
        bands = np.rint(bands)
    return np.where(known, bands, 0).astype(pixels.dtype), known
