"""Patches of two cities that look most alike, and the districts most like a given one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.directions import directions

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AlikePair:
    """Two patches that look alike.

    Attributes:
        first: index of a patch.
        second: index of a patch elsewhere.
        similarity: cosine of the angle between their embeddings.
    """

    first: int
    second: int
    similarity: float


def most_alike(
    embeddings: NDArray[np.floating], first: IntArray, second: IntArray, count: int
) -> list[AlikePair]:
    """Find the pairs of patches of two cities that look most alike, each patch at most once.

    Args:
        embeddings: (n, d).
        first: indices of the patches of one city.
        second: indices of the patches of the other.
        count: how many pairs.

    Returns:
        The pairs, most alike first; fewer where the patches do not suffice.
    """
    unit = directions(embeddings)
    similarity = unit[first] @ unit[second].T
    pairs: list[AlikePair] = []
    for _ in range(min(count, len(first), len(second))):
        row, col = np.unravel_index(int(similarity.argmax()), similarity.shape)
        pairs.append(AlikePair(int(first[row]), int(second[col]), float(similarity[row, col])))
        similarity[row], similarity[:, col] = -np.inf, -np.inf
    return pairs


@dataclass(frozen=True, slots=True)
class LikeDistrict:
    """A district that looks like the one asked for.

    Attributes:
        district: its index.
        similarity: cosine of the angle between the mean embeddings.
        patches: the two patches, of the query and of it, that look most alike.
    """

    district: int
    similarity: float
    patches: AlikePair


def like_districts(
    embeddings: NDArray[np.floating],
    query: IntArray,
    district: IntArray,
    allowed: NDArray[np.bool_],
    count: int,
) -> list[LikeDistrict]:
    """Rank districts by how much their mean embedding is like that of a query.

    Args:
        embeddings: (n, d).
        query: indices of the patches asked for.
        district: (n,), the district of each patch.
        allowed: (n,), False for patches that may not be found: those of the same city and those
            near the query.
        count: how many districts.

    Returns:
        The districts, most alike first.
    """
    wanted = directions(embeddings[query].mean(axis=0, keepdims=True))[0]
    names = np.unique(district[allowed])
    members = [np.flatnonzero(allowed & (district == name)) for name in names]
    means = directions(np.stack([embeddings[m].mean(axis=0) for m in members])) if members else None
    if means is None:
        return []
    similarity = means @ wanted
    best = np.argsort(-similarity, kind="stable")[:count]
    return [
        LikeDistrict(
            int(names[i]), float(similarity[i]), most_alike(embeddings, query, members[i], 1)[0]
        )
        for i in best
    ]
