"""Polygons to pixels, against the definition."""

import affine
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core.burn import burn
from geocity.core.grid import Grid, Window, blocks
from geocity.core.turn import turned_grid

GRID = Grid(pyproj.CRS(32643), affine.Affine(0.5, 0, 300000.25, 0, -0.5, 2100000.75), (24, 30))
# Odd decimals keep pixel centres off the outlines, where the rule says nothing.
points = st.tuples(
    st.floats(299998, 300018).map(lambda x: round(x, 2) + 0.0031),
    st.floats(2099986, 2100003).map(lambda y: round(y, 2) + 0.0017),
)
polygons = (
    st.lists(points, min_size=3, max_size=6)
    .map(lambda corners: shapely.convex_hull(shapely.MultiPoint(corners)))
    .filter(lambda shape: shape.geom_type == "Polygon")
)


def slow_burn(shapes, values, grid):
    label = np.zeros(grid.shape, np.uint8)
    for row in range(grid.shape[0]):
        for col in range(grid.shape[1]):
            centre = shapely.Point(grid.transform @ (col + 0.5, row + 0.5))
            for shape, value in zip(shapes, values, strict=True):
                if shape.contains(centre):
                    label[row, col] = value
    return label


@given(shapes=st.lists(polygons, max_size=4), angle=st.sampled_from([0.0, 0.0, 31.0]))
@settings(max_examples=25, deadline=None)
def test_centres_inside_take_the_value_of_the_last_polygon(shapes, angle):
    grid = turned_grid(GRID, GRID.window, angle) if angle else GRID
    values = list(range(1, len(shapes) + 1))
    assert (burn(shapes, values, grid) == slow_burn(shapes, values, grid)).all()


def test_whole_equals_parts_for_an_outline_with_many_corners():
    star = shapely.Point(300008.1037, 2099994.2071).buffer(5.03, quad_segs=400)
    star = star.difference(shapely.Point(300008.1037, 2099994.2071).buffer(2.017, quad_segs=200))
    whole = burn([star], [1], GRID)
    assert 0 < whole.mean() < 1
    for window in blocks(GRID.shape, 7):
        assert (burn([star], [1], GRID[window]) == whole[window.slices]).all()


def test_unknown_outside_the_labelled_area():
    slum = GRID[Window(0, 0, 10, 10)].polygon()
    known = GRID[Window(0, 0, 24, 20)].polygon()
    label = burn([slum], [1], GRID, known=[known])
    assert (label[:10, :10] == 1).all()
    assert (label[10:, :20] == 0).all()
    assert (label[:, 20:] == 255).all()
    assert (burn([slum], [1], GRID, known=[]) == 255).all()


def test_fragments_below_the_least_overlap_become_unknown():
    sliver = GRID[Window(0, -18, 10, 20)].polygon()  # a tenth of it lies inside
    whole = GRID[Window(12, 5, 5, 5)].polygon()
    label = burn([sliver, whole], [1, 1], GRID, min_overlap=0.2)
    assert (label[:10, :2] == 255).all()
    assert (label[12:17, 5:10] == 1).all()
    assert (burn([sliver], [1], GRID, min_overlap=0.05)[:10, :2] == 1).all()


def test_all_touched_takes_what_the_centre_rule_misses():
    thin = shapely.box(300001.01, 2099990, 300001.12, 2099999)
    assert not burn([thin], [1], GRID).any()
    assert burn([thin], [1], GRID, all_touched=True).any()


def test_nothing_to_burn_is_background():
    assert not burn([], [], GRID).any()
    assert not burn([shapely.Polygon()], [1], GRID).any()


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="as many values"):
        burn([GRID.polygon()], [], GRID)
    with pytest.raises(ValueError, match="between 0 and 255"):
        burn([GRID.polygon()], [256], GRID)
