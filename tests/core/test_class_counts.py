import numpy as np
import pytest

from geocity.core.class_counts import class_counts


@pytest.mark.parametrize("highest", [1, 4, 16, 17, 256])
def test_every_pixel_counts_once(highest):
    values = np.random.default_rng(0).integers(0, highest, (30, 40)).astype(np.uint8)
    values[:5] = 255
    for raster in (values, values[:0], values[::2, ::3]):
        expected = np.bincount(raster.ravel(), minlength=256)
        np.testing.assert_array_equal(class_counts(raster), expected)
