import numpy as np
import pytest

from geocity.core.cities.distances import site_sums
from geocity.core.cities.site_resampling import (
    MEASURES,
    chance_distances,
    draw_sites,
    nearest_share,
    resampled_distances,
)


def planted(rng, sites, dimensions=12, patches=8, site_sd=0.6):
    """Cities whose mean embeddings are known, each with its sites strewn around it."""
    centre = 2 + rng.normal(0, 0.7, (len(sites), dimensions))
    city_of_site = np.repeat(np.arange(len(sites)), sites)
    of_site = centre[city_of_site] + rng.normal(0, site_sd, (len(city_of_site), dimensions))
    site = np.repeat(np.arange(len(city_of_site)), patches)
    embeddings = of_site[site] + rng.normal(0, 0.5, (len(site), dimensions))
    return site_sums(embeddings, site, city_of_site), centre


def test_one_site_fewer_is_drawn_and_a_single_one_stays():
    drawn = draw_sites(np.array([1, 2, 5]), 200, np.random.default_rng(0))
    assert (drawn[:, 0] == 1).all()
    assert (drawn[:, 1:3].sum(axis=1) == 1).all()
    assert (drawn[:, 3:].sum(axis=1) == 4).all()
    assert (drawn[:, 3:].max(axis=1) > 1).any()


def test_draws_give_a_mean_its_variance():
    """Rao and Wu's point: right even for three sites, where drawing three gives 2/3 of it."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=3)
    drawn = draw_sites(np.array([3]), 200_000, rng)
    means = drawn @ values / 2
    assert means.var() == pytest.approx(values.var(ddof=1) / 3, rel=0.02)


@pytest.mark.parametrize("measure", ["cosine", "energy"])
def test_what_is_drawn_comes_from_the_seed_alone(measure):
    sums, _ = planted(np.random.default_rng(2), [3, 4])
    first, second = (
        resampled_distances(sums, measure, draw_sites(sums.sites, 50, np.random.default_rng(5)))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.low, second.low)
    assert (first.low <= first.corrected + 1e-9).all()
    assert (first.corrected <= first.high + 1e-9).all()
    assert (np.diagonal(first.high) == 0).all()


def test_a_single_site_has_no_interval():
    sums, _ = planted(np.random.default_rng(3), [1, 3, 4])
    drawn = draw_sites(sums.sites, 50, np.random.default_rng(0))
    found = resampled_distances(sums, "cosine", drawn)
    assert np.isnan(found.low[0, 1:]).all()
    assert np.isnan(found.corrected[1:, 0]).all()
    assert np.isfinite(found.high[1, 2])
    assert np.isfinite(found.distance).all()


def test_intervals_hold_the_true_distance_where_plain_percentiles_do_not():
    held, held_plainly, cases = 0, 0, 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        sums, centre = planted(rng, [5] * 4)
        truth = 1 - np.corrcoef(np.hstack([centre, -centre]))  # the cosine, by another way
        found = resampled_distances(sums, "cosine", draw_sites(sums.sites, 200, rng))
        plain = np.quantile(found.drawn, (0.025, 0.975), axis=0)
        upper = np.triu_indices(4, 1)
        held += ((found.low <= truth) & (truth <= found.high))[upper].sum()
        held_plainly += ((plain[0] <= truth) & (truth <= plain[1]))[upper].sum()
        cases += 6
    assert held / cases > 0.85
    assert held_plainly / cases < 0.7


def test_nearest_shares_count_draws():
    near_1 = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]])
    near_2 = np.array([[0, 2, 1], [2, 0, 3], [1, 3, 0]])
    share = nearest_share(np.stack([near_1, near_1, near_1, near_2]).astype(float))
    np.testing.assert_allclose(share, [[0, 0.75, 0.25], [1, 0, 0], [1, 0, 0]])


@pytest.mark.parametrize("measure", ["cosine", "energy"])
@pytest.mark.parametrize("sites", [4, 7])
def test_by_chance_is_what_two_equal_cities_show(measure, sites):
    """Two cities drawn from the same ground, many times: what lies between them is chance."""
    power = 2 if measure == "energy" else 1
    told, truth = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        of_site = 2 + rng.normal(0, 0.6, (2 * sites, 6))
        site = np.repeat(np.arange(2 * sites), 12)
        embeddings = of_site[site] + rng.normal(0, 0.5, (len(site), 6))
        sums = site_sums(embeddings, site, np.repeat([0, 1], sites))
        told.append((chance_distances(sums, measure, rng, 20) ** power).mean())
        truth.append(MEASURES[measure](sums, None)[0, 1] ** power)
    assert np.mean(told) == pytest.approx(np.mean(truth), rel=0.25)


def test_one_site_tells_nothing_of_chance():
    sums, _ = planted(np.random.default_rng(8), [1, 3])
    found = chance_distances(sums, "cosine", np.random.default_rng(0))
    assert np.isnan(found[0])
    assert found[1] > 0
