import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from geocity.core.cities.mantel import mantel_test


def test_places_and_looks_that_go_together_are_found():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(12, 2))
    ground = squareform(pdist(places))
    looks = squareform(pdist(places + rng.normal(0, 0.3, places.shape)))
    found = mantel_test(ground, looks, rng)
    upper = np.triu_indices(12, 1)
    assert found.correlation == pytest.approx(spearmanr(ground[upper], looks[upper])[0])
    assert found.p_value == pytest.approx(0.001)


def test_chance_is_called_chance():
    rng = np.random.default_rng(3)
    found = [
        mantel_test(
            squareform(pdist(rng.normal(size=(8, 2)))),
            squareform(pdist(rng.normal(size=(8, 2)))),
            rng,
            99,
        ).p_value
        for _ in range(60)
    ]
    assert 0.3 < np.mean(found) < 0.7


def test_four_cities_are_too_few():
    with pytest.raises(ValueError, match="got distances"):
        mantel_test(np.zeros((4, 4)), np.zeros((4, 4)), np.random.default_rng(0))
