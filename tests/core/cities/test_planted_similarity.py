"""Forty-five made-up cities of known distance: what recovers it, and what does not."""

import numpy as np
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from geocity.core.cities.branch_support import branches, city_tree
from geocity.core.cities.distances import cosine_distances, energy_distances, site_sums
from geocity.core.cities.site_resampling import draw_sites, nearest_share, resampled_distances

CITIES, SITES, PATCHES, DIMENSIONS = 45, 3, 20, 8


def made_up_cities(seed=0):
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(CITIES, DIMENSIONS))
    city_of_site = np.repeat(np.arange(CITIES), SITES)
    of_site = centre[city_of_site] + rng.normal(0, 0.25, (len(city_of_site), DIMENSIONS))
    site = np.repeat(np.arange(len(city_of_site)), PATCHES)
    embeddings = of_site[site] + rng.normal(0, 0.45, (len(site), DIMENSIONS))
    return centre, embeddings, site, city_of_site


def rectified(embeddings, seed=1, width=512):
    """What a network hands out: many numbers, none below 0, with much in common."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(embeddings.shape[1], width)) / 2
    return np.maximum(embeddings @ weights + 0.5, 0)


def test_embeddings_recover_the_planted_distances_where_confusion_cannot():
    centre, embeddings, site, city_of_site = made_up_cities()
    truth = pdist(centre)
    upper = np.triu_indices(CITIES, 1)
    sums = site_sums(rectified(embeddings), site, city_of_site)

    city = city_of_site[site]
    nearest = np.square(embeddings[:, None] - centre).sum(axis=2).argmin(axis=1)
    confusion = np.zeros((CITIES, CITIES))
    np.add.at(confusion, (city, nearest), 1)
    confused = (confusion + confusion.T)[upper]

    assert 0.85 < (nearest == city).mean() < 0.97
    assert (confused == 0).mean() > 0.7
    by_cosine = spearmanr(truth, cosine_distances(sums)[upper])[0]
    by_energy = spearmanr(truth, energy_distances(sums)[upper])[0]
    by_confusion = spearmanr(-truth, confused)[0]
    assert by_cosine > 0.7
    assert by_energy > 0.92
    assert by_confusion < 0.65


def test_support_is_high_for_planted_groups():
    rng = np.random.default_rng(5)
    groups = np.repeat(rng.normal(0, 3, (3, DIMENSIONS)), 3, axis=0)
    centre = groups + rng.normal(0, 0.5, groups.shape)
    city_of_site = np.repeat(np.arange(9), 4)
    site = np.repeat(np.arange(36), 10)
    of_site = centre[city_of_site] + rng.normal(0, 0.3, (36, DIMENSIONS))
    sums = site_sums(of_site[site] + rng.normal(0, 0.5, (360, DIMENSIONS)), site, city_of_site)
    found = resampled_distances(sums, "energy", draw_sites(sums.sites, 100, rng))
    tree = city_tree(found.distance, found.drawn)
    support = dict(zip(branches(tree.linkage), tree.support, strict=True))
    for group in range(3):
        assert support[frozenset(range(3 * group, 3 * group + 3))] == 1
    share = nearest_share(found.drawn)
    np.testing.assert_allclose(share.sum(axis=1), 1)
    assert (share.argmax(axis=1) // 3 == np.arange(9) // 3).all()
