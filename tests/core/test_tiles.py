"""Tiles cover a scene once, on whole pixels, with no row too many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core.tiles import plan_tiles

shapes = st.tuples(st.integers(1, 80), st.integers(1, 80))


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int]:
    """A tile and a padding that leaves a centre."""
    tile = draw(st.integers(1, 40))
    return tile, draw(st.integers(0, (tile - 1) // 2))


@settings(deadline=None)
@given(shape=shapes, size=sizes())
def test_keep_windows_cover_every_pixel_exactly_once(shape, size):
    cover = np.zeros(shape, int)
    for tile in plan_tiles(shape, *size):
        assert min(tile.keep.shape) >= 1
        cover[tile.keep.slices] += 1
    assert (cover == 1).all()


@settings(deadline=None)
@given(shape=shapes, size=sizes())
def test_keep_is_the_centre_of_read(shape, size):
    side, padding = size
    for read, keep in plan_tiles(shape, *size):
        assert read.shape == (side, side)
        assert (keep.row - read.row, keep.col - read.col) == (padding, padding)
        assert max(keep.shape) <= side - 2 * padding


@settings(deadline=None)
@given(shape=shapes, size=sizes())
def test_no_row_or_column_too_many(shape, size):
    side, padding = size
    plan = plan_tiles(shape, *size)
    stride = side - 2 * padding
    assert plan.counts == (len(range(0, shape[0], stride)), len(range(0, shape[1], stride)))
    assert len(plan) == len(list(plan))


@settings(deadline=None)
@given(shape=shapes, size=sizes(), data=st.data())
def test_a_plan_is_a_sequence(shape, size, data):
    plan = plan_tiles(shape, *size)
    tiles = list(plan)
    index = data.draw(st.integers(-len(plan), len(plan) - 1))
    assert plan[index] == tiles[index]
    assert plan[1:] == tiles[1:]
    with pytest.raises(IndexError):
        plan[len(plan)]


def test_the_seed_tiles_of_arcgis():
    plan = plan_tiles((1000, 800), tile=400, padding=100)
    assert plan.stride == 200
    assert plan.counts == (5, 4)
    assert plan[0].read == (-100, -100, 400, 400)
    assert plan[0].keep == (0, 0, 200, 200)


def test_a_scene_smaller_than_a_tile_is_one_tile():
    (tile,) = plan_tiles((3, 5), tile=1024, padding=64)
    assert tile.read == (-64, -64, 1024, 1024)
    assert tile.keep == (0, 0, 3, 5)


def test_a_huge_plan_costs_nothing():
    plan = plan_tiles((4_000_000, 4_000_000), 1024, 64)
    assert len(plan) == 4465**2
    assert plan[-1].keep.row_end == 4_000_000


@pytest.mark.parametrize(
    ("shape", "tile", "padding", "words"),
    [((0, 5), 8, 0, "no tiles"), ((5, 5), 8, 4, "half the tile"), ((5, 5), 8, -1, "0 or more")],
)
def test_impossible_plans_are_refused(shape, tile, padding, words):
    with pytest.raises(ValueError, match=words):
        plan_tiles(shape, tile, padding)
