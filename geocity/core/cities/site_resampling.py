"""How sure a distance between cities is: sites drawn anew, never patches.

Patches of one site overlap, share a day and a haze; they are no independent evidence. The unit is
the site (a cluster bootstrap). Of a city's m sites, m - 1 are drawn with replacement, which gives
the mean the right variance however few sites there are: Rao and Wu, *Resampling inference with
complex survey data*, Journal of the American Statistical Association 83 (1988), 231-241.

The noise of few sites moves the mean of a city somewhere, and that only adds to its distance from
the others. Draws show how much it adds; it is taken off. Simulated with cities of known distance, a
plain percentile interval of nominally 95 % holds the true distance in 0 to 60 % of cases at three
sites a city, the interval here in 88 to 96 % (in about 70 % at two sites, 91 to 97 % from five on).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.distances import (
    FloatArray,
    IntArray,
    SiteSums,
    cosine_distances,
    energy_distances,
)

CONFIDENCE = 0.95

Measure = Callable[[SiteSums, NDArray[np.number] | None], FloatArray]

MEASURES: dict[str, Measure] = {"cosine": cosine_distances, "energy": energy_distances}

# What the noise of sites adds, it adds to squares: the energy distance is a root of one.
_POWER = {"cosine": 1, "energy": 2}


@dataclass(frozen=True, eq=False)
class Resampled:
    """Distances between cities and what drawing the sites anew makes of them.

    Attributes:
        distance: (cities, cities), of the patches at hand.
        corrected: the distance less what the noise of few sites adds to it; NaN where a city has
            but one site, as `low` and `high`.
        low: lower end of the interval of the distance that many sites would give.
        high: its upper end.
        drawn: (draws, cities, cities), the distances of every draw.
    """

    distance: FloatArray
    corrected: FloatArray
    low: FloatArray
    high: FloatArray
    drawn: FloatArray


def draw_sites(sites: IntArray, draws: int, rng: np.random.Generator) -> IntArray:
    """Draw the sites of every city anew, many times.

    Args:
        sites: (cities,), how many sites each has.
        draws: how many times.
        rng: the source of chance.

    Returns:
        int64 (draws, all sites), how often each site was drawn; the single site of a city always
        once.
    """
    result = np.ones((draws, int(sites.sum())), np.int64)
    start = 0
    for count in sites.tolist():
        if count > 1:
            share = np.full(count, 1 / count)
            result[:, start : start + count] = rng.multinomial(count - 1, share, size=draws)
        start += count
    return result


def resampled_distances(sums: SiteSums, measure: str, drawn: IntArray) -> Resampled:
    """Return the distances of cities with their intervals.

    Args:
        sums: of the sites.
        measure: a name in `MEASURES`.
        drawn: (draws, sites) of `draw_sites`; at least two draws.
    """
    function = MEASURES[measure]
    distance = function(sums, None)
    draws = np.stack([function(sums, weights) for weights in drawn])
    power = _POWER[measure]
    raised = draws**power
    added = raised.mean(axis=0) - distance**power
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(raised, (tail, 1 - tail), axis=0) - 2 * added
    unknown = sums.sites < 2
    unsure = unknown[:, None] | unknown
    corrected, low, high = (
        np.where(unsure, np.nan, np.maximum(values, 0) ** (1 / power))
        for values in (distance**power - added, low, high)
    )
    for values in (corrected, low, high):
        values[np.diag_indices_from(values)] = 0
    return Resampled(distance, corrected, low, high, draws)


def nearest_share(drawn: FloatArray) -> FloatArray:
    """Return in what share of draws each city is the nearest of another one.

    Args:
        drawn: (draws, cities, cities) distances.

    Returns:
        (cities, cities); a row is a city, its columns are the others and sum to 1.
    """
    draws, cities, _ = drawn.shape
    others = np.where(np.eye(cities, dtype=bool), np.inf, drawn)
    nearest = others.argmin(axis=2)  # (draws, cities)
    counts = np.stack([(nearest == city).sum(axis=0) for city in range(cities)], axis=1)
    return np.asarray(counts / draws)


def chance_distances(
    sums: SiteSums, measure: str, rng: np.random.Generator, splits: int = 50
) -> FloatArray:
    """Return how far apart two cities come out by chance that are alike in truth.

    The yardstick of all distances. The sites of a city are split in two halves at random, many
    times; the squared distance of the halves, which comes from few sites alone, is brought to as
    many sites as the city has (the noise of a mean goes with one over their number).

    Args:
        sums: of the sites.
        measure: a name in `MEASURES`.
        rng: the source of chance.
        splits: how many.

    Returns:
        (cities,), by the number of sites of each; NaN for a city of one site.
    """
    power = _POWER[measure]
    result = np.full(len(sums.sites), np.nan)
    for city, (start, count) in enumerate(zip(sums.starts, sums.sites, strict=True)):
        if count < 2:
            continue
        half = count // 2
        found = np.zeros(splits)
        for split in range(splits):
            order = start + rng.permutation(count)
            halves = SiteSums(
                city=(np.arange(count) >= half).astype(np.int64),
                embedding=sums.embedding[order],
                patches=sums.patches[order],
                distance=sums.distance[np.ix_(order, order)],
            )
            found[split] = MEASURES[measure](halves, None)[0, 1] ** power
        fewer = 1 / half + 1 / (count - half)
        result[city] = (found.mean() * (2 / count) / fewer) ** (1 / power)
    return result
