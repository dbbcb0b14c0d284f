import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.rings import Rings, cycles, pack, ragged_index, unpack, untouching


def rings_of(*outlines):
    corners = [pack(np.array([r for r, _ in o]), np.array([c for _, c in o])) for o in outlines]
    return Rings(np.concatenate(corners), np.cumsum([0] + [len(o) for o in outlines]))


@given(st.permutations(range(12)))
def test_cycles_walk_a_permutation(following):
    walk, offsets = cycles(np.array(following))
    seen = []
    for start, end in itertools.pairwise(offsets):
        cycle = walk[start:end].tolist()
        assert cycle[0] == min(cycle)
        assert [following[node] for node in cycle] == cycle[1:] + cycle[:1]
        seen.append(cycle[0])
    assert seen == sorted(seen)
    assert sorted(walk.tolist()) == list(range(12))


def test_no_cycles():
    walk, offsets = cycles(np.empty(0, np.int64))
    assert (len(walk), offsets.tolist()) == (0, [0])


def test_areas_tell_outer_rings_from_holes():
    square = [(0, 0), (2, 0), (2, 3), (0, 3)]
    assert rings_of(square, square[::-1]).signed_areas().tolist() == [6, -6]


def test_rings_start_at_their_topmost_leftmost_corner():
    rings = rings_of([(2, 3), (0, 3), (0, 0), (2, 0)], [(5, 5), (6, 5), (6, 6), (5, 6)])
    rows, cols = unpack(rings.starting_first().corners)
    assert rows.tolist() == [0, 2, 2, 0, 5, 6, 6, 5]
    assert cols.tolist() == [0, 0, 3, 3, 5, 5, 6, 6]


def test_a_ring_that_touches_itself_falls_apart():
    # An eight of two squares that share the corner (1, 1).
    eight = [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2), (1, 2), (1, 1), (0, 1)]
    parts, source = untouching(rings_of([(7, 7), (8, 7), (8, 8), (7, 8)], eight))
    assert source.tolist() == [0, 1, 1]
    assert parts.sizes.tolist() == [4, 4, 4]
    assert parts.signed_areas().tolist() == [1, 1, 1]


@pytest.mark.parametrize("which", [np.array([1, 0]), np.array([False, True])])
def test_take(which):
    rings = rings_of([(0, 0), (1, 0), (1, 1)], [(4, 4), (5, 4), (5, 5), (4, 5)])
    assert rings.take(which).sizes[0] == 4


def test_nothing_joined_to_nothing():
    assert len(Rings.none().joined(Rings.none())) == 0
    assert len(Rings.none().starting_first()) == 0
    assert ragged_index(np.empty(0, np.int64), np.empty(0, np.int64)).tolist() == []
