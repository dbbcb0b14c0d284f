"""The patch graph against flood fill, whatever the blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core.grid import Window, blocks
from geocity.core.patches import PatchGraphBuilder
from tests.core.test_sieve import N, flood, rasters


def graph_of(values, block):
    builder = PatchGraphBuilder(values.shape)
    for window in blocks(values.shape, block):
        builder.add(values[window.slices], window)
    return builder.finish()


@given(values=rasters, block=st.tuples(st.integers(1, 5), st.integers(1, 5)))
@settings(max_examples=60)
def test_the_patch_graph_is_that_of_flood_fill(values, block):
    graph, _ = graph_of(values, block)
    flooded = flood(values)
    assert (graph.classes[0], graph.cells[0]) == (N, 0)
    assert sorted(zip(graph.classes[1:], graph.cells[1:], strict=True)) == sorted(
        (own, len(cells)) for own, cells, _ in flooded
    )
    # Each side between two patches is met twice in the flood, one against the outside once.
    sides = {True: 0, False: 0}
    for _, _, border in flooded:
        for b in border:
            sides[b is None or values[b] == N] += 1
    outer = graph.links.first == 0
    assert graph.links.length[outer].sum() == sides[True]
    assert graph.links.length[~outer].sum() * 2 == sides[False]


@given(values=rasters, block=st.tuples(st.integers(1, 5), st.integers(1, 5)))
@settings(max_examples=60)
def test_painting_with_a_number_for_each_patch_shows_whole_patches(values, block):
    graph, patchwork = graph_of(values, block)
    names = np.arange(len(graph.classes)) % N
    names[0] = N
    painted = np.empty_like(values)
    for window in blocks(values.shape, block):
        painted[window.slices] = patchwork.paint(
            values[window.slices], window, names.astype(np.uint8)
        )
    for _, cells, _ in flood(values):
        assert len({int(painted[cell]) for cell in cells}) == 1
    np.testing.assert_array_equal(painted == N, values == N)


def test_touching_patches_of_one_class_merge():
    graph, _ = graph_of(np.array([[1, 2, 1, 0]], np.uint8), 2)
    after = type(graph)(np.array([N, 1, 1, 1, 0], np.uint8), graph.cells, graph.links)
    merged, names = after.merged()
    assert merged.cells.tolist() == [0, 3, 1]
    assert names.tolist() == [0, 1, 1, 1, 2]


def test_blocks_must_follow_each_other():
    builder = PatchGraphBuilder((4, 4))
    with pytest.raises(ValueError, match="does not follow"):
        builder.add(np.zeros((2, 2), np.uint8), Window(0, 2, 2, 2))


@given(st.integers(0, 999), st.integers(2, 6), st.integers(1, 3))
@settings(max_examples=40)
def test_the_order_of_blocks_makes_no_difference(seed, side, thin):
    """Parts in reading order, each in thinner blocks, as they come from several processes."""
    values = np.random.default_rng(seed).choice(np.array([0, 1, N], np.uint8), (13, 11))
    builder = PatchGraphBuilder(values.shape)
    for part in blocks(values.shape, side):
        for inner in blocks(part.shape, (thin, side)):
            window = inner.shift(part.row, part.col)
            builder.add(values[window.slices], window)
    graph, patchwork = builder.finish()
    expected, _ = graph_of(values, 20)
    pairs = zip(graph.classes.tolist(), graph.cells.tolist(), strict=True)
    assert sorted(pairs) == sorted(
        zip(expected.classes.tolist(), expected.cells.tolist(), strict=True)
    )
    assert sorted(graph.links.length.tolist()) == sorted(expected.links.length.tolist())
    assert len(patchwork.classes_of_pieces(graph.classes)) == len(patchwork.patch) - 1
