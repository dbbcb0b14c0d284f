import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.cities.unknown import acceptance_threshold, auroc, energy, leave_out, never_seen
from geocity.core.cities.votes import patch_units


@given(
    known=st.lists(st.integers(0, 5), min_size=1, max_size=12),
    unknown=st.lists(st.integers(0, 5), min_size=1, max_size=12),
)
def test_auroc_is_the_share_of_won_pairs(known, unknown):
    won = [1.0 if k > u else 0.5 if k == u else 0.0 for k in known for u in unknown]
    assert auroc(np.array(known), np.array(unknown)) == pytest.approx(np.mean(won))


def test_auroc_of_nothing_does_not_exist():
    assert auroc(np.array([]), np.array([1.0])) is None


def test_energy_is_the_logarithm_of_the_sum():
    logits = np.array([[0.0, 1.0, 2.0], [900.0, 1.0, 2.0]])
    expected = [np.log(1 + np.e + np.e**2), 900.0]
    np.testing.assert_allclose(energy(logits), expected)


@given(
    scores=st.lists(st.floats(-5, 5), min_size=1, max_size=30),
    acceptance=st.floats(0.01, 1),
)
def test_the_threshold_is_the_highest_that_accepts_enough(scores, acceptance):
    values = np.array(scores)
    threshold = acceptance_threshold(values, acceptance)
    assert (values >= threshold).mean() >= acceptance - 1e-9
    higher = values[values > threshold]
    if len(higher):
        assert (values >= higher.min()).mean() < acceptance


def made_up(seed, loud, cities=4, patches=400):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, cities, patches)
    logits = rng.normal(size=(patches, cities)) + loud * np.eye(cities)[truth]
    return patch_units(logits, truth, np.arange(patches), np.arange(patches))


def test_a_loud_model_notices_a_city_without_its_logit():
    rows = leave_out(made_up(0, 8.0), made_up(1, 8.0), 0.95)
    assert [row.city for row in rows] == [0, 1, 2, 3]
    for row in rows:
        assert row.auroc > 0.99
        assert row.taken_for_known < 0.02
        assert row.passed < 0.02
        assert row.known_rejected == pytest.approx(0.05, abs=0.04)
        assert row.units == pytest.approx(100, abs=30)


def test_a_model_that_guesses_notices_nothing():
    rows = leave_out(made_up(0, 0.0), made_up(1, 0.0), 0.95)
    assert np.mean([row.auroc for row in rows]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([row.taken_for_known for row in rows]) == pytest.approx(0.95, abs=0.04)


def test_two_cities_leave_nothing_to_choose():
    assert leave_out(made_up(0, 5.0, cities=2), made_up(1, 5.0, cities=2), 0.95) == []


def test_cities_that_were_never_seen():
    quiet = made_up(2, 0.0)
    row = never_seen(made_up(0, 8.0), made_up(1, 8.0), quiet, 0.95)
    assert row.city == -1
    assert row.auroc > 0.99
    assert row.passed < 0.02


def test_no_scores_are_refused():
    with pytest.raises(ValueError, match="acceptance"):
        acceptance_threshold(np.array([]), 0.95)
