"""Ground that is shared joins units; edges that touch do not."""

import itertools

import numpy as np
import pandas as pd
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.cities.ground_units import (
    ground_units,
    overlapping_pairs,
    place_names,
    place_numbers,
)


def test_touching_is_not_overlapping():
    boxes = [shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10), shapely.box(9, 0, 19, 10), None]
    assert overlapping_pairs(boxes).tolist() == [[0, 2], [1, 2]]
    assert overlapping_pairs([]).shape == (0, 2)


def test_units():
    sites = ["a/1", "a/2", "a/1", "a/3", "a/4"]
    assert ground_units(sites, np.empty((0, 2), np.int64)) == sites
    # The second picture of site 1 overlaps site 3, which overlaps site 4.
    pairs = np.array([[2, 3], [3, 4]])
    assert ground_units(sites, pairs) == ["a/1", "a/2", "a/1", "a/1", "a/1"]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.data())
def test_units_against_a_flood(numbers, data):
    sites = [f"a/{n}" for n in numbers]
    every = list(itertools.combinations(range(len(sites)), 2))
    pairs = data.draw(st.lists(st.sampled_from(every), max_size=5)) if every else []
    units = ground_units(sites, np.array(pairs, np.int64).reshape(-1, 2))
    label = list(range(len(sites)))
    for _ in sites:
        for i, j in every:
            if sites[i] == sites[j] or (i, j) in pairs:
                label[i] = label[j] = min(label[i], label[j])
    for i, j in every:
        assert (units[i] == units[j]) == (label[i] == label[j])


def test_places_go_by_unit_and_else_by_site():
    images = pd.DataFrame(
        {
            "city": [0, 0, 0, 1, 1],
            "unit": ["a", "", "a", "a", ""],
            "site": ["1", "a", "2", "1", "1"],
        }
    )
    assert place_names(images).tolist() == ["a", "a", "a", "a", "1"]
    # A place of one name in another city is another place.
    assert place_numbers(images).tolist() == [0, 0, 0, 2, 1]
