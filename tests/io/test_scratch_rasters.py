"""Scratch rasters give back what was written and leave nothing behind."""

import numpy as np
import pytest

from geocity.core.grid import Window, blocks
from geocity.io.scratch_rasters import ScratchRaster


@pytest.mark.parametrize("shape", [(1, 1), (512, 512), (513, 1100), (700, 30)])
def test_what_was_written_is_read(tmp_path, shape):
    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with ScratchRaster(tmp_path, shape) as scratch:
        for window in blocks(shape, (512, 512)):
            scratch.write(values[window.slices], window)
        np.testing.assert_array_equal(scratch.read(Window(0, 0, *shape)), values)
        for window in blocks(shape, (100, 333)):
            np.testing.assert_array_equal(scratch.read(window), values[window.slices])


def test_windows_of_any_place_keep_what_lies_around_them(tmp_path):
    values = np.random.default_rng(1).integers(0, 256, (900, 600), dtype=np.uint8)
    with ScratchRaster(tmp_path, values.shape) as scratch:
        for window in blocks(values.shape, (170, 250)):
            scratch.write(values[window.slices], window)
        np.testing.assert_array_equal(scratch.read(Window(0, 0, *values.shape)), values)


def test_nothing_is_left_behind(tmp_path):
    with ScratchRaster(tmp_path, (600, 600)) as scratch:
        scratch.write(np.zeros((600, 600), np.uint8), Window(0, 0, 600, 600))
    assert list(tmp_path.iterdir()) == []


def test_refuses_values_that_do_not_fit_the_window(tmp_path):
    with (
        ScratchRaster(tmp_path, (4, 4)) as scratch,
        pytest.raises(ValueError, match="for a uint8 window"),
    ):
        scratch.write(np.zeros((4, 3), np.uint8), Window(0, 0, 4, 4))
