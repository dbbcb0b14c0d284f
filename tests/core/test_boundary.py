"""Boundary F1, against measuring the distance of every pair of border pixels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geocity.core.boundary import BoundaryCounts, border, boundary_counts, halo, near
from geocity.core.classes import NODATA
from geocity.core.grid import Window, blocks

maps = hnp.arrays(np.uint8, (8, 9), elements=st.sampled_from([0, 1, 1, NODATA]))
tolerances = st.sampled_from([0, 1, 1.5, 2, 3, 5])


def slow_border(values, other, value):
    """List the border pixels from the definition."""
    rows, cols = values.shape
    known = (values != NODATA) & (other != NODATA)
    found = []
    for row in range(rows):
        for col in range(cols):
            if not known[row, col] or values[row, col] != value:
                continue
            for r, c in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
                if 0 <= r < rows and 0 <= c < cols and known[r, c] and values[r, c] != value:
                    found.append((row, col))
                    break
    return found


def slow_counts(truth, predicted, value, tolerance):
    true_border = slow_border(truth, predicted, value)
    predicted_border = slow_border(predicted, truth, value)

    def met(pixels, others):
        return sum(
            any(math.dist(pixel, other) <= tolerance + 1e-9 for other in others) for pixel in pixels
        )

    return BoundaryCounts(
        len(true_border),
        met(true_border, predicted_border),
        len(predicted_border),
        met(predicted_border, true_border),
    )


@given(truth=maps, predicted=maps, tolerance=tolerances)
def test_counts_equal_the_definition(truth, predicted, tolerance):
    fast = boundary_counts(truth, predicted, 1, tolerance)
    assert fast == slow_counts(truth, predicted, 1, tolerance)


@given(truth=maps, predicted=maps, tolerance=tolerances, size=st.integers(1, 5))
def test_blocks_with_a_halo_add_up_to_the_whole(truth, predicted, tolerance, size):
    total = BoundaryCounts()
    whole = Window(0, 0, *truth.shape)
    for core in blocks(truth.shape, size):
        read = core.pad(halo(tolerance)).intersect(whole)
        total += boundary_counts(
            truth[read.slices],
            predicted[read.slices],
            1,
            tolerance,
            core.shift(-read.row, -read.col),
        )
    assert total == boundary_counts(truth, predicted, 1, tolerance)


def test_a_square_shifted_by_two_pixels_is_met_at_two_and_not_at_one():
    truth, predicted = np.zeros((2, 30, 30), np.uint8)
    truth[5:20, 5:20] = 1
    predicted[7:22, 5:20] = 1
    assert boundary_counts(truth, predicted, 1, 2).f1 == 1.0
    assert boundary_counts(truth, predicted, 1, 1).f1 < 0.8
    assert boundary_counts(truth, truth, 1, 0).f1 == 1.0


def test_the_edge_of_the_picture_and_of_knowledge_are_no_border():
    full = np.ones((6, 6), np.uint8)
    assert boundary_counts(full, full, 1, 2).f1 is None
    half = full.copy()
    half[:, 3:] = NODATA
    assert not border(half == 1, half != NODATA).any()


def test_a_border_in_one_map_alone_scores_zero():
    empty, spot = np.zeros((2, 9, 9), np.uint8)
    spot[4, 4] = 1
    missed, invented = boundary_counts(spot, empty, 1, 3), boundary_counts(empty, spot, 1, 3)
    assert (missed.f1, missed.recall, missed.precision) == (0.0, 0.0, None)
    assert (invented.f1, invented.recall, invented.precision) == (0.0, None, 0.0)
    far = np.zeros((9, 9), np.uint8)
    far[0, 0] = 1
    assert boundary_counts(spot, far, 1, 1).f1 == 0.0


def test_the_tolerance_is_a_distance_between_centres():
    marked = np.zeros((9, 9), bool)
    marked[0, 0] = True
    assert near(marked, 5)[3, 4]
    assert not near(marked, 4.99)[3, 4]
    assert not near(np.zeros((3, 3), bool), 100).any()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="and the prediction is"):
        boundary_counts(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), 1, 1)
    with pytest.raises(ValueError, match="0 pixels or more"):
        boundary_counts(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), 1, -1)
