"""Blending against a twin that holds everything, and the promises that the module makes."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from geocity.core.blending import Blender, fade_in, fade_reach
from geocity.core.grid import Window
from geocity.core.padding import pad_reflect
from geocity.core.tiles import Tile, TilePlan, plan_tiles

shapes = st.tuples(st.integers(1, 24), st.integers(1, 24))


@st.composite
def plans(draw: st.DrawFn) -> TilePlan:
    tile = draw(st.integers(2, 24))
    return plan_tiles(draw(shapes), tile, draw(st.integers(0, (tile - 1) // 2)))


@st.composite
def regions(draw: st.DrawFn, shape: tuple[int, int]) -> Window:
    row, col = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
    rows, cols = draw(st.integers(1, shape[0] - row)), draw(st.integers(1, shape[1] - col))
    return Window(row, col, rows, cols)


def cut(scores: np.ndarray, tile: Tile, window: Window) -> np.ndarray:
    """What a tile says of a window."""
    return scores[(slice(None), *window.shift(-tile.read.row, -tile.read.col).slices)]


def run(plan, model, channels, region=None, blend=True) -> np.ndarray:
    """Feed every tile and put the blocks together, each pixel exactly once."""
    blender = Blender(plan, channels, region=region, blend=blend)
    out = np.full((channels, *plan.shape), np.nan, np.float32)
    for tile in blender.tiles():
        block = blender.add(cut(model(tile), tile, blender.support(tile)))
        if block is not None:
            window, scores = block
            target = out[(slice(None), *window.slices)]
            assert np.isnan(target).all(), "a pixel came twice"
            target[:] = scores
    rows, cols = (region or Window(0, 0, *plan.shape)).slices
    inside = out[:, rows, cols]
    assert not np.isnan(inside).any(), "a pixel never came"
    assert np.isnan(out).sum() == out.size - inside.size, "a pixel nobody asked for"
    return inside


def weight(position: int, place: int, plan: TilePlan, axis: int) -> np.float32:
    """Slow twin: what a tile counts at one position of an axis."""
    reach = fade_reach(plan)
    start, end, length = place * plan.stride, (place + 1) * plan.stride, plan.shape[axis]
    ramp = fade_in(2 * reach)
    if not start - reach <= position < end + reach:
        return np.float32(0)
    if place > 0 and position < start + reach:
        return ramp[position - (start - reach)]
    if end < length and position >= end - reach:
        return np.float32(1) - ramp[position - (end - reach)]
    return np.float32(1)


def twin(plan, model, channels) -> np.ndarray:
    """Slow twin: sum all tiles, pixel by pixel, in the order of the plan."""
    out = np.zeros((channels, *plan.shape), np.float32)
    for tile in plan:
        scores = model(tile)
        place = tile.keep.row // plan.stride, tile.keep.col // plan.stride
        by_rows = [weight(row, place[0], plan, 0) for row in range(plan.shape[0])]
        by_cols = [weight(col, place[1], plan, 1) for col in range(plan.shape[1])]
        for row, by_row in enumerate(by_rows):
            for col, by_col in enumerate(by_cols):
                if by_row and by_col:
                    seen = scores[:, row - tile.read.row, col - tile.read.col]
                    out[:, row, col] += seen * by_row * by_col
    return out


def noise(channels: int, side: int):
    """A model whose answer depends on the tile and the place in it."""
    return lambda tile: np.random.default_rng([tile.read.row + 1000, tile.read.col + 1000]).random(
        (channels, side, side), dtype=np.float32
    )


@settings(deadline=None, max_examples=25)
@given(plan=plans(), channels=st.integers(1, 2))
def test_equals_the_slow_twin_bit_for_bit(plan, channels):
    assume(len(plan) < 60)
    model = noise(channels, plan.tile)
    np.testing.assert_array_equal(run(plan, model, channels), twin(plan, model, channels))


@settings(deadline=None, max_examples=50)
@given(plan=plans(), data=st.data(), blend=st.booleans())
def test_a_region_is_a_cut_of_the_whole(plan, data, blend):
    model = noise(1, plan.tile)
    region = data.draw(regions(plan.shape))
    whole = run(plan, model, 1, blend=blend)
    part = run(plan, model, 1, region=region, blend=blend)
    np.testing.assert_array_equal(part, whole[(slice(None), *region.slices)])


@settings(deadline=None, max_examples=50)
@given(plan=plans(), seed=st.integers(0, 9), blend=st.booleans())
def test_a_model_that_returns_its_input_gives_the_scene_back(plan, seed, blend):
    scene = np.random.default_rng(seed).integers(0, 256, (2, *plan.shape)).astype(np.float32)

    def identity(tile):
        inside = tile.read.intersect(Window(0, 0, *plan.shape))
        return pad_reflect(scene[(slice(None), *inside.slices)], inside, tile.read).copy()

    np.testing.assert_array_equal(run(plan, identity, 2, blend=blend), scene)


@settings(deadline=None, max_examples=50)
@given(plan=plans(), value=st.floats(0, 1, width=32))
def test_a_constant_model_gives_a_constant_to_the_last_border_pixel(plan, value):
    result = run(plan, lambda _: np.full((1, plan.tile, plan.tile), value, np.float32), 1)
    np.testing.assert_allclose(result, value, rtol=3e-7)
    if value in (0, 0.5, 1):
        assert (result == value).all()


@settings(deadline=None, max_examples=50)
@given(plan=plans())
def test_without_blending_each_pixel_is_the_centre_of_one_tile(plan):
    model = noise(1, plan.tile)
    expected = np.zeros((1, *plan.shape), np.float32)
    for tile in plan:
        expected[(slice(None), *tile.keep.slices)] = cut(model(tile), tile, tile.keep)
    np.testing.assert_array_equal(run(plan, model, 1, blend=False), expected)


@settings(deadline=None)
@given(plan=plans(), data=st.data(), blend=st.booleans())
def test_support_is_all_that_a_tile_has_a_say_in(plan, data, blend):
    blender = Blender(plan, 1, blend=blend)
    tiles = list(blender.tiles())
    chosen = data.draw(st.sampled_from(tiles))
    silent = run(plan, lambda _: np.zeros((1, plan.tile, plan.tile), np.float32), 1, blend=blend)
    spoken = run(
        plan,
        lambda tile: np.full((1, plan.tile, plan.tile), tile == chosen, np.float32),
        1,
        blend=blend,
    )
    rows, cols = np.nonzero((spoken != silent)[0])
    support = blender.support(chosen)
    assert (rows.min(), rows.max() + 1) == (support.row, support.row_end)
    assert (cols.min(), cols.max() + 1) == (support.col, support.col_end)


def test_a_tile_left_out_counts_as_zeros():
    blender = Blender(plan_tiles((12, 12), 12, 2), 1)
    blocks = []
    for index, tile in enumerate(blender.tiles()):
        ones = np.ones((1, *blender.support(tile).shape), np.float32)
        blocks.append(blender.add(ones if index else None))
    assert blocks[0][1].max() == 0
    assert blocks[-1][1][0, 0, 0] == 1 - (1 - fade_in(4)[0]) ** 2
    assert blocks[-1][1][0, -1, -1] == 1


@given(length=st.integers(0, 300))
def test_ramps_rise_and_their_mirror_completes_them(length):
    ramp = fade_in(length)
    assert ramp.dtype == np.float32
    assert ((ramp > 0) & (ramp < 1)).all()
    assert (np.diff(ramp) >= 0).all()
    np.testing.assert_array_equal(ramp + (1 - ramp), np.ones(length, np.float32))
    np.testing.assert_array_equal(ramp[::-1], 1 - ramp)
    np.testing.assert_array_equal(ramp * 256, np.rint(ramp * 256))


def test_waiting_costs_strips_not_rows_of_tiles():
    plan = plan_tiles((20_000, 20_000), 1024, 64)
    blender = Blender(plan, 1)
    held = sum(a.nbytes for a in vars(blender).values() if isinstance(a, np.ndarray))
    assert held < 2.1 * 20_000 * 128 * 4
    assert fade_reach(plan) == 64


def test_misuse_is_refused():
    blender = Blender(plan_tiles((4, 4), 8, 1), 1)
    with pytest.raises(ValueError, match="do not fit"):
        blender.add(np.zeros((1, 8, 8), np.float32))
    blender.add(np.zeros((1, 4, 4), np.float32))
    with pytest.raises(ValueError, match="already"):
        blender.add(None)
