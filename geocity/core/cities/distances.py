"""How far cities lie apart, from the embeddings of their patches.

Two distances, both symmetric. **Cosine**: one minus the cosine of the angle between the mean
embeddings of two cities; it sees where the cities lie. **Energy**: the energy distance of Székely
and Rizzo, *Energy statistics: a class of statistics based on distances*, Journal of Statistical
Planning and Inference 143 (2013), 1249-1272: ``sqrt(2 E|X-Y| - E|X-X'| - E|Y-Y'|)``; it sees how
the patches of a city are spread as well, and is 0 only for two cities alike in all of that.

Both follow from sums over sites, so that drawing sites anew (`site_resampling`) costs no second
look at the patches.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.directions import directions

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class SiteSums:
    """What is known of the sites of some cities; cities are whole runs of sites.

    Attributes:
        city: int64 (sites,), the city of each site, rising; every city has a site.
        embedding: float64 (sites, d), sum of the embeddings of all patches.
        patches: int64 (sites,), how many patches each gave to `distance`; at least one.
        distance: float64 (sites, sites), sum of the Euclidean distances of every patch of one site
            to every patch of the other; a patch and itself are a pair of distance 0.
    """

    city: IntArray
    embedding: FloatArray
    patches: IntArray
    distance: FloatArray

    @property
    def starts(self) -> IntArray:
        """Return the first site of each city."""
        return np.flatnonzero(np.diff(self.city, prepend=-1))

    @property
    def sites(self) -> IntArray:
        """Return how many sites each city has."""
        return np.diff(self.starts, append=len(self.city))


def site_sums(
    embeddings: NDArray[np.floating],
    site: IntArray,
    city_of_site: IntArray,
    paired: IntArray | None = None,
) -> SiteSums:
    """Sum embeddings by site, and distances by pair of sites.

    Every pair of patches is looked at, in blocks, so that memory grows with the number of sites and
    not with the square of the number of patches. Time does grow with that square.

    Args:
        embeddings: (n, d).
        site: (n,), the site of each patch.
        city_of_site: (sites,), rising from 0 without a gap.
        paired: patches whose distances are taken, at least one of each site; all where it is not
            given, which is exact.

    Raises:
        ValueError: if the shapes do not fit, a site has no patch, or cities are out of order.
    """
    if embeddings.ndim != 2 or site.shape != embeddings.shape[:1]:
        raise ValueError(f"got embeddings {embeddings.shape} and sites {site.shape}")
    steps = np.diff(city_of_site, prepend=-1)
    if not (np.isin(steps, (0, 1)).all() and steps[0] == 1):
        raise ValueError("cities must rise from 0 without a gap")
    values, _, starts = _by_site(embeddings, site, len(city_of_site))
    total = np.add.reduceat(values, starts, axis=0)
    chosen = np.arange(len(site)) if paired is None else paired
    values, places, starts = _by_site(embeddings[chosen], site[chosen], len(city_of_site))
    return SiteSums(
        city=city_of_site.astype(np.int64),
        embedding=total,
        patches=np.diff(starts, append=len(places)),
        distance=_pair_sums(values, places, len(city_of_site)),
    )


def _by_site(
    embeddings: NDArray[np.floating], site: IntArray, sites: int
) -> tuple[FloatArray, IntArray, IntArray]:
    """Return embeddings and sites sorted by site, and the first patch of each site."""
    patches = np.bincount(site, minlength=sites)
    if len(patches) != sites or (patches == 0).any():
        raise ValueError(f"{sites} sites must have a patch each, got {patches.tolist()}")
    order = np.argsort(site, kind="stable")
    starts = np.concatenate([[0], np.cumsum(patches)[:-1]])
    return embeddings[order].astype(np.float64), site[order], starts


def _pair_sums(values: FloatArray, site: IntArray, sites: int) -> FloatArray:
    """Sum the distances of patches, which are sorted by site, over pairs of sites."""
    # Differences are what counts: near the origin fewer digits cancel.
    values = values - values.mean(axis=0)
    squares = np.einsum("ij,ij->i", values, values)
    result = np.zeros((sites, sites))
    for row in range(0, len(values), _BLOCK):
        rows = slice(row, row + _BLOCK)
        for col in range(row, len(values), _BLOCK):
            cols = slice(col, col + _BLOCK)
            apart = squares[rows, None] + squares[None, cols] - 2 * values[rows] @ values[cols].T
            np.sqrt(np.maximum(apart, 0, out=apart), out=apart)
            if row == col:
                np.fill_diagonal(apart, 0)
            sums = _by_run(_by_run(apart, site[rows]).T, site[cols]).T
            place = np.ix_(np.unique(site[rows]), np.unique(site[cols]))
            result[place] += sums
            if row != col:
                result[place[1].T, place[0].T] += sums.T
    return result


def _by_run(values: FloatArray, labels: IntArray) -> FloatArray:
    """Sum the rows that share a label; labels are sorted."""
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    return np.asarray(np.add.reduceat(values, starts, axis=0))


def cosine_distances(sums: SiteSums, weights: NDArray[np.number] | None = None) -> FloatArray:
    """Return one minus the cosine between the mean embeddings of cities.

    Args:
        sums: of the sites.
        weights: (sites,), how often each site counts; once where it is not given.

    Returns:
        (cities, cities), symmetric, 0 on the diagonal, 0 to 2. The means are over patches, so that
        a site with more of them counts for more.
    """
    times = np.ones(len(sums.city)) if weights is None else weights
    # The length of a vector does not change its angle: sums do for means.
    totals = np.add.reduceat(sums.embedding * times[:, None], sums.starts, axis=0)
    unit = directions(totals)
    result = np.clip(1 - unit @ unit.T, 0, 2)
    np.fill_diagonal(result, 0)
    return np.asarray((result + result.T) / 2, np.float64)


def energy_distances(sums: SiteSums, weights: NDArray[np.number] | None = None) -> FloatArray:
    """Return the energy distances of cities, in the unit of the embeddings' square root.

    Args:
        sums: of the sites.
        weights: (sites,), how often each site counts; once where it is not given.

    Returns:
        (cities, cities), symmetric, 0 on the diagonal. In one dimension it is
        `scipy.stats.energy_distance`.
    """
    times = np.ones(len(sums.city)) if weights is None else np.asarray(weights, np.float64)
    starts = sums.starts
    apart = np.add.reduceat(sums.distance * times[:, None] * times, starts, axis=0)
    apart = np.add.reduceat(apart, starts, axis=1)
    patches = np.add.reduceat(sums.patches * times, starts)
    mean = apart / (patches[:, None] * patches)
    own = np.diagonal(mean)
    squared = 2 * mean - own[:, None] - own
    result = np.sqrt(np.maximum(squared, 0))
    np.fill_diagonal(result, 0)
    return np.asarray((result + result.T) / 2, np.float64)


def unit_spread(embeddings: NDArray[np.floating], reference: NDArray[np.floating]) -> FloatArray:
    """Scale embeddings so that the reference has a root mean square distance of 1 from its mean.

    Energy distances then do not depend on how large the numbers of a network happen to be.

    Args:
        embeddings: (n, d).
        reference: (m, d), the patches that set the scale.
    """
    centred = reference - reference.mean(axis=0, dtype=np.float64)
    spread = float(np.sqrt(np.square(centred).sum(axis=1).mean()))
    return np.asarray(embeddings, np.float64) / (spread or 1.0)
