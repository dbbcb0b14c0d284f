"""What is salient, in numbers: how relevance is shared out among kinds of ground.

The rule, stated once. Only what speaks *for* the city counts: the positive part of the map. In each
patch the pixels whose class is known are taken; a class's **relevance share** is its sum of
positive relevance over theirs, its **area share** its number of pixels over theirs. A city's shares
are the means over its patches, so that each patch has one vote however strong its map. **Lift** is
the relevance share over the area share: above 1 the class says more than its size.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.heat import Maps

UNKNOWN = 255
"""The class position of pixels about which nothing is known."""

_DRAWS = 1000
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True, slots=True, eq=False)
class PatchShares:
    """Of one patch.

    Attributes:
        relevance: share of each class in what speaks for the city, shape (classes,); sums to 1.
        area: share of each class in the known pixels, same shape; sums to 1.
        known: share of the patch's pixels whose class is known.
    """

    relevance: NDArray[np.float64]
    area: NDArray[np.float64]
    known: float


@dataclass(frozen=True, slots=True)
class ClassSalience:
    """How much one class says about one city, at one layer.

    Attributes:
        city: its name.
        layer: of the network.
        class_name: of the ground.
        relevance: share of what speaks for the city, 0 to 1.
        low: lower end of its 95 % interval, from drawing places (not patches) anew; None where a
            single place leaves nothing to draw.
        high: upper end.
        area: share of the ground.
        patches: number of patches behind it.
        places: number of places behind it: the independent units.
    """

    city: str
    layer: str
    class_name: str
    relevance: float
    low: float | None
    high: float | None
    area: float
    patches: int
    places: int

    @property
    def lift(self) -> float | None:
        """Return the relevance share over the area share; None where the class is not there."""
        return self.relevance / self.area if self.area > 0 else None

    @property
    def sentence(self) -> str:
        """Return what it says, in words.

        Example:
            >>> ClassSalience("Almaty", "layer2", "roofs", .42, .4, .5, .28, 10, 5).sentence
            '42 % of what says Almaty lies on roofs, which cover 28 % of the ground (1.5 times as much)'
        """  # noqa: E501
        told = "" if self.lift is None else f" ({self.lift:.1f} times as much)"
        return (
            f"{100 * self.relevance:.0f} % of what says {self.city} lies on {self.class_name}, "
            f"which cover {100 * self.area:.0f} % of the ground{told}"
        )


def patch_shares(relevance: Maps, positions: NDArray[np.uint8], classes: int) -> PatchShares | None:
    """Share out the positive relevance of one patch among classes.

    Args:
        relevance: shape (rows, cols).
        positions: of the class of each pixel, 0 to classes - 1, or `UNKNOWN`; same shape.
        classes: how many there are.

    Returns:
        The shares; None where no pixel is known, or nothing known speaks for the city.

    Raises:
        ValueError: if the shapes differ or a position is none.
    """
    if relevance.shape != positions.shape:
        raise ValueError(f"relevance {relevance.shape} and classes {positions.shape} must agree")
    known = positions != UNKNOWN
    found = positions[known]
    if found.size and int(found.max()) >= classes:
        raise ValueError(f"position {found.max()} was met, but there are {classes} classes")
    positive = np.clip(relevance[known].astype(np.float64), 0, None)
    total = positive.sum()
    if not total > 0:
        return None
    sums = np.bincount(found, weights=positive, minlength=classes)
    counts = np.bincount(found, minlength=classes)
    return PatchShares(sums / total, counts / found.size, found.size / positions.size)


class SalienceTally:
    """Gathers the shares of patches, city by city and layer by layer.

    Args:
        class_names: in the order of the positions.
        seed: of the intervals.
    """

    def __init__(self, class_names: Sequence[str], seed: int) -> None:
        self.class_names = tuple(class_names)
        self._seed = seed
        self._found: dict[tuple[str, str], list[tuple[str, PatchShares]]] = defaultdict(list)
        self.left_out = 0

    def add(
        self, city: str, place: str, layer: str, relevance: Maps, positions: NDArray[np.uint8]
    ) -> None:
        """Take one patch at one layer.

        Args:
            city: that the map speaks for.
            place: that the patch was cut from; patches of one place are no independent witnesses.
            layer: of the network.
            relevance: the map, shape (rows, cols).
            positions: as in `patch_shares`.
        """
        shares = patch_shares(relevance, positions, len(self.class_names))
        if shares is None:
            self.left_out += 1
        else:
            self._found[city, layer].append((place, shares))

    def rows(self) -> Iterator[ClassSalience]:
        """Yield the salience of every class, city and layer, in the order they came."""
        for (city, layer), found in self._found.items():
            places = [place for place, _ in found]
            relevance = np.array([shares.relevance for _, shares in found])
            area = np.array([shares.area for _, shares in found])
            ends = _interval(relevance, places, self._seed)
            for position, name in enumerate(self.class_names):
                low, high = (None, None) if ends is None else ends[:, position].tolist()
                yield ClassSalience(
                    city=city,
                    layer=layer,
                    class_name=name,
                    relevance=float(relevance[:, position].mean()),
                    low=low,
                    high=high,
                    area=float(area[:, position].mean()),
                    patches=len(found),
                    places=len(set(places)),
                )


def _interval(
    shares: NDArray[np.float64], places: Sequence[str], seed: int
) -> NDArray[np.float64] | None:
    """Return the interval of mean shares when places are drawn anew, shape (2, classes)."""
    names, group = np.unique(np.asarray(places), return_inverse=True)
    if len(names) < 2:
        return None
    # Sums and counts of a place are enough: a mean over drawn patches is a ratio of theirs.
    sums = np.zeros((len(names), shares.shape[1]))
    np.add.at(sums, group, shares)
    counts = np.bincount(group)
    drawn = np.random.default_rng(seed).integers(len(names), size=(_DRAWS, len(names)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)[:, None]
    return np.asarray(np.percentile(means, _INTERVAL, axis=0))
