"""Do cities that lie near each other look alike? The Mantel test.

Mantel, *The detection of disease clustering and a generalized regression approach*, Cancer Research
27 (1967), 209-220, with ranks (Spearman); used on cities by Han et al., ISPRS International Journal
of Geo-Information 10 (2021).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

FloatArray = NDArray[np.float64]

FEWEST_CITIES = 5
"""With four cities there are 24 orders: no result could be rarer than chance by much."""


@dataclass(frozen=True, slots=True)
class Mantel:
    """What a Mantel test found.

    Attributes:
        correlation: Spearman's, of the two distances over all pairs.
        p_value: share of the permutations of the cities with a correlation at least as high.
        cities: how many there were.
        permutations: how many orders were tried.
    """

    correlation: float
    p_value: float
    cities: int
    permutations: int


def mantel_test(
    first: FloatArray, second: FloatArray, rng: np.random.Generator, permutations: int = 999
) -> Mantel:
    """Compare two distances between the same things.

    Args:
        first: (n, n), symmetric.
        second: (n, n), symmetric.
        rng: the source of chance.
        permutations: how many orders of the things are tried.

    Raises:
        ValueError: if the shapes differ or there are fewer than `FEWEST_CITIES`.
    """
    if first.shape != second.shape or len(first) < FEWEST_CITIES:
        raise ValueError(f"got distances {first.shape} and {second.shape}")
    number = len(first)
    upper = np.triu_indices(number, 1)
    ranks = np.zeros(first.shape)
    ranks[upper] = rankdata(first[upper])
    ranks += ranks.T
    others = _standard(rankdata(second[upper]))
    found = float((_standard(ranks[upper]) * others).mean())
    higher = 1
    for _ in range(permutations):
        order = rng.permutation(number)
        mixed = ranks[np.ix_(order, order)][upper]
        higher += float((_standard(mixed) * others).mean()) >= found - 1e-12
    return Mantel(found, higher / (permutations + 1), number, permutations)


def _standard(values: FloatArray) -> FloatArray:
    spread = float(values.std())
    return np.asarray((values - values.mean()) / (spread or 1.0))
