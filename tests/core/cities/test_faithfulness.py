"""Faithfulness measures against their definitions, written out."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geocity.core.cities.faithfulness import (
    average_drop,
    curve_area,
    curve_shares,
    first_pixels,
    keep_top,
    rank_agreement,
    ranks,
)

chances = st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 1)), min_size=1, max_size=20)


@given(chances)
def test_average_drop_is_its_definition(pairs):
    found = average_drop(*zip(*pairs, strict=True))
    drops = [max(0.0, y - o) / y for y, o in pairs]
    fell = [drop for (y, o), drop in zip(pairs, drops, strict=True) if o < y]
    assert found.per_image == pytest.approx(100 * sum(drops) / len(pairs))
    assert found.per_dropped == pytest.approx(100 * sum(fell) / len(fell) if fell else 0)
    assert found.increase == pytest.approx(100 * (1 - len(fell) / len(pairs)))
    assert (found.images, found.dropped) == (len(pairs), len(fell))


def test_the_two_divisors_differ():
    found = average_drop([0.8, 0.5, 0.5, 0.4], [0.4, 0.6, 0.5, 0.1])
    assert found.per_image == pytest.approx(100 * (0.5 + 0.75) / 4)
    assert found.per_dropped == pytest.approx(100 * (0.5 + 0.75) / 2)
    assert found.increase == 50


@pytest.mark.parametrize("pair", [([], []), ([0.5], [0.5, 0.4])])
def test_probabilities_must_pair_up(pair):
    with pytest.raises(ValueError, match="cannot compare"):
        average_drop(*pair)


def test_the_top_half_of_a_map_is_kept_as_it_is():
    kept = keep_top(np.array([[[0.0, 1.0], [2.0, 4.0]]]))
    np.testing.assert_allclose(kept, [[[0, 0], [0.5, 1]]])


@given(st.permutations(range(-12, 18)))
def test_half_of_the_pixels_is_kept(order):
    values = np.array(order, np.float32).reshape(1, 5, 6)
    kept = keep_top(values)[0]
    middle = np.median(values)
    assert ((kept > 0) == (values[0] > middle)).all()


@given(arrays(np.int8, (4, 5)))
def test_ranks_order_pixels_by_importance(values):
    places = ranks(values.astype(float))
    assert sorted(places.ravel().tolist()) == list(range(20))
    listed = sorted(np.ndindex(values.shape), key=lambda place: (-int(values[place]), place))
    assert [int(places[place]) for place in listed] == list(range(20))


def test_the_first_pixels_grow_until_all():
    places = ranks(np.arange(10.0).reshape(2, 5))
    counts = [int(first_pixels(places, share).sum()) for share in curve_shares(5)]
    assert counts == [0, 2, 4, 6, 8, 10]
    assert first_pixels(places, 0.1).tolist() == [[False] * 5, [False] * 4 + [True]]


def test_a_curve_has_an_area():
    assert curve_area([1, 1, 1]) == 1
    assert curve_area([1, 0]) == 0.5
    assert curve_area([0, 1, 0]) == 0.5
    with pytest.raises(ValueError, match="at least one step"):
        curve_shares(0)


def test_rank_agreement_is_spearmans():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 3, 6, 7)).round(1)
    second[1] = first[1] ** 3
    second[2] = 1
    found = rank_agreement(first, second)
    expected = scipy.stats.spearmanr(first[0].ravel(), second[0].ravel()).statistic
    assert found[0] == pytest.approx(expected)
    assert found[1] == pytest.approx(1)
    assert math.isnan(found[2])
