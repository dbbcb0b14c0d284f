import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core.cities import distances
from geocity.core.cities.distances import (
    cosine_distances,
    energy_distances,
    site_sums,
    unit_spread,
)


def cities_of(seed, cities=3, dimensions=4):
    """Cities of one to three sites with one to six patches each, in random order."""
    rng = np.random.default_rng(seed)
    city_of_site = np.repeat(np.arange(cities), rng.integers(1, 4, cities))
    patches = rng.integers(1, 7, len(city_of_site))
    site = rng.permutation(np.repeat(np.arange(len(city_of_site)), patches))
    embeddings = rng.normal(0.5, 1, (len(site), dimensions))
    return embeddings, site, city_of_site


def slow_energy(x, y):
    """The definition, pair by pair."""

    def mean(a, b):
        return np.mean([np.linalg.norm(p - q) for p in a for q in b])

    return np.sqrt(max(0.0, 2 * mean(x, y) - mean(x, x) - mean(y, y)))


def slow_cosine(x, y):
    a, b = x.mean(axis=0), y.mean(axis=0)
    return 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize(
    ("fast", "slow"), [(energy_distances, slow_energy), (cosine_distances, slow_cosine)]
)
@given(seed=st.integers(0, 10**6), weighted=st.booleans())
@settings(max_examples=25)
def test_distances_are_those_of_the_definition(fast, slow, seed, weighted):
    embeddings, site, city_of_site = cities_of(seed)
    weights = np.ones(len(city_of_site), int)
    if weighted:
        weights = np.random.default_rng(seed).integers(1, 4, len(city_of_site))
    found = fast(site_sums(embeddings, site, city_of_site), weights)
    repeated = np.repeat(np.arange(len(site)), weights[site])
    groups = [
        embeddings[repeated[city_of_site[site[repeated]] == city]]
        for city in range(city_of_site.max() + 1)
    ]
    expected = [[0 if x is y else slow(x, y) for y in groups] for x in groups]
    np.testing.assert_allclose(found, expected, atol=1e-7)
    assert (found == found.T).all()
    assert (np.diagonal(found) == 0).all()


def test_energy_distance_in_one_dimension_is_scipys():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, 40), rng.normal(1, 2, 30)
    sums = site_sums(np.r_[x, y][:, None], np.repeat([0, 1], [40, 30]), np.array([0, 1]))
    expected = scipy.stats.energy_distance(x, y)
    assert energy_distances(sums)[0, 1] == pytest.approx(expected, rel=1e-12)


def test_blocks_change_nothing(monkeypatch):
    case = cities_of(4)
    whole = site_sums(*case)
    monkeypatch.setattr(distances, "_BLOCK", 3)
    parts = site_sums(*case)
    np.testing.assert_allclose(parts.distance, whole.distance, rtol=1e-12)
    np.testing.assert_array_equal(parts.embedding, whole.embedding)


def test_fewer_pairs_leave_the_mean_embedding_as_it_is():
    embeddings, site, city_of_site = cities_of(5)
    first = np.unique(site, return_index=True)[1]
    sums = site_sums(embeddings, site, city_of_site, first)
    whole = site_sums(embeddings, site, city_of_site)
    np.testing.assert_array_equal(cosine_distances(sums), cosine_distances(whole))
    alone = site_sums(embeddings[first], site[first], city_of_site)
    np.testing.assert_allclose(energy_distances(sums), energy_distances(alone))


def test_patches_that_are_equal_are_not_apart():
    embeddings = np.full((6, 512), 1e3, np.float32)
    sums = site_sums(embeddings, np.repeat([0, 1], 3), np.array([0, 1]))
    assert energy_distances(sums)[0, 1] == 0
    assert cosine_distances(sums)[0, 1] == pytest.approx(0, abs=1e-12)


def test_the_unit_is_the_spread_of_the_reference():
    rng = np.random.default_rng(1)
    values = rng.normal(3, 40, (200, 5))
    scaled = unit_spread(values, values)
    assert np.square(scaled - scaled.mean(axis=0)).sum(axis=1).mean() == pytest.approx(1)
    assert np.isfinite(unit_spread(np.ones((3, 2)), np.ones((3, 2)))).all()


@pytest.mark.parametrize(
    ("site", "city_of_site", "message"),
    [
        ([0, 0, 0], [0, 1], "must have a patch each"),
        ([0, 1, 1], [0, 2], "without a gap"),
        ([0, 1], [0, 1], "got embeddings"),
    ],
)
def test_sites_and_cities_must_fit(site, city_of_site, message):
    with pytest.raises(ValueError, match=message):
        site_sums(np.zeros((3, 2)), np.array(site), np.array(city_of_site))
