"""Chips on whole pixels, from the top left corner."""

import affine
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.chip_plan import chips_inside, plan_chips
from geocity.core.grid import Grid, Window

UTM = pyproj.CRS(32643)
sides = st.integers(1, 60)


@given(rows=sides, cols=sides, size=st.integers(1, 20), stride=st.integers(0, 20))
def test_shifted_chips_cover_the_scene_and_stay_inside(rows, cols, size, stride):
    windows = plan_chips((rows, cols), size, min(stride, size))
    seen = np.zeros((rows, cols), int)
    for window in windows:
        inside = window.intersect(Window(0, 0, rows, cols))
        seen[inside.slices] += 1
        if rows >= size and cols >= size:
            assert inside == window
    assert (seen > 0).all()
    assert len(set(windows)) == len(windows)
    assert all(w.shape == (size, size) and w.row >= 0 and w.col >= 0 for w in windows)


@given(rows=sides, cols=sides, size=st.integers(1, 20), stride=st.integers(1, 30))
def test_dropped_chips_are_all_that_fit(rows, cols, size, stride):
    by_definition = [
        Window(row, col, size, size)
        for row in range(0, rows, stride)
        for col in range(0, cols, stride)
        if row + size <= rows and col + size <= cols
    ]
    assert list(plan_chips((rows, cols), size, stride, "drop")) == by_definition


@given(rows=sides, cols=sides, size=st.integers(1, 20))
def test_padded_chips_cover_the_scene_without_overlap(rows, cols, size):
    seen = np.zeros((rows + size, cols + size), int)
    for window in plan_chips((rows, cols), size, edge="pad"):
        seen[window.slices] += 1
    assert (seen[:rows, :cols] == 1).all()
    assert len(plan_chips((rows, cols), size, edge="pad")) == -(-rows // size) * -(-cols // size)


def test_a_scene_smaller_than_a_chip_gets_one_chip():
    assert list(plan_chips((30, 50), 64)) == [Window(0, 0, 64, 64)]
    assert list(plan_chips((30, 50), 64, edge="drop")) == []


def test_stride_zero_means_no_overlap():
    assert plan_chips((800, 800), 400) == plan_chips((800, 800), 400, 400)


@pytest.mark.parametrize("wrong", [(0, 1, "shift"), (4, -1, "shift"), (4, 4, "clip")])
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        plan_chips((10, 10), *wrong)


def test_only_chips_wholly_inside_the_mask():
    grid = Grid(UTM, affine.Affine(0.7, 0, 300000.123, 0, -0.7, 2100000.456), (40, 40))
    windows = plan_chips(grid.shape, 10)
    # Two cells of the mask touch: a chip across them lies inside, one that sticks out does not.
    mask = shapely.union_all(
        [grid[Window(0, 0, 10, 15)].polygon(), grid[Window(0, 15, 10, 8)].polygon()]
    )
    inside = [w for w, yes in zip(windows, chips_inside(windows, grid, mask), strict=True) if yes]
    assert inside == [Window(0, 0, 10, 10), Window(0, 10, 10, 10)]


@given(
    rows=sides, cols=sides, size=st.integers(1, 20), stride=st.integers(0, 25),
    edge=st.sampled_from(["shift", "drop", "pad"]), data=st.data(),
)  # fmt: skip
def test_chips_that_meet_boxes_are_those_of_the_plan_that_do(rows, cols, size, stride, edge, data):
    plan = plan_chips((rows, cols), size, stride, edge)
    box = st.tuples(*[st.integers(-30, 90)] * 4).map(
        lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
    )
    boxes = data.draw(st.lists(box, max_size=4))
    met = [
        chip
        for chip in plan
        if any(
            top <= chip.row_end
            and chip.row <= bottom
            and left <= chip.col_end
            and chip.col <= right
            for top, left, bottom, right in boxes
        )
    ]
    assert plan.meeting(np.array(boxes, float).reshape(-1, 4)) == met
    assert plan[1:3] == list(plan)[1:3]


def test_a_plan_of_millions_of_chips_is_made_at_once():
    plan = plan_chips((10**6, 10**6), 32, 1)
    assert len(plan) == (10**6 - 31) ** 2
    assert plan[-1] == Window(10**6 - 32, 10**6 - 32, 32, 32)
    with pytest.raises(IndexError):
        plan[len(plan)]
