"""Known shifts are found to a fraction of a pixel."""

import numpy as np
import pytest
from scipy.ndimage import fourier_shift, gaussian_filter

from geocity.core.image_shift import ShiftEstimator, shift_between


def picture(seed=0, side=512, blur=3.0):
    rng = np.random.default_rng(seed)
    return gaussian_filter(rng.normal(size=(side, side)), blur, mode="wrap")


def moved(image, shift):
    return np.fft.ifft2(fourier_shift(np.fft.fft2(image), shift)).real


def reader(image):
    return lambda window: image[window.slices]


SHIFTS = [(0.0, 0.0), (0.4, -0.6), (3.25, 5.5), (-12.3, 0.1)]


@pytest.mark.parametrize("shift", SHIFTS)
def test_imagery_with_changed_light_noise_and_a_new_quarter(shift):
    first = picture()
    second = moved(first, shift) * 1.7 + 3
    second += np.random.default_rng(1).normal(0, 0.1 * second.std(), second.shape)
    second[:200, :200] = picture(7, 200)
    found = shift_between(reader(first), reader(second), first.shape)
    assert (found.rows, found.cols) == pytest.approx(shift, abs=0.2)
    assert found.score > 0.2


@pytest.mark.parametrize("shift", SHIFTS)
def test_class_maps(shift):
    base = picture(3, 512, 10.0)
    first, second = base > 0.01, moved(base, shift) > 0.01
    found = shift_between(reader(first * 1.0), reader(second * 1.0), base.shape)
    assert (found.rows, found.cols) == pytest.approx(shift, abs=0.2)


def test_images_with_nothing_in_common_score_near_zero():
    found = shift_between(reader(picture(0)), reader(picture(1)), (512, 512))
    assert found.score < 0.1


def test_flat_and_unknown_windows_are_passed_over():
    estimator, image = ShiftEstimator(16), picture(0, 16)
    unknown = image.copy()
    unknown[0, 0] = np.nan
    assert not estimator.add(np.ones((16, 16)), image)
    assert not estimator.add(image, unknown)
    assert estimator.estimate() is None
    assert estimator.add(image, image)
    assert estimator.estimate().score == pytest.approx(1, abs=0.01)


def test_smaller_windows_where_no_large_one_is_known():
    first = picture(0, 512)
    second = moved(first, (0.5, 1.5))
    for line in (100, 250, 400):
        second[line] = np.nan
    found = shift_between(reader(first), reader(second), first.shape)
    assert (found.rows, found.cols) == pytest.approx((0.5, 1.5), abs=0.2)


def test_too_small_or_flat_gives_nothing():
    assert shift_between(reader(picture(0, 4)), reader(picture(0, 4)), (4, 4)) is None
    flat = np.zeros((64, 64))
    assert shift_between(reader(flat), reader(flat), flat.shape) is None
    with pytest.raises(ValueError, match="8 pixels"):
        ShiftEstimator(7)
    with pytest.raises(ValueError, match="16 pixels"):
        ShiftEstimator(16).add(np.zeros((8, 8)), np.zeros((8, 8)))
