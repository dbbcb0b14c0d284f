"""Sets of cities instead of one name: "90 %: Almaty, Bishkek or Shymkent".

Split conformal prediction with the threshold score (Sadinle, Lei and Wasserman 2019): a city is in
the set where its probability reaches a threshold, which is chosen on validation units so that the
truth is in the set as often as asked.

The promise holds for units that are exchangeable with those of validation. Patches of one site are
not, for they look alike; sites may be. So every site counts the same, and the threshold is the
hierarchical one of Lee, Barber and Willett (2023, "Distribution-free inference with hierarchical
data"): a site that is still to come gets its own share of doubt, 1 / (sites + 1). With n sites no
coverage above n / (n + 1) can be promised; what is given then is the plain quantile, marked as not
guaranteed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CAVEAT = (
    "The coverage is promised for sites that could have been among the validation sites: same "
    "cities, same kind of imagery. For another sensor, season or city it promises nothing."
)


@dataclass(frozen=True, slots=True)
class SetRule:
    """When a city belongs to the set.

    Attributes:
        threshold: lowest probability of a city in the set.
        guaranteed: whether there were sites enough to promise the coverage.
        sites: how many there were.
    """

    threshold: float
    guaranteed: bool
    sites: int


def sites_needed(coverage: float) -> int:
    """Return how many validation sites a promise of some coverage needs.

    Example:
        >>> sites_needed(0.9), sites_needed(0.95)
        (9, 19)
    """
    return int(np.ceil(coverage / (1 - coverage) - 1e-9))


def fit_set_rule(
    true_probability: NDArray[np.floating], site: NDArray[np.integer], coverage: float
) -> SetRule:
    """Choose the threshold on validation units.

    Args:
        true_probability: (units,), the probability that each gave to its true city.
        site: (units,), the site each lies in.
        coverage: how often the truth shall be in the set, for example 0.9.

    Raises:
        ValueError: if there is no unit, or the coverage is not between 0 and 1.
    """
    if not len(true_probability) or not 0 < coverage < 1:
        raise ValueError(f"got {len(true_probability)} units and a coverage of {coverage}")
    sites, inverse, sizes = np.unique(site, return_inverse=True, return_counts=True)
    guaranteed = len(sites) >= sites_needed(coverage)
    # One site more for the one that is still to come: its doubt lies beyond every score.
    shares = len(sites) + 1 if guaranteed else len(sites)
    weight = 1 / (shares * sizes[inverse])
    order = np.argsort(-np.asarray(true_probability, np.float64), kind="stable")
    reached = np.cumsum(weight[order])
    last = min(int(np.searchsorted(reached, coverage - 1e-12)), len(order) - 1)
    return SetRule(float(true_probability[order[last]]), guaranteed, len(sites))


def city_sets(probability: NDArray[np.floating], threshold: float) -> NDArray[np.bool_]:
    """Return which cities are in the set of each unit; the most probable one always is.

    Args:
        probability: (units, cities).
        threshold: of a `SetRule`.
    """
    # A threshold that a unit of its own set reached must be reached by it again after rounding.
    sets: NDArray[np.bool_] = np.asarray(probability) >= threshold - 1e-12
    sets[np.arange(len(sets)), np.argmax(probability, axis=1)] = True
    return sets


@dataclass(frozen=True, slots=True)
class SetQuality:
    """What sets turned out to be worth on the test part.

    Attributes:
        coverage: share of units whose set holds the truth.
        coverage_by_site: the mean of the sites' shares, each site counting the same.
        worst_site: the lowest share of a site.
        mean_size: cities in a set, on average.
        single: share of sets with one city.
    """

    coverage: float
    coverage_by_site: float
    worst_site: float
    mean_size: float
    single: float


def set_quality(
    sets: NDArray[np.bool_], truth: NDArray[np.integer], site: NDArray[np.integer]
) -> SetQuality:
    """Measure sets against the truth, site by site.

    Args:
        sets: (units, cities).
        truth: (units,).
        site: (units,).
    """
    held = sets[np.arange(len(truth)), truth]
    _, inverse, sizes = np.unique(site, return_inverse=True, return_counts=True)
    shares = np.bincount(inverse, weights=held) / sizes
    members = sets.sum(axis=1)
    return SetQuality(
        coverage=float(held.mean()),
        coverage_by_site=float(shares.mean()),
        worst_site=float(shares.min()),
        mean_size=float(members.mean()),
        single=float((members == 1).mean()),
    )
