"""A tree of cities, and how often each of its branches comes again when sites are drawn anew.

Felsenstein, *Confidence limits on phylogenies: an approach using the bootstrap*, Evolution 39
(1985), 783-791: the support of a branch is the share of resampled trees that hold the same group.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

FloatArray = NDArray[np.float64]

LINKAGES = ("average", "ward")
"""`average` joins by mean distance; `ward` by least growth of the spread within groups."""


@dataclass(frozen=True, eq=False)
class CityTree:
    """A tree of cities.

    Attributes:
        linkage: scipy's linkage matrix, (cities - 1, 4), leaves ordered so that neighbours are
            alike.
        leaves: the cities from end to end.
        support: (cities - 1,), share of the drawn trees that hold the branch; NaN where nothing
            was drawn. The last branch holds all cities and comes always.
    """

    linkage: FloatArray
    leaves: tuple[int, ...]
    support: FloatArray


def city_tree(distance: FloatArray, drawn: FloatArray | None, method: str = "average") -> CityTree:
    """Grow the tree of cities and count how often its branches come again.

    Args:
        distance: (cities, cities), at least two.
        drawn: (draws, cities, cities), distances with sites drawn anew; None if there are none.
        method: ``average`` or ``ward``. Ward is for Euclidean distances; the roots of cosine and
            energy distances squared are such.

    Raises:
        ValueError: if the method is unknown or there are fewer than two cities.
    """
    if method not in LINKAGES:
        raise ValueError(f"linkages are {', '.join(LINKAGES)}, not {method!r}")
    if len(distance) < 2:
        raise ValueError("a tree needs at least two cities")
    condensed = squareform(distance, checks=False)
    linkage = hierarchy.linkage(condensed, method)
    linkage = hierarchy.optimal_leaf_ordering(linkage, condensed)
    found = branches(linkage)
    support = np.full(len(found), np.nan)
    if drawn is not None:
        support = np.zeros(len(found))
        for matrix in drawn:
            again = set(branches(hierarchy.linkage(squareform(matrix, checks=False), method)))
            support += [branch in again for branch in found]
        support /= len(drawn)
    leaves = tuple(int(leaf) for leaf in hierarchy.leaves_list(linkage))
    return CityTree(linkage, leaves, support)


def branches(linkage: FloatArray) -> list[frozenset[int]]:
    """Return the cities under each branch of a tree, in the order of its joins."""
    cities = len(linkage) + 1
    under = [frozenset([city]) for city in range(cities)]
    for left, right in linkage[:, :2].astype(int):
        under.append(under[left] | under[right])
    return under[cities:]
