"""Exact statistics of quantised probabilities by region, over strips."""

import numpy as np
from numpy.typing import NDArray

PROBABILITY_STEPS = 254
"""Probabilities are stored as 0 … 254, 255 meaning unknown."""

_LEVELS = 256


class ProbabilityTally:
    """How often each probability occurs in each region: few numbers, however large the region.

    Example:
        >>> tally = ProbabilityTally()
        >>> tally.add(np.array([0, 0, 1]), np.array([254, 0, 127], np.uint8))
        >>> mean, tenth = tally.summary(2)
        >>> mean.tolist()
        [0.5, 0.5]
    """

    def __init__(self) -> None:
        self._keys = np.empty(0, np.int64)  # region * 256 + probability, rising
        self._counts = np.empty(0, np.int64)

    @classmethod
    def of(cls, keys: NDArray[np.int64], counts: NDArray[np.int64]) -> "ProbabilityTally":
        """Return a tally from what `entries` gave."""
        result = cls()
        result._keys, result._counts = keys, counts
        return result

    def entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return its numbers, to be kept in a file: keys, rising, and how often each occurs."""
        return self._keys, self._counts

    def merged(self, other: "ProbabilityTally", numbers: NDArray[np.int64]) -> "ProbabilityTally":
        """Return this tally and another one whose regions are numbered anew.

        Args:
            other: what to count too; it is left as it is.
            numbers: the number here of each of its regions.
        """
        result = ProbabilityTally()
        keys = numbers[other._keys // _LEVELS] * _LEVELS + other._keys % _LEVELS
        result._merge(
            np.concatenate([self._keys, keys]), np.concatenate([self._counts, other._counts])
        )
        return result

    def restricted(self, regions: NDArray[np.int64], count: int) -> "ProbabilityTally":
        """Return the tally of some regions, numbered 0, 1 … in the order given.

        Args:
            regions: which, each once.
            count: how many regions there are in this tally.
        """
        numbers = np.full(count, -1)
        numbers[regions] = np.arange(len(regions))
        result = ProbabilityTally()
        result._keys, result._counts = self._keys, self._counts
        result.renumber(numbers)
        return result

    def add(self, regions: NDArray[np.int64], probabilities: NDArray[np.uint8]) -> None:
        """Count pixels.

        Args:
            regions: region of each pixel, shape (pixels,).
            probabilities: 0 to 254; 255 is not counted; same shape.
        """
        known = probabilities <= PROBABILITY_STEPS
        keys, counts = np.unique(
            regions[known] * _LEVELS + probabilities[known], return_counts=True
        )
        self._merge(np.concatenate([self._keys, keys]), np.concatenate([self._counts, counts]))

    def renumber(self, numbers: NDArray[np.int64]) -> None:
        """Give regions new numbers; regions of one number become one, those of -1 are dropped.

        Args:
            numbers: the new number of each region, by its present one.
        """
        region = numbers[self._keys // _LEVELS]
        kept = region >= 0
        keys = region * _LEVELS + self._keys % _LEVELS
        self._merge(keys[kept], self._counts[kept])

    def _merge(self, keys: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        self._keys, place = np.unique(keys, return_inverse=True)
        self._counts = np.bincount(place, counts, len(self._keys)).astype(np.int64)

    def summary(self, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and tenth percentile of regions 0 … count-1, NaN where nothing was counted.

        The percentile interpolates between the two nearest pixels, as `numpy.percentile` does.
        """
        region, value = np.divmod(self._keys, _LEVELS)
        pixels = np.bincount(region, self._counts, count).astype(np.int64)
        total = np.bincount(region, self._counts * value, count)
        some = pixels > 0
        mean, tenth = np.full(count, np.nan), np.full(count, np.nan)
        mean[some] = total[some] / pixels[some] / PROBABILITY_STEPS
        upto = np.cumsum(self._counts)
        first = (np.cumsum(pixels) - pixels)[some]
        rank = 0.1 * (pixels[some] - 1)
        lower = np.floor(rank).astype(np.int64)
        upper = np.minimum(lower + 1, pixels[some] - 1)
        low = value[np.searchsorted(upto, first + lower, side="right")]
        high = value[np.searchsorted(upto, first + upper, side="right")]
        tenth[some] = (low + (high - low) * (rank - lower)) / PROBABILITY_STEPS
        return mean, tenth
