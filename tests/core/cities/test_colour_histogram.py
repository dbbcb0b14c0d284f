import numpy as np
import pytest

from geocity.core.cities.colour_histogram import colour_histogram


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
