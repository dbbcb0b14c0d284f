"""Heat maps as numbers: scaled, cut to what is salient, turned into colours.

A map says for every pixel how much it speaks for a class. Maps come as arrays (images, rows, cols).
"""

import numpy as np
from numpy.typing import NDArray

from geocity.core.classes import Color

Maps = NDArray[np.floating]

SIGNED_RAMP: tuple[tuple[float, Color], ...] = (
    (-1.0, (5, 48, 97)),
    (-0.5, (67, 147, 195)),
    (0.0, (247, 247, 247)),
    (0.5, (214, 96, 77)),
    (1.0, (103, 0, 31)),
)
"""ColorBrewer's RdBu, reversed: what speaks against the class is blue, what speaks for it red."""

HEAT_RAMP: tuple[tuple[float, Color], ...] = (
    (0.0, (13, 8, 135)),
    (0.25, (126, 3, 168)),
    (0.5, (204, 71, 120)),
    (0.75, (248, 149, 64)),
    (1.0, (240, 249, 33)),
)
"""Matplotlib's perceptually even "plasma", from least to most."""


def scaled(maps: Maps) -> NDArray[np.float64]:
    """Bring every map to 0 … 1 by its own smallest and largest value; a flat map becomes 0."""
    values = maps.astype(np.float64)
    low = values.min((1, 2), keepdims=True)
    span = values.max((1, 2), keepdims=True) - low
    return np.divide(values - low, span, out=np.zeros_like(values), where=span > 0)


def balanced(maps: Maps) -> NDArray[np.float64]:
    """Bring every map to -1 … 1 by its own largest magnitude, so that 0 stays 0."""
    values = maps.astype(np.float64)
    most = np.abs(values).max((1, 2), keepdims=True)
    return np.divide(values, most, out=np.zeros_like(values), where=most > 0)


def salient(maps: Maps) -> NDArray[np.bool_]:
    """Return where a map lies above its own mean plus one standard deviation.

    The mask of the published Relevance-CAM figures (Lee et al., CVPR 2021).
    """
    values = maps.astype(np.float64)
    limit = values.mean((1, 2), keepdims=True) + values.std((1, 2), keepdims=True)
    return np.asarray(values > limit)


def colored(values: Maps, ramp: tuple[tuple[float, Color], ...]) -> NDArray[np.float64]:
    """Return the colours of values.

    Args:
        values: any shape; beyond the ends of the ramp the end colour is taken.
        ramp: (value, colour), values rising.

    Returns:
        Red, green, blue from 0 to 255, shape (…, 3).
    """
    places = [value for value, _ in ramp]
    channels = np.array([color for _, color in ramp], float).T
    return np.stack([np.interp(values, places, channel) for channel in channels], axis=-1)
