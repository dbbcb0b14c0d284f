import numpy as np
import pytest

from geocity.core.cities.conformal import city_sets, fit_set_rule, set_quality, sites_needed


def test_the_threshold_leaves_room_for_a_site_to_come():
    # Nine sites of one unit each: their mass is 9/10, so 90 % takes the lowest of all.
    chance = np.linspace(0.1, 0.9, 9)
    rule = fit_set_rule(chance, np.arange(9), 0.9)
    assert rule.threshold == pytest.approx(0.1)
    assert rule.guaranteed
    assert rule.sites == 9
    # With 19 sites, 18 of 20 parts suffice: the second lowest.
    rule = fit_set_rule(np.linspace(0.05, 0.95, 19), np.arange(19), 0.9)
    assert rule.threshold == pytest.approx(0.1)


def test_every_site_counts_the_same():
    chance = np.array([0.9] * 990 + [0.2] * 10)
    site = np.array([0] * 990 + list(range(1, 11)))
    assert fit_set_rule(chance, site, 0.9).threshold == pytest.approx(0.2)


def test_too_few_sites_promise_nothing():
    rule = fit_set_rule(np.linspace(0.1, 1, 80), np.repeat(np.arange(8), 10), 0.9)
    assert not rule.guaranteed
    assert rule.threshold == pytest.approx(np.linspace(0.1, 1, 80)[8])
    assert sites_needed(0.9) == 9


def test_the_promise_is_kept_for_new_sites():
    """Sites of very different difficulty; 40 for validation, one for test, many times."""
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        level = rng.uniform(0.1, 0.95, 41)
        site = np.repeat(np.arange(41), 15)
        chance = np.clip(level[site] + rng.normal(0, 0.05, len(site)), 0, 1)
        rule = fit_set_rule(chance[site < 40], site[site < 40], 0.9)
        covered.append((chance[site == 40] >= rule.threshold).mean())
    assert np.mean(covered) == pytest.approx(0.92, abs=0.03)


def test_sets_hold_the_most_probable_city_always():
    chance = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.4, 0.35, 0.25]])
    sets = city_sets(chance, 0.6)
    np.testing.assert_array_equal(sets, [[1, 0, 0], [0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(city_sets(chance, 0.3)[0], [1, 1, 0])


def test_quality_is_measured_site_by_site():
    sets = np.array([[1, 0], [1, 1], [0, 1], [0, 1]], bool)
    quality = set_quality(sets, np.array([0, 0, 0, 1]), np.array([5, 5, 5, 9]))
    assert quality.coverage == 0.75
    assert quality.coverage_by_site == pytest.approx((2 / 3 + 1) / 2)
    assert quality.worst_site == pytest.approx(2 / 3)
    assert (quality.mean_size, quality.single) == (1.25, 0.75)


@pytest.mark.parametrize("coverage", [0, 1, 1.5])
def test_a_coverage_that_is_none_is_refused(coverage):
    with pytest.raises(ValueError, match="coverage"):
        fit_set_rule(np.ones(3), np.arange(3), coverage)
