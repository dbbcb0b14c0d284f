"""Heat maps as numbers: scaled, cut to what is salient, turned into colours.

A map says for every pixel how much it speaks for a class. Maps come as arrays (images, rows, cols).
"""

from collections.abc import Callable

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
    """Bring every map to 0 … 1 by its own smallest and largest value; a flat map becomes 0.

    Pixels without a value (NaN) are left out and become 0.
    """
    values = maps.astype(np.float64)
    low = _of_each(np.min, values)
    span = _of_each(np.max, values) - low
    result = np.divide(values - low, span, out=np.zeros_like(values), where=span > 0)
    return np.nan_to_num(result)


def balanced(maps: Maps, percentile: float = 100.0) -> NDArray[np.float64]:
    """Bring every map to -1 … 1 by its own magnitudes, so that 0 stays 0.

    Args:
        maps: shape (images, rows, cols); pixels without a value (NaN) become 0.
        percentile: of the magnitudes that becomes 1; larger ones are cut off.
    """
    values = maps.astype(np.float64)

    def most(known: NDArray[np.float64]) -> np.floating:
        magnitudes = np.abs(known)
        # Where nearly everything is 0 a percentile may be 0 too.
        return np.percentile(magnitudes, percentile) or magnitudes.max()

    limit = _of_each(most, values)
    result = np.divide(values, limit, out=np.zeros_like(values), where=limit > 0)
    return np.asarray(np.clip(np.nan_to_num(result), -1, 1), np.float64)


def salient(maps: Maps) -> NDArray[np.bool_]:
    """Return where a map lies above its own mean plus one standard deviation.

    The mask of the published Relevance-CAM figures (Lee et al., CVPR 2021). Pixels without a value
    (NaN) do not count and are not salient.
    """
    values = maps.astype(np.float64)
    limit = _of_each(np.mean, values) + _of_each(np.std, values)
    return np.asarray(values > limit)


def _of_each(
    measure: Callable[[NDArray[np.float64]], np.floating], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a measure of the known pixels of each map, shape (images, 1, 1); 0 where none is."""
    found = [one[~np.isnan(one)] for one in values]
    numbers = [float(measure(known)) if known.size else 0.0 for known in found]
    return np.array(numbers).reshape(-1, 1, 1)


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
