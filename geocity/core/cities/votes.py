"""From patches to images and sites: patches vote with the logarithms of their probabilities.

The mean log-probability of patches, made to sum to one again, is the softmax of their mean logits:
the normaliser of each patch is the same for every city and cancels. So an image is a row of logits
like a patch, and everything that reads logits reads images and sites too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Logits = NDArray[np.floating]
"""(units, cities), not normalised."""


@dataclass(frozen=True, eq=False)
class Units:
    """What is answered for: patches, images, or sites.

    Attributes:
        logits: float64 (units, cities).
        truth: int64 (units,), position of the true city; -1 for a city that the model never saw.
        cluster: int64 (units,), the image of a patch; an image or a site stands for itself.
        site: int64 (units,), the site each lies in.
        members: int64 (units,), patches that voted.
    """

    logits: NDArray[np.float64]
    truth: NDArray[np.int64]
    cluster: NDArray[np.int64]
    site: NDArray[np.int64]
    members: NDArray[np.int64]

    def __post_init__(self) -> None:
        columns = (self.truth, self.cluster, self.site, self.members)
        if self.logits.ndim != 2 or any(c.shape != self.logits.shape[:1] for c in columns):
            raise ValueError(
                f"got logits {self.logits.shape} and columns {[c.shape for c in columns]}"
            )

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> "Units":
        """Return some of the units."""
        return Units(
            self.logits[chosen],
            self.truth[chosen],
            self.cluster[chosen],
            self.site[chosen],
            self.members[chosen],
        )

    @property
    def known(self) -> "Units":
        """Return the units of cities that the model knows."""
        return self.take(self.truth >= 0)


def patch_units(
    logits: Logits,
    truth: NDArray[np.integer],
    image: NDArray[np.integer],
    site: NDArray[np.integer],
) -> Units:
    """Return patches as units.

    Args:
        logits: (patches, cities).
        truth: (patches,), position of the true city, -1 for one that the model never saw.
        image: (patches,), number of the image.
        site: (patches,), number of the site; no two cities share one.

    Raises:
        ValueError: if the shapes do not fit.
    """
    return Units(
        np.asarray(logits, np.float64),
        np.asarray(truth, np.int64),
        np.asarray(image, np.int64),
        np.asarray(site, np.int64),
        np.ones(len(truth), np.int64),
    )


def gather(units: Units, by: NDArray[np.integer]) -> Units:
    """Let units vote by groups: the mean of their logits.

    Args:
        units: patches.
        by: (units,), the group of each: ``units.cluster`` for images, ``units.site`` for sites.

    Returns:
        One unit a group, by rising group number.

    Raises:
        ValueError: if a group spans two cities or two sites.
    """
    groups, first, inverse = np.unique(by, return_index=True, return_inverse=True)
    for column in (units.truth, units.site):
        if (column != column[first][inverse]).any():
            raise ValueError("a group of patches spans two cities or two sites")
    weights = units.members.astype(np.float64)
    members = np.bincount(inverse, weights=weights, minlength=len(groups))
    sums = np.zeros((len(groups), units.logits.shape[1]))
    np.add.at(sums, inverse, units.logits * weights[:, None])
    return Units(
        sums / members[:, None],
        units.truth[first],
        groups.astype(np.int64),
        units.site[first],
        members.astype(np.int64),
    )


def log_probabilities(logits: Logits, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return log-probabilities of logits divided by a temperature, (units, cities)."""
    result: NDArray[np.float64] = special.log_softmax(
        np.asarray(logits, np.float64) / temperature, axis=1
    )
    return result


def ranking(logits: Logits, most: int | None = None) -> NDArray[np.int64]:
    """Return cities by falling logit, (units, most); among equals the first city comes first."""
    order: NDArray[np.int64] = np.argsort(-np.asarray(logits), axis=1, kind="stable")
    return order[:, :most]
