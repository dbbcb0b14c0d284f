import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core.cities import retrieval
from geocity.core.cities.retrieval import Nearness, retrieve


def slow(embeddings, city, nearness):
    """Query by query, rank by rank."""
    near = nearness.near(np.arange(len(city)))
    precision, first, chance = [], [], []
    for asked in range(len(city)):
        others = [i for i in range(len(city)) if not near[asked, i]]
        likeness = {
            i: embeddings[asked]
            @ embeddings[i]
            / np.linalg.norm(embeddings[asked])
            / np.linalg.norm(embeddings[i])
            for i in others
        }
        ranked = sorted(others, key=lambda i: (-likeness[i], i))
        hits = [city[i] == city[asked] for i in ranked]
        if not any(hits):
            precision.append(np.nan)
            first.append(np.nan)
            chance.append(np.nan)
            continue
        found = [sum(hits[: r + 1]) / (r + 1) for r in range(len(hits)) if hits[r]]
        precision.append(np.mean(found))
        first.append(any(hits[:5]))
        chance.append(np.mean(hits))
    return precision, first, chance


def nowhere(n):
    return np.full((n, 3), np.nan)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25)
def test_retrieval_is_that_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 25))
    city = rng.integers(0, 3, n)
    embeddings = rng.normal(size=(n, 3)) + city[:, None]
    places = np.where(rng.random((n, 1)) < 0.5, np.nan, rng.normal(size=(n, 3)))
    nearness = Nearness(rng.integers(0, 6, n), places, 1.0)
    found = retrieve(embeddings, city, nearness)
    precision, first, chance = slow(embeddings, city, nearness)
    np.testing.assert_allclose(found.average_precision, precision)
    np.testing.assert_allclose(found.recall[5], first)
    np.testing.assert_allclose(found.chance, chance)


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    case = rng.normal(size=(20, 4)), rng.integers(0, 3, 20), Nearness(np.arange(20), nowhere(20), 1)
    whole = retrieve(*case)
    monkeypatch.setattr(retrieval, "_PAIRS_AT_ONCE", 60)
    np.testing.assert_array_equal(retrieve(*case).average_precision, whole.average_precision)


def test_near_means_distance_where_it_is_known_and_the_site_elsewhere():
    places = np.array([[0, 0, 0], [0, 0, 900], [0, 0, 2000], [np.nan] * 3, [np.nan] * 3])
    nearness = Nearness(np.array([0, 1, 0, 0, 2]), places, 1000)
    expected = [
        [True, True, False, True, False],  # site 0; 900 m from site 1, 2 km from its own
        [True, True, False, False, False],
        [False, False, True, True, False],
        [True, False, True, True, False],
        [False, False, False, False, True],
    ]
    np.testing.assert_array_equal(nearness.near(np.arange(5)), expected)


def test_perfect_likeness_finds_everything_and_the_same_site_does_not_count():
    city = np.repeat([0, 1], 4)
    site = np.repeat([0, 1, 2, 3], 2)
    found = retrieve(np.eye(2)[city], city, Nearness(site, nowhere(8), 1))
    assert (found.average_precision == 1).all()
    assert found.chance == pytest.approx(2 / 6)
    alone = retrieve(np.eye(2)[city], city, Nearness(city, nowhere(8), 1))
    assert np.isnan(alone.average_precision).all()
