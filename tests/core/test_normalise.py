from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.normalise import normalise, scale_of


def slow_twin(pixels, n, valid):
    out = np.zeros(pixels.shape, np.float64)
    for band in range(len(pixels)):
        for row in range(pixels.shape[1]):
            for col in range(pixels.shape[2]):
                if valid[row, col] and np.isfinite(pixels[band, row, col]):
                    scaled = float(pixels[band, row, col]) / n.scale
                    out[band, row, col] = (scaled - n.mean[band]) / n.std[band]
    return out


@given(st.integers(0, 2**32 - 1), st.sampled_from(["uint8", "uint16", "int16", "float32"]))
def test_equals_its_slow_twin(seed, dtype):
    rng = np.random.default_rng(seed)
    bands = int(rng.integers(1, 6))
    pixels = rng.integers(0, 255, (bands, 4, 5)).astype(dtype)
    if dtype == "float32":
        pixels[:, 0, 0] = np.nan
    valid = rng.random((4, 5)) < 0.7
    mean, std = tuple(rng.random(bands)), tuple(0.1 + rng.random(bands))
    n = SimpleNamespace(scale=scale_of(dtype, 255), mean=mean, std=std)
    np.testing.assert_allclose(normalise(pixels, n, valid), slow_twin(pixels, n, valid), atol=1e-4)


def test_the_input_is_left_alone():
    pixels = np.full((1, 2, 2), 7.0, np.float32)
    normalise(pixels, SimpleNamespace(scale=1.0, mean=(0.0,), std=(1.0,)), np.zeros((2, 2), bool))
    assert (pixels == 7).all()


def test_wrong_shapes():
    n = SimpleNamespace(scale=1.0, mean=(0.0,), std=(1.0,))
    with pytest.raises(ValueError, match="1 bands"):
        normalise(np.zeros((2, 3, 3)), n)
    with pytest.raises(ValueError, match="valid is"):
        normalise(np.zeros((1, 3, 3)), n, np.ones((2, 2), bool))


def test_scales():
    assert scale_of("uint8", 200) == 255
    assert scale_of("uint16", 200) == 65535
    assert scale_of("float32", 0.7) == 1
    assert scale_of("float32", 3000) == 3000
