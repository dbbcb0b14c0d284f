import math

import numpy as np
import pytest

from geocity.core.cities.scores import (
    CITY_FIGURES,
    FIGURES,
    balanced_accuracy,
    confused_pairs,
    level_scores,
    tally,
)
from geocity.core.cities.site_intervals import draw_clusters, percentile_intervals
from geocity.core.cities.votes import gather, patch_units
from tests.core.cities.made_up_answers import made_up_answers


def made_up(seed=0, **changes):
    return patch_units(*made_up_answers(seed, **changes))


def twin(units, chosen):
    """All figures by plain loops over a list of units, which may repeat."""
    cities = units.logits.shape[1]
    answers = [(int(units.truth[u]), np.argsort(-units.logits[u], kind="stable")) for u in chosen]
    recalls, f1s, by_city = [], [], []
    for city in range(cities):
        true = [a for a in answers if a[0] == city]
        named = [a for a in answers if a[1][0] == city]
        both = len([a for a in true if a[1][0] == city])
        recall = both / len(true) if true else np.nan
        f1 = 2 * both / (len(true) + len(named)) if true or named else np.nan
        by_city += [both / len(named) if named else np.nan, recall, f1]
        if true:
            recalls.append(recall)
            f1s.append(f1)
    tops = [np.mean([t in order[:k] for t, order in answers]) for k in (1, 3, 5)]
    return [tops[0], np.mean(recalls), np.mean(f1s), *tops, *by_city]


def test_figures_equal_plain_loops():
    units = made_up()
    counts = tally(units)
    found = counts.figures(np.ones((1, len(counts.site)), np.int64))[0]
    np.testing.assert_allclose(found, twin(units, range(len(units))))
    assert len(found) == len(FIGURES) + 4 * len(CITY_FIGURES)


def test_a_weighted_figure_is_that_of_repeated_images():
    units = made_up(1)
    counts = tally(units)
    weights = np.random.default_rng(3).integers(0, 3, (5, len(counts.site)))
    weights[:, 0:6] = 0  # one city is not drawn at all
    for row, found in zip(weights, counts.figures(weights), strict=True):
        chosen = [u for u in range(len(units)) for _ in range(row[units.cluster[u]])]
        np.testing.assert_allclose(found, twin(units, chosen))


def test_sites_are_drawn_whole_and_images_within_them():
    site = np.array([0, 0, 0, 1, 2, 2])
    drawn = draw_clusters(site, 4000, np.random.default_rng(0))
    by_site = np.stack([drawn[:, site == s].sum(axis=1) for s in range(3)], axis=1)
    np.testing.assert_array_equal(by_site % [3, 1, 2], 0)
    np.testing.assert_array_equal((by_site // [3, 1, 2]).sum(axis=1), 3)
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.06)


def test_more_overlapping_patches_do_not_make_an_interval_narrower():
    few = made_up(2, patches=3)
    many = few.take(np.repeat(np.arange(len(few)), 50))
    widths = []
    for units in (few, many):
        low, high = level_scores(units, draws=400).overall["accuracy"].interval
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0], abs=1e-12)


def test_intervals_cover_the_truth_as_often_as_they_say():
    """Sites differ in skill; the truth is the mean over all the sites that there could be."""
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(120):
        skill = rng.uniform(0.3, 0.9, 24)
        site = np.repeat(np.arange(24), 10)
        hit = rng.random(240) < skill[site]
        logits = np.stack([hit, ~hit], axis=1).astype(float)
        units = patch_units(logits, np.zeros(240, int), np.arange(240), site)
        low, high = level_scores(units, draws=300, seed=trial).overall["accuracy"].interval
        held += low <= 0.6 <= high
    assert held / 120 > 0.88  # patches drawn instead of sites: about 0.6


def test_one_site_gives_no_interval():
    units = made_up(sites=1, cities=1)
    scores = level_scores(units)
    assert scores.overall["accuracy"].interval is None
    assert scores.sites == 1


def test_a_city_with_one_site_has_no_interval_of_its_own():
    units = made_up(sites=2)
    scores = level_scores(units.take(~((units.truth == 1) & (units.site % 2 == 1))), draws=50)
    assert [c["recall"].interval is None for c in scores.by_city] == [False, True, False, False]
    assert scores.overall["accuracy"].interval is not None


def test_all_right_at_six_sites_is_not_all_right_everywhere():
    units = made_up(sites=2, cities=3, skill=50)
    scores = level_scores(units, draws=50)
    low, high = scores.overall["accuracy"].interval
    assert (low, high) == (pytest.approx(0.025 ** (1 / 6)), 1)  # Clopper and Pearson, 6 of 6
    assert scores.by_city[0]["recall"].interval == (pytest.approx(0.025**0.5), 1)
    assert scores.overall["top_3"].interval is None  # three cities: no achievement
    wrong = made_up(sites=2, cities=3, skill=-50)
    assert level_scores(wrong, draws=50).overall["accuracy"].interval[0] == 0
    assert level_scores(wrong, draws=50).overall["accuracy"].interval[1] == pytest.approx(1 - low)


def test_the_same_seed_gives_the_same_intervals():
    units = made_up(7)
    first, second = (level_scores(units, seed=5).overall for _ in range(2))
    assert first == second


def test_sites_are_the_independent_units_at_every_level():
    units = made_up()
    images = gather(units, units.cluster)
    sites = gather(units, units.site)
    assert [level_scores(u, draws=10).units for u in (units, images, sites)] == [120, 24, 12]
    assert {level_scores(u, draws=10).sites for u in (units, images, sites)} == {12}


def test_a_city_without_units_has_no_recall():
    units = made_up(cities=4)
    scores = level_scores(units.take(units.truth != 2), draws=20)
    assert scores.by_city[2]["recall"].value is None
    assert scores.by_city[2]["recall"].interval is None
    assert 0 < scores.overall["balanced_accuracy"].value <= 1


def test_nothing_to_count_is_refused():
    units = made_up()
    with pytest.raises(ValueError, match="at least one"):
        tally(units.take(np.zeros(len(units), bool)))


def test_intervals_of_a_figure_that_never_exists():
    def nothing(weights):
        return np.full((len(weights), 1), np.nan)

    options = {"draws": 10, "confidence": 0.9, "rng": np.random.default_rng(0)}
    assert percentile_intervals(nothing, np.arange(4), **options) == [None]


# What the script of DL-SLICER printed wrongly.


def test_confused_pairs_are_sorted_as_numbers_not_as_text():
    counts = np.zeros((3, 3), int)
    counts[0] = [16, 84, 0]  # 84.0 %
    counts[1] = [98, 902, 0]  # 9.8 %, which as text comes before 84.0 %
    counts[2] = [3, 0, 97]
    assert sorted(["9.8%", "84.0%"], reverse=True) == ["9.8%", "84.0%"]
    pairs = confused_pairs(counts)
    assert [(p.truth, p.predicted) for p in pairs] == [(0, 1), (1, 0), (2, 0)]
    assert [p.share for p in pairs] == [0.84, 0.098, 0.03]


def test_confused_pairs_name_the_last_of_45_cities():
    counts = np.eye(45, dtype=int) * 100
    counts[44, 0] = 60  # index 44 modulo 44 would be city 0
    counts[1, 44] = 50
    pairs = confused_pairs(counts, most=2)
    assert [(p.truth, p.predicted, p.count) for p in pairs] == [(44, 0, 60), (1, 44, 50)]


def test_confused_pairs_equal_plain_loops():
    counts = np.random.default_rng(1).integers(0, 20, (45, 45))
    pairs = confused_pairs(counts)
    assert len(pairs) == np.count_nonzero(counts) - np.count_nonzero(np.diag(counts))
    for pair in pairs:
        assert pair.truth != pair.predicted
        assert pair.share == counts[pair.truth, pair.predicted] / sum(counts[pair.truth])
    shares = [pair.share for pair in pairs]
    assert shares == sorted(shares, reverse=True)


def test_every_city_has_the_same_say():
    truth = np.array([0, 0, 0, 0, 1])
    assert balanced_accuracy(truth, np.array([0, 0, 0, 1, 1])) == pytest.approx((0.75 + 1) / 2)
    assert balanced_accuracy(truth, np.zeros(5, int)) == 0.5
    assert math.isnan(balanced_accuracy(truth[:0], truth[:0]))
