"""Heat maps: scaling, the mask, colours."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geocity.core.cities.heat import HEAT_RAMP, SIGNED_RAMP, balanced, colored, salient, scaled

maps = arrays(np.float32, (2, 3, 4), elements=st.floats(-1000, 1000, width=32))


@given(maps)
def test_each_map_is_scaled_by_itself(values):
    result = scaled(values)
    for one, shown in zip(values, result, strict=True):
        low, high = float(one.min()), float(one.max())
        for place in np.ndindex(one.shape):
            expected = (float(one[place]) - low) / (high - low) if high > low else 0.0
            assert abs(shown[place] - expected) < 1e-12


@given(maps)
def test_balanced_maps_keep_their_sign(values):
    result = balanced(values)
    assert (np.sign(result) == np.sign(values)).all()
    assert np.abs(result).max() <= 1
    for one, shown in zip(values, result, strict=True):
        assert np.abs(shown).max() == (1 if one.any() else 0)


@given(maps)
def test_salient_is_above_mean_plus_one_deviation(values):
    mask = salient(values)
    for one, found in zip(values.astype(np.float64), mask, strict=True):
        numbers = one.ravel().tolist()
        mean = sum(numbers) / len(numbers)
        deviation = (sum((n - mean) ** 2 for n in numbers) / len(numbers)) ** 0.5
        sure = np.abs(one - mean - deviation) > 1e-6 * (1 + abs(mean) + deviation)
        assert (found == (one > mean + deviation))[sure].all()


def test_flat_maps_are_nowhere_salient():
    flat = np.full((1, 4, 4), 3.0)
    assert not scaled(flat).any()
    assert not salient(flat).any()


def test_pixels_without_a_value_are_left_out():
    gaps = np.array([[[np.nan, 2.0], [4.0, -6.0]], [[np.nan, np.nan], [np.nan, np.nan]]])
    assert scaled(gaps).tolist() == [[[0, 0.8], [1, 0]], [[0, 0], [0, 0]]]
    np.testing.assert_allclose(balanced(gaps)[0], [[0, 1 / 3], [2 / 3, -1]])
    assert not balanced(gaps)[1].any()
    alone = np.array([[[2.0, 4.0, -6.0]]])
    assert salient(gaps)[0].ravel()[1:].tolist() == salient(alone).ravel().tolist()


def test_one_odd_pixel_does_not_make_the_rest_pale():
    values = np.linspace(-1, 1, 1000).reshape(1, 20, 50)
    values[0, 3, 3] = 1e6
    assert np.abs(balanced(values, 99)).mean() > 0.4
    assert np.abs(balanced(values)).mean() < 0.01
    lonely = np.zeros((1, 20, 50))
    lonely[0, 3, 3] = 5
    assert balanced(lonely, 99)[0, 3, 3] == 1


def test_colours_run_along_the_ramp():
    assert colored(np.array([-2.0, -1.0, 0.0, 1.0]), SIGNED_RAMP).tolist() == [
        [5, 48, 97],
        [5, 48, 97],
        [247, 247, 247],
        [103, 0, 31],
    ]
    assert colored(np.array([[0.125]]), HEAT_RAMP).tolist() == [[[69.5, 5.5, 151.5]]]
