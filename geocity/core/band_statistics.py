"""Minimum, maximum, mean and spread per band, gathered in one pass over pieces of any size."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class BandStatistics:
    """What the valid pixels of each band are like.

    Attributes:
        min: lowest pixel value per band, float64 of shape (bands,).
        max: highest pixel value per band.
        mean: mean pixel value per band.
        std: population standard deviation per band.
        pixels: number of valid pixels behind them.
    """

    min: NDArray[np.float64]
    max: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    pixels: int

    def to_json(self) -> dict[str, Any]:
        """Return plain lists and numbers."""
        named = {name: getattr(self, name).tolist() for name in ("min", "max", "mean", "std")}
        return {**named, "pixels": self.pixels}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "BandStatistics":
        """Make statistics of what `to_json` gave."""
        low, high, mean, std = (
            np.asarray(values[name], dtype=np.float64) for name in ("min", "max", "mean", "std")
        )
        return cls(low, high, mean, std, int(values["pixels"]))


class BandAccumulator:
    """Statistics that grow piece by piece, exact in float64 whatever the order of the pieces.

    Means and squared deviations are merged by the pairwise update of Chan, Golub and LeVeque
    (1983), so that millions of pixels far from zero lose no digits.
    """

    def __init__(self, bands: int) -> None:
        self.pixels = 0
        self.min = np.full(bands, np.inf)
        self.max = np.full(bands, -np.inf)
        self.mean = np.zeros(bands)
        self.squared_deviations = np.zeros(bands)

    def add(self, pixels: NDArray[Any], valid: NDArray[np.bool_]) -> None:
        """Take in the valid pixels of a piece.

        Args:
            pixels: shape (bands, rows, cols), any number type.
            valid: shape (rows, cols).
        """
        # (bands, rows, cols) -> (bands, valid pixels)
        values = (pixels.reshape(len(pixels), -1) if valid.all() else pixels[:, valid]).astype(
            np.float64
        )
        count = values.shape[1]
        if count == 0:
            return
        mean = values.mean(axis=1)
        squares = np.square(values - mean[:, None]).sum(axis=1)
        total = self.pixels + count
        shift = mean - self.mean
        self.squared_deviations += squares + shift**2 * (self.pixels * count / total)
        self.mean += shift * (count / total)
        self.min = np.minimum(self.min, values.min(axis=1))
        self.max = np.maximum(self.max, values.max(axis=1))
        self.pixels = total

    def result(self) -> BandStatistics:
        """Return the statistics so far; all zero where no pixel was valid."""
        if self.pixels == 0:
            zero = np.zeros_like(self.mean)
            return BandStatistics(zero, zero, zero, zero, 0)
        std = np.sqrt(self.squared_deviations / self.pixels)
        return BandStatistics(self.min.copy(), self.max.copy(), self.mean.copy(), std, self.pixels)
