import numpy as np
import pytest

from geocity.core.cities import similarity as rooms
from geocity.core.cities.similarity import (
    CityPatches,
    SimilarityChoices,
    on_the_globe,
    placed_among,
    similarity,
)

CHOICES = SimilarityChoices(draws=100)


def made_up(centres, sites=3, patches=6, seed=0, places=None):
    rng = np.random.default_rng(seed)
    city_of_site = np.repeat(np.arange(len(centres)), sites)
    of_site = centres[city_of_site] + rng.normal(0, 0.2, (len(city_of_site), centres.shape[1]))
    site = np.repeat(np.arange(len(city_of_site)), patches)
    embeddings = of_site[site] + rng.normal(0, 0.5, (len(site), centres.shape[1]))
    where = np.full((len(site), 3), np.nan) if places is None else places[city_of_site[site]]
    return CityPatches(embeddings.astype(np.float32), site, city_of_site, where)


LINE = np.array([[0, 0, 3], [1, 0, 3], [3, 0, 3], [7, 0, 3], [15, 0, 3]], float)


def test_cities_in_a_row_have_the_neighbours_of_the_row():
    found = similarity(made_up(LINE), CHOICES)
    # The angle between the last ones is the smaller, the further out they lie.
    for measure, expected in (("energy", [1, 0, 1, 2, 3]), ("cosine", [1, 0, 3, 4, 3])):
        nearest = np.where(np.eye(5), np.inf, found.measures[measure].distance).argmin(axis=1)
        assert nearest.tolist() == expected
    assert found.sites.tolist() == [3] * 5
    assert found.paired == 90
    assert found.mantel is None
    np.testing.assert_allclose(found.nearest.sum(axis=1), 1)
    assert np.nanmean(found.by_patch.average_precision) > np.nanmean(found.by_patch.chance)


def test_distances_do_not_depend_on_the_networks_numbers():
    patches = made_up(LINE)
    larger = CityPatches(
        patches.embeddings * 64, patches.site, patches.city_of_site, patches.places
    )
    first, second = (similarity(p, CHOICES).measures["energy"].distance for p in (patches, larger))
    np.testing.assert_allclose(first, second, rtol=1e-6)


def test_many_patches_are_sampled_evenly_and_come_near(monkeypatch):
    patches = made_up(LINE, patches=60)
    exact = similarity(patches, CHOICES)
    monkeypatch.setattr(rooms, "EXACT_PATCHES", 300)
    sampled = similarity(patches, CHOICES)
    assert (exact.paired, sampled.paired) == (900, 300)
    np.testing.assert_allclose(
        sampled.measures["energy"].distance, exact.measures["energy"].distance, atol=0.06
    )
    np.testing.assert_array_equal(
        sampled.measures["cosine"].distance, exact.measures["cosine"].distance
    )


def test_near_and_alike_is_told_from_coordinates():
    places = on_the_globe(np.array([0.0, 1, 3, 7, 15]), np.zeros(5))
    found = similarity(made_up(LINE, places=places), CHOICES)
    assert found.mantel is not None
    assert found.mantel.correlation > 0.9


def test_one_site_a_city_gives_no_support():
    found = similarity(made_up(LINE, sites=1), CHOICES)
    assert np.isnan(found.nearest).all()
    assert found.tree is not None
    assert np.isnan(found.tree.support).all()


def test_a_newcomer_lands_where_it_looks():
    known = made_up(LINE)
    found, nearest = placed_among(known, made_up(LINE[[3, 1]] + 0.1, seed=9), CHOICES)
    assert found.distance.shape == (7, 7)
    assert found.distance[5, :5].argmin() == 3
    assert nearest.argmax(axis=1).tolist() == [3, 1]
    np.testing.assert_allclose(nearest.sum(axis=1), 1)


def test_places_are_metres():
    first, second = on_the_globe(np.array([10.0, 10.0]), np.array([45.0, 45.001]))
    assert np.linalg.norm(first - second) == pytest.approx(111.2, abs=0.1)
