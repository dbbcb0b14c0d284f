"""Reliability, ECE, Brier, NLL and temperature, against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special

from geocity.core.calibration import Reliability, fit_temperature

cases = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, n, elements=st.floats(0, 1)), hnp.arrays(np.bool_, n)
    )
)


def slow_figures(probability, outcome, bins):
    """Return ECE, Brier and NLL pixel by pixel."""
    members = {}
    brier = nll = 0.0
    for p, hit in zip(probability, outcome, strict=True):
        members.setdefault(min(int(p * bins), bins - 1), []).append((p, hit))
        brier += (p - hit) ** 2
        nll -= math.log(max(p if hit else 1 - p, 1e-7))
    n = len(probability)
    ece = sum(
        abs(sum(p for p, _ in found) / len(found) - sum(h for _, h in found) / len(found))
        * len(found)
        / n
        for found in members.values()
    )
    return ece, brier / n, nll / n


@given(case=cases, bins=st.integers(1, 20))
def test_figures_equal_their_definitions(case, bins):
    probability, outcome = case
    reliability = Reliability(bins)
    reliability.update(probability, outcome)
    found = (reliability.ece, reliability.brier, reliability.nll)
    assert found == pytest.approx(slow_figures(probability, outcome, bins), abs=1e-9)


@given(case=cases, cut=st.integers(0, 40))
def test_pieces_add_up(case, cut):
    probability, outcome = case
    whole, parts = Reliability(), Reliability()
    whole.update(probability, outcome)
    parts.update(probability[:cut], outcome[:cut])
    parts.update(probability[cut:], outcome[cut:])
    assert np.array_equal(whole.pixels, parts.pixels)
    assert np.array_equal(whole.true_px, parts.true_px)
    assert (whole.ece, whole.brier, whole.nll) == pytest.approx((parts.ece, parts.brier, parts.nll))


def test_a_known_curve():
    reliability = Reliability(2)
    reliability.update(np.array([0.2, 0.4, 0.9, 1.0]), np.array([False, True, True, True]))
    low, high = reliability.bins
    assert (low.low, low.high, high.high) == (0.0, 0.5, 1.0)
    assert (low.pixels, high.pixels) == (2, 2)
    assert low.mean_probability == pytest.approx(0.3)
    assert (low.frequency, high.frequency) == (0.5, 1.0)
    assert reliability.ece == pytest.approx((0.2 * 2 + 0.05 * 2) / 4)


def test_true_probabilities_are_calibrated():
    rng = np.random.default_rng(0)
    probability = rng.random(200_000)
    reliability = Reliability()
    reliability.update(probability, rng.random(200_000) < probability)
    assert reliability.ece < 0.01


def test_nothing_gives_no_figures():
    reliability = Reliability(3)
    reliability.update(np.zeros(0), np.zeros(0, bool))
    assert (reliability.ece, reliability.brier, reliability.nll) == (None, None, None)
    assert all(b.frequency is None and b.mean_probability is None for b in reliability.bins)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(value):
    with pytest.raises(ValueError, match="within 0 to 1"):
        Reliability().update(np.array([value]), np.array([True]))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="at least one bin"):
        Reliability(0)
    with pytest.raises(ValueError, match="outcomes"):
        Reliability().update(np.zeros(2), np.zeros(3, bool))
    with pytest.raises(ValueError, match="truth"):
        fit_temperature(np.zeros((3, 2)), np.zeros(2, int))


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(true_temperature):
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, (20_000, 3))
    chance = special.softmax(logits / true_temperature, axis=1)
    truth = (rng.random((20_000, 1)) > chance.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    assert fit_temperature(logits, truth) == pytest.approx(true_temperature, rel=0.05)


def test_the_temperature_beats_its_neighbours():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, (500, 2))
    truth = (logits[:, 1] - logits[:, 0] + rng.normal(0, 3, 500) > 0).astype(int)

    def loss(temperature):
        return -special.log_softmax(logits / temperature, axis=1)[np.arange(500), truth].mean()

    best = fit_temperature(logits, truth)
    assert loss(best) <= min(loss(best * 1.02), loss(best / 1.02)) + 1e-9


def test_no_pixels_leave_the_temperature_at_one():
    assert fit_temperature(np.zeros((0, 2)), np.zeros(0, int)) == 1.0
