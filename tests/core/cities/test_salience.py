"""Shares of relevance: against plain loops, and by hand."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geocity.core.cities import salience
from geocity.core.cities.salience import UNKNOWN, SalienceTally, patch_shares


def slow_shares(relevance, positions, classes):
    """The definition, pixel by pixel."""
    says, covers = [0.0] * classes, [0] * classes
    for place in np.ndindex(positions.shape):
        kind = int(positions[place])
        if kind != UNKNOWN:
            covers[kind] += 1
            if relevance[place] > 0:
                says[kind] += float(relevance[place])
    if sum(says) == 0:
        return None
    known = sum(covers)
    shares = [s / sum(says) for s in says], [c / known for c in covers]
    return *shares, known / positions.size


@given(
    arrays(np.float32, (4, 5), elements=st.floats(-2, 2, width=16)),
    arrays(np.uint8, (4, 5), elements=st.sampled_from([0, 1, 2, UNKNOWN])),
)
def test_shares_are_their_definition(relevance, positions):
    found, expected = patch_shares(relevance, positions, 3), slow_shares(relevance, positions, 3)
    if expected is None:
        assert found is None
        return
    np.testing.assert_allclose(found.relevance, expected[0], rtol=1e-12)
    np.testing.assert_allclose(found.area, expected[1], rtol=1e-12)
    assert found.known == pytest.approx(expected[2])
    assert found.relevance.sum() == pytest.approx(1, abs=1e-12)
    assert found.area.sum() == pytest.approx(1, abs=1e-12)


def test_what_speaks_against_does_not_count():
    relevance = np.array([[3.0, 1.0], [-8.0, 0.0]])
    found = patch_shares(relevance, np.array([[0, 1], [0, 1]], np.uint8), 2)
    assert found.relevance.tolist() == [0.75, 0.25]
    assert found.area.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("positions", "says"),
    [(np.zeros((2, 3), np.uint8), "must agree"), (np.full((2, 2), 7, np.uint8), "position 7")],
)
def test_classes_must_fit_the_map(positions, says):
    with pytest.raises(ValueError, match=says):
        patch_shares(np.ones((2, 2)), positions, 2)


def test_every_patch_of_a_city_has_one_vote():
    tally = SalienceTally(["roof", "road"], seed=0)
    halves = np.array([[0, 1]], np.uint8)
    tally.add("Almaty", "a", "layer2", np.array([[100.0, 0.0]]), halves)
    tally.add("Almaty", "b", "layer2", np.array([[0.1, 0.1]]), halves)
    tally.add("Almaty", "b", "layer2", np.array([[-1.0, 0.0]]), halves)
    roof, road = tally.rows()
    assert (roof.relevance, road.relevance) == (0.75, 0.25)
    assert (roof.area, roof.lift) == (0.5, 1.5)
    assert (roof.patches, roof.places, tally.left_out) == (2, 2, 1)
    assert roof.low == 0.5
    assert roof.high == 1.0


def test_one_place_gives_no_interval_and_an_absent_class_no_lift():
    tally = SalienceTally(["roof", "road"], seed=0)
    for _ in range(3):
        tally.add("Riga", "a", "layer4", np.ones((2, 2)), np.zeros((2, 2), np.uint8))
    roof, road = tally.rows()
    assert (roof.low, roof.high, roof.relevance) == (None, None, 1)
    assert road.lift is None
    assert road.sentence.endswith("cover 0 % of the ground")


def test_the_interval_comes_from_places_not_from_patches():
    """Many patches of two places that agree within themselves: as wide as two places allow."""
    tally = SalienceTally(["roof", "road"], seed=3)
    halves = np.array([[0, 1]], np.uint8)
    for place, roofs in (("a", 0.9), ("b", 0.1)):
        for _ in range(50):
            tally.add("Oslo", place, "layer2", np.array([[roofs, 1 - roofs]]), halves)
    roof = next(tally.rows())
    assert (roof.low, roof.high) == (pytest.approx(0.1), pytest.approx(0.9))


def test_examples():
    assert doctest.testmod(salience).failed == 0
