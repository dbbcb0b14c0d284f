"""The raster function that travels in packages mirrors as geocity does, about straight edges."""

import numpy as np
import pytest

from geocity.core.padding import reflected_positions
from geocity.io.esri_raster_function import GeocityClassifier, _mirrored


@pytest.mark.parametrize(("before", "inside"), [(0, 20), (8, 24), (8, 10), (0, 32), (5, 1)])
def test_beyond_a_raster_it_is_mirrored_as_elsewhere(before, inside):
    valid = np.zeros((32, 40), bool)
    valid[before : before + inside, 10:] = True
    expected = before + reflected_positions(-before, 32, inside)
    np.testing.assert_array_equal(_mirrored(valid, 32), expected)


def test_a_tile_that_ends_early_is_filled_up():
    valid = np.ones((20, 32), bool)
    np.testing.assert_array_equal(_mirrored(valid, 32), reflected_positions(0, 32, 20))


def test_a_slanting_edge_stays_as_it_is():
    rows, cols = np.mgrid[:32, :32]
    valid = rows + cols < 24
    np.testing.assert_array_equal(_mirrored(valid, 32), np.arange(32))


def test_nothing_happens_before_there_is_a_model():
    function = GeocityClassifier()
    function.initialize()
    assert [p["name"] for p in function.getParameterInfo()][:2] == ["raster", "model"]
