import numpy as np
import pytest

from geocity.core.texture import roughness


def slow_twin(brightness, valid, window, cell):
    filled = np.where(valid, brightness, brightness[valid].mean())
    half = window // 2
    padded = np.pad(filled, half, mode="symmetric")
    figures = np.zeros((-(-valid.shape[0] // cell), -(-valid.shape[1] // cell)))
    for row, col in np.argwhere(valid):
        figures[row // cell, col // cell] += padded[row : row + window, col : col + window].std()
    return figures


def test_equals_its_slow_twin():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (3, 20, 24)).astype(np.uint8)
    valid = rng.random((20, 24)) < 0.8
    expected = slow_twin(pixels.astype(float).mean(0), valid, 5, 7)
    np.testing.assert_allclose(roughness(pixels, valid, window=5, cell=7), expected)


def test_rough_ground_is_rougher_than_smooth_and_nothing_is_zero():
    rng = np.random.default_rng(0)
    everywhere = np.ones((32, 32), bool)
    smooth = np.full((1, 32, 32), 200.0)
    assert roughness(smooth, everywhere) == pytest.approx(0)
    assert roughness(smooth + rng.normal(0, 20, smooth.shape), everywhere) > 10 * 32**2
    assert roughness(smooth, ~everywhere) == 0
