import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.learning_rate import (
    longest_falling_end,
    range_test_rate,
    smooth_losses,
    suggest_rate,
)


def slow_twin(losses):
    """The quadratic table, straight from the definition."""
    lengths = [1] * len(losses)
    for i in range(len(losses)):
        for j in range(i):
            if losses[j] > losses[i]:
                lengths[i] = max(lengths[i], lengths[j] + 1)
    longest = max(lengths)
    return lengths.index(longest), longest


def parity_curve():
    rates = [1e-6 * 1e6 ** (i / 150) for i in range(150)]
    losses = []
    for rate in rates:
        x = math.log10(rate)
        loss = 0.9 - 0.5 / (1 + math.exp(-2.2 * (x + 3.5)))
        losses.append(loss + (2 * (x + 1.2) ** 2 if x > -1.2 else 0))
    return rates, losses


def test_parity_vector():
    found = suggest_rate(*parity_curve())
    assert (found.index, found.start, found.end) == (61, 4, 120)
    assert found.rate == pytest.approx(2.754e-4, rel=1e-3)


@given(st.lists(st.integers(0, 8).map(float), min_size=1, max_size=40))
def test_falling_stretch_equals_its_slow_twin(losses):
    assert longest_falling_end(losses) == slow_twin(losses)


@given(st.lists(st.floats(0.1, 5), min_size=11, max_size=60))
def test_the_suggestion_is_one_of_the_points(losses):
    rates = [range_test_rate(i, len(losses)) for i in range(len(losses))]
    found = suggest_rate(rates, losses)
    assert 0 <= found.start < len(losses)
    assert found.rate == rates[found.index]


def test_smoothing_equals_its_definition():
    losses = [3.0, 1.0, 2.0, 5.0]
    average, expected = 0.0, []
    for n, loss in enumerate(losses, start=1):
        average = 0.98 * average + 0.02 * loss
        expected.append(average / (1 - 0.98**n))
    assert smooth_losses(losses) == pytest.approx(expected)


def test_rates_rise_from_a_millionth():
    assert range_test_rate(0, 150) == pytest.approx(1e-6)
    assert range_test_rate(149, 150) == pytest.approx(10 ** (-6 * 1 / 150))


def test_too_few_points():
    with pytest.raises(ValueError, match="no losses"):
        suggest_rate([1.0] * 10, [1.0] * 10)
    with pytest.raises(ValueError, match="rates and"):
        suggest_rate([1.0], [])
