"""How often the city is right: counts by image, figures from the counts.

Counts add up and can be weighted, figures cannot: a `Tally` keeps, for every image (or site), how
many of its units of each true city went to which city, and how many had the truth among the first
k. Any weighting of images, such as a bootstrap draw, then gives its figures by one product.

Definitions for a city (rows true, columns predicted): recall = diagonal / row, precision =
diagonal / column, F1 = 2·diagonal / (row + column). Balanced accuracy and macro F1 are means over
the cities that are there to be found; a figure without a divisor does not exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from geocity.core.cities.site_intervals import Interval, percentile_intervals
from geocity.core.cities.votes import Units, ranking

TOP = (1, 3, 5)
"""The truth is looked for among so many first answers."""

FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", *(f"top_{k}" for k in TOP))
CITY_FIGURES = ("precision", "recall", "f1")


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts of one level, by cluster.

    Attributes:
        cities: number of cities.
        pairs: sparse (clusters, cities²), units by true city · cities + predicted city.
        hits: int64 (clusters, len(TOP)), units with the truth among the first k.
        site: int64 (clusters,), the site of each cluster.
    """

    cities: int
    pairs: sparse.csr_array
    hits: NDArray[np.int64]
    site: NDArray[np.int64]

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Return units by true and predicted city, (cities, cities)."""
        counts: NDArray[np.int64] = np.asarray(self.pairs.sum(axis=0)).astype(np.int64)
        return counts.reshape(self.cities, self.cities)

    def figures(self, weights: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return all figures for weightings of the clusters.

        Args:
            weights: (draws, clusters).

        Returns:
            (draws, figures): `FIGURES`, then `CITY_FIGURES` of the first city, of the second …;
            NaN where a figure does not exist.
        """
        flat = np.asarray(weights @ self.pairs, np.float64)
        confusion = flat.reshape(len(weights), self.cities, self.cities)
        truth, found = confusion.sum(axis=2), confusion.sum(axis=1)
        right = np.diagonal(confusion, axis1=1, axis2=2)
        total = truth.sum(axis=1)
        recall, f1 = _share(right, truth), _share(2 * right, truth + found)
        there = truth > 0
        overall = [
            _share(right.sum(axis=1), total),
            _mean_where(recall, there),
            _mean_where(f1, there),
            *_share(weights @ self.hits, total[:, None]).T,
        ]
        by_city = np.stack([_share(right, found), recall, f1], axis=2)
        return np.concatenate([np.stack(overall, axis=1), by_city.reshape(len(weights), -1)], 1)


def tally(units: Units) -> Tally:
    """Count the answers of units whose city the model knows.

    Raises:
        ValueError: if there is none, or one is of an unknown city.
    """
    if not len(units) or (units.truth < 0).any():
        raise ValueError("answers are counted for units of known cities, and for at least one")
    cities = units.logits.shape[1]
    order = ranking(units.logits, max(TOP))
    groups, first, inverse = np.unique(units.cluster, return_index=True, return_inverse=True)
    ones = np.ones(len(units), np.int64)
    column = units.truth * cities + order[:, 0]
    pairs = sparse.csr_array(
        sparse.coo_array((ones, (inverse, column)), shape=(len(groups), cities * cities))
    )
    hits = np.zeros((len(groups), len(TOP)), np.int64)
    for position, k in enumerate(TOP):
        np.add.at(hits[:, position], inverse, (order[:, :k] == units.truth[:, None]).any(axis=1))
    return Tally(cities, pairs, hits, units.site[first])


def balanced_accuracy(truth: NDArray[np.int64], said: NDArray[np.int64]) -> float:
    """Return the mean over the cities that occur of the share of their patches named rightly.

    nan if there is no patch.
    """
    if not len(truth):
        return float("nan")
    hits = truth == said
    return float(np.mean([hits[truth == city].mean() for city in np.unique(truth)]))


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and how far it would move with other sites.

    Attributes:
        value: the figure, or None where it does not exist.
        interval: (low, high), or None where there are too few sites to tell.
    """

    value: float | None
    interval: Interval | None

    def plain(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        low, high = self.interval or (None, None)
        return {"value": self.value, "low": low, "high": high}


@dataclass(frozen=True, eq=False)
class LevelScores:
    """The figures of one level: patches, images, or sites.

    Attributes:
        units: how many were answered for.
        sites: how many sites they lie in: the number of independent units.
        overall: by name, in the order of `FIGURES`.
        by_city: for each city, by name, in the order of `CITY_FIGURES`.
        confusion: int64 (cities, cities), rows true.
    """

    units: int
    sites: int
    overall: dict[str, Figure]
    by_city: tuple[dict[str, Figure], ...]
    confusion: NDArray[np.int64]


def level_scores(
    units: Units, *, draws: int = 1000, confidence: float = 0.95, seed: int = 0
) -> LevelScores:
    """Return the figures of units with intervals over sites and images.

    Args:
        units: of known cities.
        draws: bootstrap draws.
        confidence: of the intervals.
        seed: makes them repeatable.
    """
    counts = tally(units)
    values = counts.figures(np.ones((1, len(counts.site)), np.int64))[0]
    intervals = percentile_intervals(
        counts.figures,
        counts.site,
        draws=draws,
        confidence=confidence,
        rng=np.random.default_rng(seed),
    )
    sites = len(np.unique(units.site))
    overall = {
        # Where there are no more cities than answers, the truth is always among them.
        name: Figure(value, None)
        if name in {f"top_{k}" for k in TOP if k >= counts.cities}
        else _figure(value, interval, sites, confidence)
        for name, value, interval in zip(FIGURES, values.tolist(), intervals, strict=False)
    }
    by_city, start = [], len(FIGURES)
    for city in range(counts.cities):
        own = len(np.unique(units.site[units.truth == city]))
        part = slice(start + city * len(CITY_FIGURES), start + (city + 1) * len(CITY_FIGURES))
        pairs = zip(values[part].tolist(), intervals[part], strict=True)
        figures = [_figure(value, interval, own, confidence) for value, interval in pairs]
        by_city.append(dict(zip(CITY_FIGURES, figures, strict=True)))
    return LevelScores(len(units), sites, overall, tuple(by_city), counts.confusion)


def _figure(value: float, interval: Interval | None, sites: int, confidence: float) -> Figure:
    """Return a figure with the interval that so many sites deserve.

    One site says nothing about others. And where no site differs from the next, drawing them anew
    shows no spread: then the exact binomial interval for so many sites holds.
    """
    if not np.isfinite(value):
        return Figure(None, None)
    if interval is None or sites < 2:
        return Figure(value, None)
    reach = ((1 - confidence) / 2) ** (1 / sites)
    if interval == (1.0, 1.0):
        return Figure(value, (reach, 1.0))
    if interval == (0.0, 0.0):
        return Figure(value, (0.0, 1 - reach))
    return Figure(value, interval)


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """A city that is taken for another.

    Attributes:
        truth: position of the true city.
        predicted: position of the city it is taken for.
        count: how many units.
        share: of all units of the true city.
    """

    truth: int
    predicted: int
    count: int
    share: float


def confused_pairs(
    confusion: NDArray[np.integer] | Sequence[Sequence[int]], most: int | None = None
) -> list[ConfusedPair]:
    """Return the pairs of cities that are confused, the largest share of the true city first.

    Shares are compared as numbers, and a pair is told by row and column of the matrix. (The
    script of DL-SLICER sorted percentages as text, so that 9.8 % came before 84.0 %, and took the
    city's number modulo 44 of 45.)

    Args:
        confusion: (cities, cities), rows true, columns predicted.
        most: how many pairs at most.
    """
    counts = np.asarray(confusion)
    totals = counts.sum(axis=1)
    pairs = [
        ConfusedPair(
            int(row), int(col), int(counts[row, col]), float(counts[row, col] / totals[row])
        )
        for row, col in np.argwhere(counts)
        if row != col
    ]
    pairs.sort(key=lambda pair: (-pair.share, -pair.count, pair.truth, pair.predicted))
    return pairs[:most]


def _share(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), whole)
    nothing = np.full(part.shape, np.nan)
    result: NDArray[np.float64] = np.divide(part, whole, out=nothing, where=whole > 0)
    return result


def _mean_where(values: NDArray[np.float64], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    return _share(np.where(where, np.nan_to_num(values), 0).sum(axis=1), where.sum(axis=1))
