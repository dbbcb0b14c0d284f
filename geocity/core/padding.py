"""Pixels for the part of a window that reaches outside a scene: the scene, mirrored at its edge."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Window

Scalar = TypeVar("Scalar", bound=np.generic)


def reflected_positions(first: int, count: int, length: int) -> NDArray[np.intp]:
    """Return which pixel of an axis stands at each position, inside or outside of it.

    Outside, the axis is mirrored about its first and last pixel, which are not repeated (numpy's
    "reflect"), again and again when the positions reach further than the axis is long.

    Args:
        first: the first position; negative before the axis begins.
        count: number of positions.
        length: pixels of the axis.

    Example:
        >>> reflected_positions(-3, 9, 4).tolist()
        [3, 2, 1, 0, 1, 2, 3, 2, 1]
    """
    if length < 1:
        raise ValueError(f"an axis of {length} pixels cannot be mirrored")
    positions = np.arange(first, first + count, dtype=np.intp)
    if length == 1:
        return np.zeros_like(positions)
    period = 2 * (length - 1)
    positions %= period
    return np.minimum(positions, period - positions)


def pad_reflect(pixels: NDArray[Scalar], inside: Window, wanted: Window) -> NDArray[Scalar]:
    """Grow the pixels of one window to another that reaches further, by mirroring them.

    Only what is in ``pixels`` is mirrored, so a tile needs no more than its own pixels.

    Args:
        pixels: the pixels of ``inside``, shape (..., rows, cols).
        inside: the window they were read from.
        wanted: the window to fill.

    Returns:
        The pixels of ``wanted``, shape (..., rows, cols); ``pixels`` itself if nothing is missing.

    Raises:
        ValueError: if the shape of ``pixels`` is not that of ``inside``.
    """
    if pixels.shape[-2:] != inside.shape:
        raise ValueError(f"pixels of shape {pixels.shape} do not fill {inside}")
    if inside == wanted:
        return pixels
    rows = reflected_positions(wanted.row - inside.row, wanted.rows, inside.rows)
    cols = reflected_positions(wanted.col - inside.col, wanted.cols, inside.cols)
    return pixels[..., rows[:, None], cols]
