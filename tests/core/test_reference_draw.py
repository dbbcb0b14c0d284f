import itertools
from collections import Counter

import numpy as np
import pyproj
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chisquare

from geocity.core.areas import GroundMeasure
from geocity.core.grid import Grid
from geocity.core.reference_draw import RankFinder, StratumTally, draw_ranks, share_out

UTM = pyproj.CRS.from_epsg(32643)


def draw(values, units, seed, heights=(1,)):
    cells = {v: int((values == v).sum()) for v in units}
    rng = np.random.default_rng(seed)
    finder = RankFinder(draw_ranks(cells, units, rng), values.shape[1])
    row, turns = 0, itertools.cycle(heights)
    while row < len(values):
        height = next(turns)
        finder.add(values[row : row + height])
        row += height
    return finder.finish().shuffled(rng)


def test_every_set_of_cells_is_as_likely_as_any_other():
    """All subsets of 3 of the 6 cells of a class, drawn many times: a chi-square test."""
    values = np.array([[1, 0, 1, 1], [0, 1, 255, 0], [1, 0, 1, 0]], np.uint8)
    seen = Counter()
    for seed in range(4000):
        drawn = draw(values, {1: 3, 0: 1}, seed)
        slums = drawn.mapped == 1
        seen[frozenset(zip(drawn.rows[slums], drawn.cols[slums], strict=True))] += 1
    assert len(seen) == 20
    assert chisquare(list(seen.values())).pvalue > 0.001


def test_the_order_tells_neither_place_nor_class():
    values = np.repeat([[0, 1]], 200, axis=0).astype(np.uint8)
    first = [int(draw(values, {0: 20, 1: 20}, seed).mapped[0]) for seed in range(400)]
    assert 150 < sum(first) < 250


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30)), elements=st.integers(0, 2)),
    st.integers(0, 1000),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
)
def test_cells_are_of_their_class_all_different_and_the_same_in_any_strips(values, seed, heights):
    units = {v: min(3, int((values == v).sum())) for v in (0, 1)}
    drawn = draw(values, units, seed, heights)
    again = draw(values, units, seed, (len(values),))
    assert (values[drawn.rows, drawn.cols] == drawn.mapped).all()
    assert len({*zip(drawn.rows, drawn.cols, strict=True)}) == len(drawn) == sum(units.values())
    assert drawn.rows.tolist() == again.rows.tolist()
    assert drawn.cols.tolist() == again.cols.tolist()


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        (UTM, Affine(30, 0, 300_000, 0, -30, 2_000_000)),
        (pyproj.CRS.from_epsg(4326), Affine(0.001, 0, 72, 0, -0.001, 60)),
    ],
)
def test_areas_are_those_of_the_cells_one_by_one(crs, transform):
    rng = np.random.default_rng(3)
    values = rng.integers(0, 3, (300, 2500)).astype(np.uint8)
    values[:40] = 255
    grid = Grid(crs, transform, values.shape)
    tally = StratumTally(grid)
    for row in range(0, 300, 50):
        tally.add(values[row : row + 50])
    cell_m2 = GroundMeasure(grid).cell_areas(grid.window)
    for value in range(3):
        assert tally.cells[value] == (values == value).sum()
        assert tally.area_m2[value] == pytest.approx(cell_m2[values == value].sum(), rel=2e-5)


def test_points_are_shared_out():
    areas, cells = [2.0, 1.5, 32.0, 64.5], [10**6] * 4
    assert share_out(641, areas, cells, least=75).tolist() == [75, 75, 163, 328]
    assert share_out(100, areas, cells, how="equal").tolist() == [25, 25, 25, 25]
    assert share_out(1000, areas, cells, how="proportional").tolist() == [20, 15, 320, 645]
    assert share_out(100, [1.0, 1.0, 0.0], [9, 900, 0], how="equal").tolist() == [9, 50, 0]
    with pytest.raises(ValueError, match="at least 8"):
        share_out(7, areas, cells)
