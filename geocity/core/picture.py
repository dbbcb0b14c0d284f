"""Imagery as people see it: three bands of bytes for a figure."""

import numpy as np
from numpy.typing import NDArray

_DARKEST, _BRIGHTEST = 2, 98
"""Percentiles that become black and white where pixels are no bytes."""


def rgb_picture(pixels: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Make a picture of the first three bands, or of the first alone where there are fewer.

    Bytes are shown as they are. Other number types are stretched between their 2nd and 98th
    percentile, the same for all bands, so that the colours keep their balance.

    Args:
        pixels: (bands, rows, cols).
        valid: (rows, cols), False where there is no data; shown white.

    Returns:
        uint8 (rows, cols, 3).

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> rgb_picture(np.full((1, 1, 2), 7, np.uint8), np.array([[True, False]])).tolist()
        [[[7, 7, 7], [255, 255, 255]]]
    """
    if pixels.ndim != 3 or pixels.shape[1:] != valid.shape:
        raise ValueError(f"got pixels {pixels.shape} and a mask {valid.shape}")
    shown = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
    if shown.dtype != np.uint8:
        shown = _stretched(shown.astype(np.float64), valid)
    picture: NDArray[np.uint8] = np.ascontiguousarray(np.moveaxis(shown, 0, -1), np.uint8)
    picture[~valid] = 255
    return picture


def _stretched(bands: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    known = bands[:, valid]
    known = known[np.isfinite(known)]
    low, high = np.percentile(known, (_DARKEST, _BRIGHTEST)) if known.size else (0.0, 1.0)
    scaled = (bands - low) / max(high - low, np.finfo(np.float64).tiny)
    return (np.nan_to_num(scaled).clip(0, 1) * 255).round().astype(np.uint8)
