import math

import numpy as np
import pytest

from geocity.core.cities.colour_histogram import balanced_accuracy, colour_histogram


def slow_twin(pixels, bins):
    counts = np.zeros((len(pixels), bins))
    for band, values in enumerate(pixels):
        for value in values.ravel():
            counts[band, min(int(value * bins / 256), bins - 1)] += 1
    return (counts / pixels[0].size).ravel()


@pytest.mark.parametrize("bins", [4, 16])
def test_it_counts_as_a_plain_loop_does(bins):
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 9, 7))
    pixels[0, 0, :2] = 0, 255
    assert np.allclose(colour_histogram(pixels, bins), slow_twin(pixels, bins))


def test_form_does_not_matter():
    rng = np.random.default_rng(1)
    pixels = rng.uniform(0, 255, (3, 8, 8))
    shuffled = pixels.reshape(3, -1)[:, rng.permutation(64)].reshape(3, 8, 8)
    assert np.array_equal(colour_histogram(pixels), colour_histogram(shuffled))


def test_every_city_has_the_same_say():
    truth = np.array([0, 0, 0, 0, 1])
    assert balanced_accuracy(truth, np.array([0, 0, 0, 1, 1])) == pytest.approx((0.75 + 1) / 2)
    assert balanced_accuracy(truth, np.zeros(5, int)) == 0.5
    assert math.isnan(balanced_accuracy(truth[:0], truth[:0]))
