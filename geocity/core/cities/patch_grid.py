"""Where patches are cut from an image."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Half = Literal["whole", "left", "right"]


def patch_side(patch_m: float, cell_size_m: float) -> int:
    """Return the side in pixels that comes nearest to a size on the ground.

    Example:
        >>> patch_side(200.0, 0.41667), patch_side(200.0, 0.6)
        (480, 333)
    """
    return max(1, round(patch_m / cell_size_m))


def patch_stride(side: int, overlap: float) -> int:
    """Return the step between patches that overlap by a share of their side.

    Example:
        >>> patch_stride(480, 0.5), patch_stride(480, 0.0)
        (240, 480)
    """
    return max(1, side - round(side * overlap))


def patch_origins(
    shape: tuple[int, int], side: int, stride: int, half: Half = "whole"
) -> NDArray[np.int64]:
    """Return the upper left corners of all whole patches, row by row.

    DL-SLICER cuts a last site in halves first and in patches second, so that no patch lies across
    the middle.

    Args:
        shape: (rows, cols) of the image.
        side: of a patch, in pixels.
        stride: from one patch to the next, in pixels.
        half: of the image to stay in; an odd middle column belongs to the right half.

    Returns:
        (n, 2) rows and columns in the whole image; none where the image is smaller than a patch.

    Example:
        >>> len(patch_origins((4800, 4800), 480, 240))
        361
        >>> len(patch_origins((4800, 4800), 480, 240, "left"))
        171
    """
    rows, cols = shape
    middle = cols // 2
    first, end = {"whole": (0, cols), "left": (0, middle), "right": (middle, cols)}[half]
    ups = np.arange(0, rows - side + 1, stride, dtype=np.int64)
    acrosses = np.arange(first, end - side + 1, stride, dtype=np.int64)
    grid = np.meshgrid(ups, acrosses, indexing="ij")
    return np.stack([axis.ravel() for axis in grid], axis=1)
