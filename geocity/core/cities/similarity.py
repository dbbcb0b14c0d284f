"""Everything that is said about which cities resemble each other, from their patches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.branch_support import CityTree, city_tree
from geocity.core.cities.directions import directions
from geocity.core.cities.distances import SiteSums, site_sums, unit_spread
from geocity.core.cities.even_draw import even_draw
from geocity.core.cities.mantel import FEWEST_CITIES, Mantel, mantel_test
from geocity.core.cities.retrieval import Nearness, Retrieval, retrieve
from geocity.core.cities.site_resampling import (
    MEASURES,
    Resampled,
    chance_distances,
    draw_sites,
    nearest_share,
    resampled_distances,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

EXACT_PATCHES = 10_000
"""Up to so many patches, energy distances take every pair; beyond, an even draw of so many."""

RETRIEVAL_PATCHES = 4_000
"""Patches that ask for and answer each other, at most; an even draw of the sites."""

EARTH_RADIUS_M = 6_371_008.8


@dataclass(frozen=True, eq=False)
class CityPatches:
    """Patches of some cities, as a model sees them.

    Attributes:
        embeddings: float32 (n, d).
        site: int64 (n,), the site of each patch.
        city_of_site: int64 (sites,), rising from 0 without a gap.
        places: float64 (n, 3), metres from the centre of the Earth (`on_the_globe`); NaN where
            nobody knows.
    """

    embeddings: NDArray[np.float32]
    site: IntArray
    city_of_site: IntArray
    places: FloatArray

    @property
    def city(self) -> IntArray:
        """Return the city of each patch."""
        return self.city_of_site[self.site]

    @property
    def cities(self) -> int:
        """Return how many cities there are."""
        return int(self.city_of_site[-1]) + 1


@dataclass(frozen=True, slots=True)
class SimilarityChoices:
    """How cities are compared.

    Attributes:
        measure: ``energy`` or ``cosine``, for the tree and the nearest cities.
        linkage: ``average`` or ``ward``.
        draws: how often sites are drawn anew.
        near_m: patches nearer than this do not count as found, where places are known.
        seed: all chance comes from it.
    """

    measure: str = "energy"
    linkage: str = "average"
    draws: int = 1000
    near_m: float = 1000.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Similarity:
    """Which cities resemble each other.

    Attributes:
        measures: distances by measure, in the order of the cities.
        by_chance: by measure, how far two cities alike in truth come out apart with the sites of
            each city.
        sites: int64 (cities,), sites of each city.
        nearest: (cities, cities), share of draws in which the column is nearest to the row; NaN
            where no site can be drawn anew.
        tree: of the cities; None for a single city.
        paired: how many patches the energy distances are taken of.
        by_patch: retrieval with patches, of `asked`.
        by_site: retrieval with the mean embeddings of sites.
        asked: the patches of `by_patch`.
        mantel: likeness against geographic distance; None where too few cities have a place.
    """

    measures: dict[str, Resampled]
    by_chance: dict[str, FloatArray]
    sites: IntArray
    nearest: FloatArray
    tree: CityTree | None
    paired: int
    by_patch: Retrieval
    by_site: Retrieval
    asked: IntArray
    mantel: Mantel | None


def on_the_globe(longitude: FloatArray, latitude: FloatArray) -> FloatArray:
    """Return places as metres from the Earth's centre, (n, 3), on a sphere."""
    lon, lat = np.radians(longitude), np.radians(latitude)
    flat = np.cos(lat)
    return EARTH_RADIUS_M * np.stack([flat * np.cos(lon), flat * np.sin(lon), np.sin(lat)], axis=1)


def similarity(patches: CityPatches, choices: SimilarityChoices) -> Similarity:
    """Compare cities.

    Args:
        patches: of all cities.
        choices: how to compare.
    """
    rng = np.random.default_rng(choices.seed)
    paired = _paired(patches, rng)
    sums = _sums(patches, patches.embeddings, paired)
    drawn = draw_sites(sums.sites, choices.draws, rng)
    measures = {name: resampled_distances(sums, name, drawn) for name in MEASURES}
    chosen = measures[choices.measure]
    sure = bool((sums.sites > 1).any())
    tree = None
    if patches.cities > 1:
        tree = city_tree(chosen.distance, chosen.drawn if sure else None, choices.linkage)
    share = nearest_share(chosen.drawn)
    asked = even_draw(patches.site, RETRIEVAL_PATCHES, rng)
    return Similarity(
        measures=measures,
        by_chance={name: chance_distances(sums, name, rng) for name in MEASURES},
        sites=sums.sites,
        nearest=share if sure else np.full_like(share, np.nan),
        tree=tree,
        paired=len(paired),
        by_patch=_patch_retrieval(patches, asked, choices.near_m),
        by_site=_site_retrieval(patches, sums, choices.near_m),
        asked=asked,
        mantel=_mantel(patches, chosen.distance, rng),
    )


def placed_among(
    known: CityPatches, newcomers: CityPatches, choices: SimilarityChoices
) -> tuple[Resampled, FloatArray]:
    """Compare cities that a model never saw with those that it knows.

    Args:
        known: patches of the known cities; they set the scale.
        newcomers: patches of the others.
        choices: how to compare.

    Returns:
        The distances of all cities, the known ones first; and, for each newcomer, the share of
        draws in which each known city is the nearest, (newcomers, known).
    """
    rng = np.random.default_rng(choices.seed)
    both = CityPatches(
        np.concatenate([known.embeddings, newcomers.embeddings]),
        np.concatenate([known.site, newcomers.site + len(known.city_of_site)]),
        np.concatenate([known.city_of_site, newcomers.city_of_site + known.cities]),
        np.concatenate([known.places, newcomers.places]),
    )
    sums = _sums(both, known.embeddings, _paired(both, rng))
    drawn = draw_sites(sums.sites, choices.draws, rng)
    found = resampled_distances(sums, choices.measure, drawn)
    rows = found.drawn[:, known.cities :, : known.cities]
    nearest = rows.argmin(axis=2)  # (draws, newcomers)
    share = np.stack([(nearest == city).mean(axis=0) for city in range(known.cities)], axis=1)
    return found, np.asarray(share)


def _paired(patches: CityPatches, rng: np.random.Generator) -> IntArray:
    return even_draw(patches.site, max(EXACT_PATCHES, len(patches.city_of_site)), rng)


def _sums(patches: CityPatches, reference: NDArray[np.float32], paired: IntArray) -> SiteSums:
    scaled = unit_spread(patches.embeddings, reference)
    return site_sums(scaled, patches.site, patches.city_of_site, paired)


def _patch_retrieval(patches: CityPatches, asked: IntArray, near_m: float) -> Retrieval:
    near = Nearness(patches.site[asked], patches.places[asked], near_m)
    return retrieve(patches.embeddings[asked], patches.city[asked], near)


def _site_retrieval(patches: CityPatches, sums: SiteSums, near_m: float) -> Retrieval:
    sites = len(patches.city_of_site)
    places = np.stack([patches.places[patches.site == site].mean(axis=0) for site in range(sites)])
    return retrieve(sums.embedding, sums.city, Nearness(np.arange(sites), places, near_m))


def _mantel(patches: CityPatches, distance: FloatArray, rng: np.random.Generator) -> Mantel | None:
    located = ~np.isnan(patches.places).any(axis=1)
    cities = [c for c in range(patches.cities) if (located & (patches.city == c)).any()]
    if len(cities) < FEWEST_CITIES:
        return None
    centres = np.stack([patches.places[located & (patches.city == c)].mean(axis=0) for c in cities])
    # A chord rises with the way over the ground, and only ranks are compared.
    unit = directions(centres)
    ground = np.linalg.norm(unit[:, None] - unit, axis=2)
    return mantel_test(distance[np.ix_(cities, cities)], ground, rng)
