"""What a comparison of cities found, as its tables, figures and page show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.embedding_map import PlaneMap
from geocity.core.cities.look_alikes import AlikePair, LikeDistrict
from geocity.core.cities.similarity import CityPatches, Similarity
from geocity.core.cities.site_resampling import Resampled

FloatArray = NDArray[np.float64]

_LONGEST_CODE = 5


@dataclass(frozen=True, eq=False)
class Newcomers:
    """Cities that the model never saw, among those that it knows.

    Attributes:
        names: of them.
        sites: sites of each.
        found: distances of all cities, the known ones first.
        nearest: (newcomers, known), share of draws in which a known city is the nearest.
        places: (n, 2), their patches on the map of the known ones.
        city: (n,), the newcomer of each patch.
        alike: by newcomer, its patches beside those of the nearest known city.
    """

    names: tuple[str, ...]
    sites: tuple[int, ...]
    found: Resampled
    nearest: FloatArray
    places: FloatArray
    city: NDArray[np.int64]
    alike: Sequence[Sequence[AlikePair]]


@dataclass(frozen=True, eq=False)
class DistrictQuery:
    """The districts most like a given one.

    Attributes:
        asked: its name.
        city: of it.
        seen: whether the model was trained on it.
        districts: found, most alike first.
        names: of the districts found, in their order.
    """

    asked: str
    city: str
    seen: bool
    districts: Sequence[LikeDistrict]
    names: Sequence[str]


@dataclass(frozen=True, eq=False)
class ComparisonContent:
    """Everything that is shown of a comparison.

    Attributes:
        names: of the cities.
        codes: their short names, in the same order.
        unseen: cities that the model was not trained on.
        about: the model, the data and the choices.
        patches: of the cities.
        keys: what each patch is called; patches of a query and of newcomers follow the others.
        similarity: what was found.
        confusion: (cities, cities) share of the patches of two cities taken for the other one; NaN
            for cities that the model does not know, None where it knows fewer than two.
        accuracy: share of the patches whose city was named right; None as before.
        plane: where the patches lie on a map.
        alike: the closest pairs of cities, with patches of both that look alike.
        on_map: the patches that the map shows as pictures.
        thumbnails: pictures of some patches, uint8 (3, side, side), by their place in `keys`.
        query: the districts most like a given one, if one was given.
        newcomers: cities placed among the others, if any.
        notes: what the reader should know before reading on.
    """

    names: tuple[str, ...]
    codes: tuple[str, ...]
    unseen: tuple[str, ...]
    about: Mapping[str, Any]
    patches: CityPatches
    keys: Sequence[str]
    similarity: Similarity
    confusion: FloatArray | None
    accuracy: float | None
    plane: PlaneMap
    alike: Sequence[tuple[int, int, Sequence[AlikePair]]]
    on_map: Sequence[int]
    thumbnails: Mapping[int, NDArray[np.uint8]]
    query: DistrictQuery | None = None
    newcomers: Newcomers | None = None
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def measure(self) -> str:
        """Return the measure of the tree and of the nearest cities."""
        return str(self.about["measure"])

    @property
    def chosen(self) -> Resampled:
        """Return the distances by that measure."""
        return self.similarity.measures[self.measure]

    @property
    def order(self) -> tuple[int, ...]:
        """Return the cities so that those alike stand together: as the leaves of the tree."""
        tree = self.similarity.tree
        return tree.leaves if tree is not None else tuple(range(len(self.names)))

    @property
    def short_names(self) -> tuple[str, ...]:
        """Return codes where all of them are short, else names."""
        return self.codes if max(map(len, self.codes)) <= _LONGEST_CODE else self.names

    def neighbours(self, city: int, count: int) -> list[int]:
        """Return the cities nearest to one, the nearest first."""
        order = np.argsort(self.chosen.distance[city], kind="stable")
        return [int(other) for other in order if other != city][:count]


def pairs_by_distance(distance: FloatArray) -> list[tuple[int, int]]:
    """Return all pairs of cities, those least apart first."""
    rows, cols = np.triu_indices(len(distance), 1)
    order = np.argsort(distance[rows, cols], kind="stable")
    return [(int(rows[i]), int(cols[i])) for i in order]
