"""How rough the ground looks: the figure by which training prefers built-up places."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

WINDOW = 17
"""Side in pixels of the square whose spread counts; some houses wide at a metre a pixel."""

CELL = 32
"""Side in pixels of the cells that get one figure each."""


def roughness(
    pixels: NDArray[Any], valid: NDArray[np.bool_], *, window: int = WINDOW, cell: int = CELL
) -> NDArray[np.float64]:
    """Return the local standard deviation of brightness, summed up in cells.

    Brightness is the mean of the bands. Around every pixel the standard deviation within a square
    is taken, pixels without data as the mean of the others; each cell adds up its valid pixels.

    Args:
        pixels: shape (bands, rows, cols).
        valid: shape (rows, cols).
        window: side of the square in pixels.
        cell: side of a cell in pixels; those at the right and lower edge may be smaller.

    Returns:
        One figure a cell in the pixels' own unit, shape (rows / cell, cols / cell) rounded up;
        0 where nothing is valid.

    Example:
        >>> roughness(np.zeros((3, 8, 8)), np.ones((8, 8), bool), cell=4)
        array([[0., 0.],
               [0., 0.]])
    """
    starts = [np.arange(0, side, cell) for side in valid.shape]
    if not valid.any():
        return np.zeros([len(s) for s in starts])
    brightness = pixels.astype(np.float64).mean(axis=0)
    # About the mean, so that squares lose no digits.
    brightness = np.where(valid, brightness, 0.0)
    brightness = np.where(valid, brightness - brightness[valid].mean(), 0.0)
    mean = ndimage.uniform_filter(brightness, window, mode="reflect")
    square = ndimage.uniform_filter(brightness**2, window, mode="reflect")
    spread = np.where(valid, np.sqrt(np.maximum(square - mean**2, 0.0)), 0.0)
    rows = np.add.reduceat(spread, starts[0], axis=0)
    return np.asarray(np.add.reduceat(rows, starts[1], axis=1))
