import numpy as np
import pytest

from geocity.core.picture import rgb_picture

ALL = np.ones((4, 5), bool)


def test_bytes_are_shown_as_they_are():
    pixels = np.arange(80, dtype=np.uint8).reshape(4, 4, 5)
    assert np.array_equal(rgb_picture(pixels, ALL), np.moveaxis(pixels[:3], 0, -1))


def test_two_bands_show_the_first_in_grey():
    pixels = np.arange(40, dtype=np.uint8).reshape(2, 4, 5)
    picture = rgb_picture(pixels, ALL)
    assert (picture == pixels[0][..., None]).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_other_numbers_are_stretched_over_the_bytes_with_their_balance_kept(dtype):
    pixels = np.linspace(100, 3000, 60).reshape(3, 4, 5).astype(dtype)
    picture = rgb_picture(pixels, ALL)
    assert picture.min() == 0
    assert picture.max() == 255
    assert picture[..., 0].max() < picture[..., 2].min()


def test_missing_pixels_are_white_and_move_no_stretch():
    pixels = np.full((3, 4, 5), 50.0, np.float32)
    pixels[:, 0, 0] = np.nan
    valid = ALL.copy()
    valid[0, 0] = False
    picture = rgb_picture(pixels, valid)
    assert (picture[0, 0] == 255).all()
    assert rgb_picture(pixels, np.zeros_like(valid)).min() == 255


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="mask"):
        rgb_picture(np.zeros((3, 4, 5), np.uint8), np.ones((5, 4), bool))
