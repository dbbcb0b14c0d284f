"""How rough the ground looks: the figure by which training prefers built-up chips."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

WINDOW = 17
"""Side in pixels of the square whose spread counts; some houses wide at a metre a pixel."""


def roughness(pixels: NDArray[Any], valid: NDArray[np.bool_], *, window: int = WINDOW) -> float:
    """Return the mean local standard deviation of brightness.

    Brightness is the mean of the bands. Around every pixel the standard deviation within a square
    is taken, pixels without data as the mean of the others, and averaged over valid pixels.

    Args:
        pixels: shape (bands, rows, cols).
        valid: shape (rows, cols).
        window: side of the square in pixels.

    Returns:
        The figure in the pixels' own unit; 0 where nothing is valid.

    Example:
        >>> roughness(np.zeros((3, 8, 8)), np.ones((8, 8), bool))
        0.0
    """
    if not valid.any():
        return 0.0
    brightness = pixels.astype(np.float64).mean(axis=0)
    # About the mean, so that squares lose no digits.
    brightness = np.where(valid, brightness, 0.0)
    brightness = np.where(valid, brightness - brightness[valid].mean(), 0.0)
    mean = ndimage.uniform_filter(brightness, window, mode="reflect")
    square = ndimage.uniform_filter(brightness**2, window, mode="reflect")
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))
    return float(spread[valid].mean())
