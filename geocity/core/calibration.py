"""Whether probabilities mean what they say: of pixels given 0.8, are 80 % of the class?

Sums first, figures from the sums, so that pieces add up: a :class:`Reliability` takes
probabilities and outcomes piece by piece.

ECE (expected calibration error) is the mean distance between probability and frequency over
equally wide bins, weighted by their pixels. Brier is the mean squared distance between probability
and outcome (0 or 1), NLL the mean of -ln(probability given to what was true).
Temperature scaling: Guo et al. (2017), "On calibration of modern neural networks", ICML.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from geocity.core.metrics import ratio

_FLOOR = 1e-7
"""Probabilities are kept this far from 0 and 1 in logarithms: float32 holds no finer truth."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One bar of a reliability curve.

    Attributes:
        low: lower end of the bin.
        high: upper end.
        pixels: how many probabilities fell into it.
        mean_probability: their mean, or None for an empty bin.
        frequency: the share of them that came true, or None for an empty bin.
    """

    low: float
    high: float
    pixels: int
    mean_probability: float | None
    frequency: float | None


class Reliability:
    """Probabilities of one class against what was true, gathered piece by piece.

    Attributes:
        pixels: int64 (bins,), probabilities in each bin.
        probability_sum: float64 (bins,).
        true_px: int64 (bins,), outcomes that were the class.
    """

    def __init__(self, bins: int = 15) -> None:
        """Make an empty one with equally wide bins from 0 to 1.

        Raises:
            ValueError: if there is no bin.
        """
        if bins < 1:
            raise ValueError(f"a reliability curve needs at least one bin, got {bins}")
        self.pixels: NDArray[np.int64] = np.zeros(bins, np.int64)
        self.probability_sum: NDArray[np.float64] = np.zeros(bins)
        self.true_px: NDArray[np.int64] = np.zeros(bins, np.int64)
        self._square_sum = 0.0
        self._log_sum = 0.0

    def update(self, probability: NDArray[np.floating], outcome: NDArray[np.bool_]) -> None:
        """Take one piece.

        Args:
            probability: 0 to 1, any shape.
            outcome: True where the class was true, same shape.

        Raises:
            ValueError: if the shapes differ or a probability lies outside 0 to 1.
        """
        if probability.shape != outcome.shape:
            raise ValueError(f"got {probability.shape} probabilities, {outcome.shape} outcomes")
        p = probability.ravel().astype(np.float64)
        hit = outcome.ravel()
        if not p.size:
            return
        if not (p.min() >= 0 and p.max() <= 1 + 1e-6):  # NaN fails the comparison
            raise ValueError("probabilities must lie within 0 to 1")
        bins = len(self.pixels)
        index = np.minimum((p * bins).astype(np.intp), bins - 1)
        self.pixels += np.bincount(index, minlength=bins)
        self.probability_sum += np.bincount(index, weights=p, minlength=bins)
        self.true_px += np.bincount(index[hit], minlength=bins)
        given = np.where(hit, p, 1 - p)
        self._square_sum += float(np.square(1 - given).sum())
        self._log_sum -= float(np.log(given.clip(_FLOOR, 1)).sum())

    @property
    def bins(self) -> tuple[ReliabilityBin, ...]:
        """Return the bars of the curve, by rising probability."""
        edges = np.linspace(0, 1, len(self.pixels) + 1)
        return tuple(
            ReliabilityBin(
                low=float(edges[i]),
                high=float(edges[i + 1]),
                pixels=int(self.pixels[i]),
                mean_probability=ratio(float(self.probability_sum[i]), int(self.pixels[i])),
                frequency=ratio(int(self.true_px[i]), int(self.pixels[i])),
            )
            for i in range(len(self.pixels))
        )

    @property
    def ece(self) -> float | None:
        """Expected calibration error, 0 to 1; None without pixels."""
        gap = float(np.abs(self.probability_sum - self.true_px).sum())
        return ratio(gap, int(self.pixels.sum()))

    @property
    def brier(self) -> float | None:
        """Mean squared distance of probability and outcome; None without pixels."""
        return ratio(self._square_sum, int(self.pixels.sum()))

    @property
    def nll(self) -> float | None:
        """Mean negative log-likelihood in nats, class against rest; None without pixels."""
        return ratio(self._log_sum, int(self.pixels.sum()))


def fit_temperature(logits: NDArray[np.floating], truth: NDArray[np.integer]) -> float:
    """Find the number by which logits are divided so that probabilities mean what they say.

    It leaves the most probable class as it is and changes only how sure the model says it is.

    Args:
        logits: (pixels, classes), of pixels that were not trained on.
        truth: (pixels,), index of the true class.

    Returns:
        The temperature of lowest mean negative log-likelihood, within 0.05 to 20; above 1 the
        model was too sure of itself. 1.0 if there are no pixels.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if logits.ndim != 2 or truth.shape != logits.shape[:1]:
        raise ValueError(f"got logits {logits.shape} and truth {truth.shape}")
    if not len(truth):
        return 1.0
    values = logits.astype(np.float64)
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        scaled = special.log_softmax(values * np.exp(-log_temperature), axis=1)
        return -float(scaled[rows, truth].mean())

    return best_temperature(loss)


def best_temperature(loss: Callable[[float], float]) -> float:
    """Return the temperature of lowest loss, within 0.05 to 20.

    Args:
        loss: mean negative log-likelihood by the natural logarithm of the temperature. It is
            convex in 1 / temperature, so it has one valley in the logarithm too.
    """
    found = optimize.minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(found.x))
