"""How much of a class there really is, from a map and a stratified random reference sample.

The accepted practice: Olofsson, Foody, Herold, Stehman, Woodcock, Wulder: *Good practices for
estimating area and assessing accuracy of land change*, Remote Sensing of Environment 148 (2014),
42-57 (equation numbers below are its), after Cochran, *Sampling Techniques* (1977). Pixels counted
on a map are biased by its errors; the sample tells how, and how far the answer can be off.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """Numbers with their standard errors, one a class (or a single one).

    Attributes:
        value: the estimate.
        standard_error: of the estimate; NaN where the sample cannot say.
    """

    value: FloatArray
    standard_error: FloatArray

    def margin(self, confidence: float = 0.95) -> FloatArray:
        """Return half the width of the confidence interval."""
        return float(norm.ppf(0.5 + confidence / 2)) * self.standard_error


@dataclass(frozen=True)
class StratifiedSample:
    """A reference sample drawn at random within the classes of a map.

    Attributes:
        counts: (classes, classes), sample units by mapped class (rows, the strata) and reference
            class (columns).
        mapped_area: (classes,), area of each mapped class, in any unit; areas come out in it.
    """

    counts: NDArray[np.int64]
    mapped_area: FloatArray

    def __post_init__(self) -> None:
        classes = len(self.mapped_area)
        if self.counts.shape != (classes, classes):
            raise ValueError(
                f"{classes} mapped classes need an error matrix of ({classes}, {classes}), "
                f"got {self.counts.shape}"
            )
        if (self.counts < 0).any() or (self.mapped_area < 0).any():
            raise ValueError("counts and areas cannot be negative")
        unseen = (self.mapped_area > 0) & (self.units < 2)
        if unseen.any():
            raise ValueError(
                f"mapped classes {np.flatnonzero(unseen).tolist()} have fewer than two sample "
                "units; their error cannot be estimated"
            )

    @property
    def units(self) -> NDArray[np.int64]:
        """Return the number of sample units in each mapped class."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def weights(self) -> FloatArray:
        """Return the share of the mapped area in each mapped class, W_i."""
        return np.asarray(self.mapped_area / self.mapped_area.sum())

    @property
    def _row_shares(self) -> FloatArray:
        return self.counts / np.maximum(self.units, 1)[:, None]

    @property
    def proportions(self) -> FloatArray:
        """Return the error matrix in shares of the total area (eq. 4): p_ij = W_i n_ij / n_i."""
        return self.weights[:, None] * self._row_shares

    def overall_accuracy(self) -> Estimate:
        """Return the share of the area that is mapped right (eq. 1 and 5)."""
        right = np.diagonal(self._row_shares)
        variance = (self.weights**2 * _binomial_variance(right, self.units)).sum()
        return Estimate(np.asarray(np.trace(self.proportions)), np.sqrt(variance))

    def users_accuracy(self) -> Estimate:
        """Return, by class, how much of what is mapped as it is it (eq. 2 and 6)."""
        right = np.where(self.units > 0, np.diagonal(self._row_shares), np.nan)
        return Estimate(right, np.sqrt(_binomial_variance(right, self.units)))

    def producers_accuracy(self) -> Estimate:
        """Return, by class, how much of what is it is mapped as it (eq. 3 and 7)."""
        present = self.proportions.sum(axis=0)
        share = np.divide(
            np.diagonal(self.proportions),
            present,
            out=np.full(len(present), np.nan),
            where=present > 0,
        )
        errors = _binomial_variance(self._row_shares, self.units[:, None])
        weighted = self.weights[:, None] ** 2 * errors
        own = np.diagonal(weighted)
        others = weighted.sum(axis=0) - own
        variance = ((1 - share) ** 2 * own + share**2 * others) / np.where(
            present > 0, present, np.nan
        ) ** 2
        return Estimate(share, np.sqrt(variance))

    def areas(self) -> Estimate:
        """Return the error-adjusted area of every reference class (eq. 9, 10 and 11)."""
        errors = _binomial_variance(self._row_shares, self.units[:, None])
        standard_error = np.sqrt((self.weights[:, None] ** 2 * errors).sum(axis=0))
        total = self.mapped_area.sum()
        return Estimate(total * self.proportions.sum(axis=0), total * standard_error)


def _binomial_variance(shares: FloatArray, units: NDArray[np.int64]) -> FloatArray:
    return np.asarray(shares * (1 - shares) / np.maximum(units - 1, 1))


def sample_size(
    mapped_area: Sequence[float], users_accuracy: Sequence[float], *, standard_error: float
) -> int:
    """Return how many units give the overall accuracy a wanted standard error (eq. 13).

    Args:
        mapped_area: of each mapped class.
        users_accuracy: what is conjectured for each mapped class, 0 to 1.
        standard_error: wanted for the overall accuracy, such as 0.01.

    Raises:
        ValueError: unless the standard error lies between 0 and 1.

    Example:
        >>> sample_size([2, 1.5, 32, 64.5], [0.7, 0.6, 0.9, 0.95], standard_error=0.01)
        641
    """
    if not 0 < standard_error < 1:
        raise ValueError(f"a standard error must lie between 0 and 1, got {standard_error}")
    areas = np.asarray(mapped_area, dtype=float)
    conjectured = np.asarray(users_accuracy, dtype=float)
    spread = (areas / areas.sum() * np.sqrt(conjectured * (1 - conjectured))).sum()
    return max(2 * len(areas), round(float(spread / standard_error) ** 2))


def allocate(units: int, mapped_area: Sequence[float], *, least: int = 50) -> NDArray[np.int64]:
    """Share sample units among mapped classes: a floor for the rare ones, the rest by area.

    Olofsson et al. (2014), section 5.1.2: proportional allocation leaves rare classes, such as
    change, with too few units to say anything of them; equal allocation wastes units. Rare classes
    therefore get a fixed number (they suggest 50 to 100) and the others share what is left by area.

    Args:
        units: in all.
        mapped_area: of each mapped class; a class of area 0 gets none.
        least: the floor; lowered where there are not enough units for it.

    Returns:
        Units of each mapped class; they add up to ``units``.

    Raises:
        ValueError: if there are fewer than two units for a class.

    Example:
        >>> allocate(641, [2, 1.5, 32, 64.5], least=75).tolist()
        [75, 75, 163, 328]
    """
    areas = np.asarray(mapped_area, dtype=float)
    present = np.flatnonzero(areas > 0)
    if units < 2 * len(present):
        raise ValueError(f"{len(present)} classes need at least {2 * len(present)} sample units")
    floor = min(least, units // len(present))
    rare: set[int] = set()
    while True:
        common = [i for i in present if i not in rare]
        left = units - floor * len(rare)
        wanted = {i: left * areas[i] / areas[common].sum() for i in common}
        below = {int(i) for i, share in wanted.items() if share < floor}
        if not below or len(rare | below) == len(present):
            break
        rare |= below
    shares = np.zeros(len(areas))
    for i in present:
        shares[i] = floor if i in rare else wanted[i]
    return _round_to_sum(shares, units)


def _round_to_sum(shares: FloatArray, total: int) -> NDArray[np.int64]:
    """Round so that the sum is kept: the largest remainders are rounded up."""
    whole = np.floor(shares).astype(np.int64)
    remainder = shares - whole
    for i in np.argsort(-remainder, kind="stable")[: max(0, math.floor(total - whole.sum()))]:
        whole[i] += 1
    return whole
