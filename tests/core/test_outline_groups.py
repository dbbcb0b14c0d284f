"""Cells of the plane and groups of outlines, against plain loops."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.outline_groups import groups_of, plan_cells


def boxes_of(seed, count, spread):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-spread, spread, (count, 2)) + rng.integers(-2, 3) * 1e6
    sizes = rng.exponential(5, (count, 2)) * (rng.random((count, 1)) < 0.9)
    return np.hstack([corners, corners + sizes])


CASES = {
    "seed": st.integers(0, 5000),
    "count": st.integers(1, 60),
    "spread": st.sampled_from([3.0, 60.0, 900.0]),
    "most": st.integers(1, 20),
}


@given(**CASES)
def test_cells_cover_everything_once(seed, count, spread, most):
    boxes = boxes_of(seed, count, spread)
    cells = plan_cells(boxes, most)
    centred = np.concatenate([cell.centred for cell in cells])
    assert sorted(centred) == list(range(count))
    for cell in cells:
        left, bottom, side = cell.square
        assert len(cell.centred) <= most or side <= 1
        assert np.log2(side) % 1 == 0
        assert (left % (side / 2), bottom % (side / 2)) == (0, 0)  # wherever the features are
        found = shapely.intersects(shapely.box(*cell.bounds), shapely.box(*boxes.T))
        assert cell.meeting.tolist() == np.flatnonzero(found).tolist()
    squares = [shapely.box(*cell.bounds) for cell in cells]
    whole = shapely.union_all(squares)
    assert whole.area == pytest.approx(sum(square.area for square in squares))
    assert whole.covers(shapely.box(*boxes.T)).all()


def slow_groups(boxes, linked, reach):
    """Look at every pair until nothing changes."""
    heads = [i if linked[i] else -1 for i in range(len(boxes))]
    changed = True
    while changed:
        changed = False
        for i, one in enumerate(boxes):
            for j, other in enumerate(boxes):
                if not (linked[i] and linked[j]):
                    continue
                apart = max(one[0] - other[2], other[0] - one[2], one[1] - other[3])
                if max(apart, other[1] - one[3]) <= reach and heads[j] < heads[i]:
                    heads[i], changed = heads[j], True
    return heads


@given(**CASES, reach=st.sampled_from([0.0, 1.5, 10.0]))
def test_groups_against_pairs(seed, count, spread, most, reach):
    boxes = boxes_of(seed, min(count, 30), spread)
    linked = np.random.default_rng(seed + 1).random(len(boxes)) < 0.8
    found = groups_of(boxes, linked, reach, most)
    assert found.tolist() == slow_groups(boxes, linked, reach)


def test_nothing_makes_no_cell():
    nothing = np.empty((0, 4))
    assert plan_cells(nothing, 5) == []
    assert groups_of(nothing, np.empty(0, bool), 1.0, 5).tolist() == []


def test_many_features_in_one_place_end_somewhere():
    boxes = np.tile([10.0, 10.0, 12.0, 12.0], (50, 1))
    (cell,) = (cell for cell in plan_cells(boxes, 3) if len(cell.centred))
    assert len(cell.centred) == 50
    assert set(groups_of(boxes, np.ones(50, bool), 0.0, 3)) == {0}
