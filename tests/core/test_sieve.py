"""The sieve against a slow twin with plain flood fill, whole and in blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from geocity.core.sieve import cells_for_area, sieve

N = 255
SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))


def flood(values):
    """Patches by flood fill: a list of (class, cells, border), border a list of cells beside it."""
    patches, seen = [], set()
    rows, cols = values.shape
    for start in np.ndindex(values.shape):
        if start in seen or values[start] == N:
            continue
        todo, cells, border = [start], [], []
        seen.add(start)
        while todo:
            row, col = todo.pop()
            cells.append((row, col))
            for i, j in SIDES:
                beside = (row + i, col + j)
                if not (0 <= beside[0] < rows and 0 <= beside[1] < cols):
                    border.append(None)
                elif values[beside] != values[start]:
                    border.append(beside)
                elif beside not in seen:
                    seen.add(beside)
                    todo.append(beside)
        patches.append((int(values[start]), cells, border))
    return patches


def slow_sieve(values, min_cells, min_hole_cells):
    out = values.copy()
    small = [p for p in flood(values) if p[0] != 0 and len(p[1]) < min_cells]
    waiting = {cell for _, cells, _ in small for cell in cells}
    while small:
        decisions = []
        for patch in small:
            settled = [b for b in patch[2] if b is not None and out[b] != N and b not in waiting]
            if settled:
                found = [int(out[b]) for b in settled]
                most = max(found.count(c) for c in found)
                decisions.append((patch, min(c for c in found if found.count(c) == most)))
        if not decisions:  # nothing but nodata and other small patches around
            decisions = [(patch, 0) for patch in small]
        for patch, new in decisions:
            small.remove(patch)
            for cell in patch[1]:
                out[cell] = new
                waiting.discard(cell)
    filled = out.copy()
    for own, cells, border in flood(out):
        around = {N if b is None else int(out[b]) for b in border}
        if own == 0 and len(cells) < min_hole_cells and len(around) == 1 and around != {N}:
            for cell in cells:
                filled[cell] = around.copy().pop()
    return filled


rasters = st.sampled_from([[0, 1], [0, 1, N], [0, 1, 2, N], [1, 2, 3], [0, 0, 0, 5, N]]).flatmap(
    lambda values: arrays(
        np.uint8,
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        elements=st.sampled_from(values),
    )
)
sizes = st.integers(0, 9)


@given(values=rasters, min_cells=sizes, min_hole_cells=sizes)
@settings(max_examples=150)
def test_equals_the_slow_twin(values, min_cells, min_hole_cells):
    np.testing.assert_array_equal(
        sieve(values, min_cells=min_cells, min_hole_cells=min_hole_cells),
        slow_sieve(values, min_cells, min_hole_cells),
    )


@given(
    values=rasters,
    min_cells=sizes,
    min_hole_cells=sizes,
    block=st.tuples(st.integers(1, 5), st.integers(1, 5)),
)
@settings(max_examples=60)
def test_blocks_of_any_size_give_the_same(values, min_cells, min_hole_cells, block):
    options = {"min_cells": min_cells, "min_hole_cells": min_hole_cells}
    np.testing.assert_array_equal(sieve(values, block=block, **options), sieve(values, **options))


@given(values=rasters, min_cells=sizes, min_hole_cells=sizes)
def test_a_second_time_changes_nothing(values, min_cells, min_hole_cells):
    options = {"min_cells": min_cells, "min_hole_cells": min_hole_cells}
    once = sieve(values, **options)
    np.testing.assert_array_equal(sieve(once, **options), once)
    np.testing.assert_array_equal(once == N, values == N)


@given(values=rasters, turns=st.integers(0, 3), flip=st.booleans())
def test_a_turned_raster_gives_the_turned_result(values, turns, flip):
    turned = np.rot90(values, turns)[:, :: -1 if flip else 1]
    expected = np.rot90(sieve(values, min_cells=4, min_hole_cells=3), turns)
    expected = expected[:, :: -1 if flip else 1]
    np.testing.assert_array_equal(sieve(turned, min_cells=4, min_hole_cells=3), expected)


def noisy(shape, classes, seed=0):
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.random(shape), 2)
    ranks = smooth.argsort(axis=None).argsort() * classes // smooth.size
    values = ranks.reshape(shape).astype(np.uint8)
    values[rng.random(shape) < 0.05] = 0
    values[rng.random(shape) < 0.02] = N
    return values


@pytest.mark.parametrize("classes", [2, 5])
def test_a_larger_raster_in_strips_and_against_the_twin(classes):
    values = noisy((90, 110), classes)
    expected = slow_sieve(values, 25, 12)
    for block in (1024, (7, 110), (90, 13), 17):
        np.testing.assert_array_equal(
            sieve(values, min_cells=25, min_hole_cells=12, block=block), expected
        )


def draw(text):
    return np.array([[N if c == "N" else int(c) for c in row] for row in text.split("/")], np.uint8)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("0000/0110/0000", "0000/0000/0000"),  # a speck goes to background
        ("2222/2112/2222", "2222/2222/2222"),  # or to what surrounds it
        ("0022/0112/0002", "0022/0002/0002"),  # the longest border: 4 sides of 0 against 2 of 2
        ("NNNN/N11N/NNNN", "NNNN/N00N/NNNN"),  # no neighbour: background
        ("NNNN/N12N/NNNN", "NNNN/N00N/NNNN"),  # only neighbours that dissolve too: background
        ("3333/3333/1100", "3333/3333/3300"),  # the raster's border counts for nobody
        ("33331200", "33333000"),  # 1 and 2 decide at the same time by the neighbours that stay
        ("333312100", "333330000"),  # 2 waits for both 1s, then ties between 3 and 0
    ],
)
def test_areas_by_hand(before, after):
    np.testing.assert_array_equal(sieve(draw(before), min_cells=4), draw(after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("111/101/111", "111/111/111"),
        ("111/101/101", "111/101/101"),  # open at the raster's border
        ("1111/10N1/1111", "1111/10N1/1111"),  # open at nodata
        ("111/102/111", "111/102/111"),  # two classes around
        ("1101/1011/1111", "1111/1111/1111".replace("1111/", "1101/", 1)),  # corners do not open
        ("11111/10001/11111", "11111/10001/11111"),  # large enough to stay
    ],
)
def test_holes_by_hand(before, after):
    np.testing.assert_array_equal(sieve(draw(before), min_hole_cells=3), draw(after))


def test_areas_come_before_holes():
    # The speck inside the hole goes first; then the hole is nine cells and stays.
    values = draw("11111/10001/10201/10001/11111")
    np.testing.assert_array_equal(
        sieve(values, min_cells=2, min_hole_cells=9), draw("11111/10001/10001/10001/11111")
    )


def test_small_means_smaller_than():
    values = draw("0000/0110/0000")
    np.testing.assert_array_equal(sieve(values, min_cells=2), values)


@pytest.mark.parametrize(
    ("area_m2", "cell_area_m2", "cells"),
    [(64, 0.8 * 0.8, 100), (64.1, 0.8 * 0.8, 101), (0, 1, 0), (1e-6, 1, 1), (0.3, 0.1, 3)],
)
def test_an_area_in_cells(area_m2, cell_area_m2, cells):
    assert cells_for_area(area_m2, cell_area_m2) == cells


@pytest.mark.parametrize("fill", [0, 1, N])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
def test_small_rasters_of_one_class(fill, shape):
    values = np.full(shape, fill, np.uint8)
    np.testing.assert_array_equal(sieve(values, min_cells=1, min_hole_cells=9), values)


def test_refuses_other_arrays():
    with pytest.raises(ValueError, match="uint8"):
        sieve(np.zeros((3, 3)))
