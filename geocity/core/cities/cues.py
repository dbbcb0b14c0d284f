"""Pictures with one cue taken away: colour, the colours of a place, detail, or the plan.

Each function takes pixels (3, rows, cols) of 0 to 255 and returns float32 of that shape and range.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601: how bright red, green and blue look."""

_BLUR_SHARE = 1 / 60
"""Standard deviation of the blur as a share of the side: 8 px of 480, 3.3 m of 200 m."""

_TILES = 4

Pixels = NDArray[np.float32]
Statistics = tuple[NDArray[np.float64], NDArray[np.float64]]


def grey(pixels: Pixels) -> Pixels:
    """Return a picture without colour."""
    brightness = np.tensordot(_LUMA, pixels.astype(np.float32), axes=1)
    return np.repeat(brightness[None], 3, axis=0)


def blurred(pixels: Pixels) -> Pixels:
    """Return a picture without roofs and cars: streets and blocks stay."""
    sigma = _BLUR_SHARE * min(pixels.shape[1:])
    result: Pixels = ndimage.gaussian_filter(pixels.astype(np.float32), (0, sigma, sigma))
    return result


def shuffled(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a picture whose 4 x 4 tiles changed places: texture and colour without the plan.

    Where the side is no multiple of four, the last rows and columns stay where they are.

    Args:
        pixels: the picture.
        rng: the source of chance.
    """
    result = pixels.astype(np.float32, copy=True)
    rows, cols = (side // _TILES for side in pixels.shape[1:])
    if not rows or not cols:
        return result
    corners = [(r * rows, c * cols) for r in range(_TILES) for c in range(_TILES)]
    for (row, col), source in zip(corners, rng.permutation(len(corners)), strict=True):
        from_row, from_col = corners[source]
        tile = pixels[:, from_row : from_row + rows, from_col : from_col + cols]
        result[:, row : row + rows, col : col + cols] = tile
    return result


def colour_statistics(pixels: Pixels) -> Statistics:
    """Return mean and standard deviation of each channel, (3,) and (3,)."""
    values = pixels.astype(np.float64)
    return values.mean(axis=(1, 2)), values.std(axis=(1, 2))


def in_colours_of(pixels: Pixels, donor: Statistics) -> Pixels:
    """Return a picture with the mean and spread of each channel of another one.

    After Reinhard et al. (2001, "Color transfer between images"), on red, green and blue.

    Args:
        pixels: the picture.
        donor: `colour_statistics` of the one whose colours it gets.
    """
    own, other = colour_statistics(pixels), donor
    gain = other[1] / np.maximum(own[1], 1e-3)
    offset = other[0] - gain * own[0]
    result: Pixels = pixels * gain[:, None, None].astype(np.float32)
    result += offset[:, None, None].astype(np.float32)
    return np.clip(result, 0, 255, out=result)
