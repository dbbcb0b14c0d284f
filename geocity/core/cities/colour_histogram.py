"""How much of a patch is colour alone: its histograms, which know nothing of form."""

import numpy as np
from numpy.typing import NDArray

BINS = 16
_TOP = 256


def colour_histogram(pixels: NDArray[np.floating], bins: int = BINS) -> NDArray[np.float64]:
    """Return the histogram of every band, one after the other, each summing to 1.

    Args:
        pixels: (bands, rows, cols), 0 to 255.
        bins: equally wide bins from 0 to 256 in each band.

    Returns:
        float64 (bands * bins,).
    """
    place = (pixels.reshape(len(pixels), -1) * (bins / _TOP)).astype(np.int64).clip(0, bins - 1)
    place += np.arange(len(pixels))[:, None] * bins
    counts = np.bincount(place.ravel(), minlength=len(pixels) * bins)
    return np.asarray(counts / place.shape[1], np.float64)
