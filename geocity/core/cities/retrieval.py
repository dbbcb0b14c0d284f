"""How well likeness finds the same city again: retrieval with everything near left out.

Each patch asks; all others are ranked by likeness (the cosine of embeddings). Patches of its city
are what should be found, except those near it, which would be found for being the same ground:
they are left out of the ranking altogether.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.directions import directions

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

RANKS = (1, 5, 10)
"""The k of recall@k."""

_PAIRS_AT_ONCE = 2_000_000


@dataclass(frozen=True, eq=False)
class Retrieval:
    """How well queries found their own city.

    Attributes:
        average_precision: (n,), of each query; NaN for a query with nothing to find.
        recall: by k, (n,) 1 where at least one of the k first is of the same city, else 0; NaN for
            a query with nothing to find. (Recall@k as in metric learning.)
        chance: (n,), the share of what is ranked that is of the same city: what a random ranking
            reaches in mean precision.
    """

    average_precision: FloatArray
    recall: dict[int, FloatArray]
    chance: FloatArray


@dataclass(frozen=True, eq=False)
class Nearness:
    """Which patches are too near each other to count.

    Attributes:
        group: (n,), patches of one group (a site) are near each other.
        places: (n, 3), metres on the Earth (geocentric); NaN where unknown. Two placed patches are
            near by distance and not by group.
        near_m: nearer than this is near.
    """

    group: IntArray
    places: FloatArray
    near_m: float

    def near(self, rows: IntArray) -> NDArray[np.bool_]:
        """Tell for some patches which of all patches are near them, (rows, n)."""
        same = self.group[rows, None] == self.group
        apart = np.linalg.norm(self.places[rows, None] - self.places, axis=2)
        result = np.where(np.isnan(apart), same, apart < self.near_m)
        result[np.arange(len(rows)), rows] = True
        return np.asarray(result)


def retrieve(embeddings: NDArray[np.floating], city: IntArray, nearness: Nearness) -> Retrieval:
    """Let every patch ask for its own city.

    Done in blocks of queries: memory grows with the number of patches, not with its square.

    Args:
        embeddings: (n, d).
        city: (n,).
        nearness: what is left out.
    """
    unit = directions(embeddings)
    number = len(unit)
    precision, chance = np.full(number, np.nan), np.full(number, np.nan)
    recall = {k: np.full(number, np.nan) for k in RANKS}
    step = max(1, _PAIRS_AT_ONCE // max(1, number))
    for start in range(0, number, step):
        rows = np.arange(start, min(start + step, number))
        likeness = unit[rows] @ unit.T
        near = nearness.near(rows)
        likeness[near] = -np.inf
        order = np.argsort(-likeness, axis=1, kind="stable")
        hit = np.take_along_axis((city[rows, None] == city) & ~near, order, axis=1)
        ranked = (~near).sum(axis=1)
        wanted = hit.sum(axis=1)
        asks = wanted > 0
        found = np.cumsum(hit, axis=1) / np.arange(1, number + 1)
        sums = np.where(hit, found, 0).sum(axis=1)
        precision[rows[asks]] = sums[asks] / wanted[asks]
        chance[rows[asks]] = wanted[asks] / ranked[asks]
        for k, values in recall.items():
            values[rows[asks]] = hit[asks, :k].any(axis=1)
    return Retrieval(precision, recall, chance)
