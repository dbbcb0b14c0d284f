"""Confidence intervals for a new site, not for another patch of the same one.

Patches of an image overlap and images of a site share date, sensor and haze: counting them as
independent makes any error bar meaningless. Here sites are drawn with replacement, and then images
within each drawn site (two-stage cluster bootstrap: Davison and Hinkley 1997, section 3.8; Field
and Welsh 2007). Patches are never drawn.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]


def draw_clusters(
    site_of_cluster: NDArray[np.integer], draws: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw sites, then clusters within them, with replacement.

    Args:
        site_of_cluster: (clusters,), the site of each.
        draws: how often.
        rng: the source of chance.

    Returns:
        (draws, clusters), how often each cluster was drawn.
    """
    sites, inverse, sizes = np.unique(site_of_cluster, return_inverse=True, return_counts=True)
    times = rng.multinomial(len(sites), np.full(len(sites), 1 / len(sites)), size=draws)
    drawn = np.zeros((draws, len(inverse)), np.int64)
    for number, size in enumerate(sizes):
        members = np.flatnonzero(inverse == number)
        drawn[:, members] = rng.multinomial(times[:, number] * size, np.full(size, 1 / size))
    return drawn


def percentile_intervals(
    figures: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    site_of_cluster: NDArray[np.integer],
    *,
    draws: int,
    confidence: float,
    rng: np.random.Generator,
) -> list[Interval | None]:
    """Return the interval of each figure over draws of sites and clusters.

    Args:
        figures: takes weights (draws, clusters) and gives figures (draws, figures), NaN where one
            does not exist.
        site_of_cluster: (clusters,), the site of each.
        draws: how many.
        confidence: for example 0.95.
        rng: the source of chance.

    Returns:
        (low, high) for each figure; None where it hardly ever exists, and for all of them where
        there are fewer than two sites: one site says nothing about the next.
    """
    if len(np.unique(site_of_cluster)) < 2:
        return [None] * figures(np.ones((1, len(site_of_cluster)), np.int64)).shape[1]
    values = figures(draw_clusters(site_of_cluster, draws, rng))
    tail = (1 - confidence) / 2
    return [_ends(column, tail) for column in values.T]


def _ends(column: NDArray[np.float64], tail: float) -> Interval | None:
    known: NDArray[Any] = column[np.isfinite(column)]
    if len(known) < len(column) / 2:
        return None
    low, high = np.quantile(known, (tail, 1 - tail))
    return float(low), float(high)
