import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core.cities.patch_cover import CellVotes, cell_shape, covering_origins


@given(length=st.integers(1, 200), side=st.integers(1, 60), data=st.data())
def test_patches_cover_an_axis_and_stay_inside(length, side, data):
    stride = data.draw(st.integers(1, side))
    starts = covering_origins(length, side, stride)
    covered = np.zeros(length, bool)
    for start in starts:
        covered[start : start + side] = True
    assert covered.all()
    assert starts[0] == 0
    assert (starts[-1] + side == length) or (length < side and len(starts) == 1)
    assert (np.diff(starts) > 0).all()
    assert (np.diff(starts) <= stride).all()


def said_about(shape, side, stride, rng):
    """Patches of an image with three numbers each; some are missing."""
    rows, cols = (covering_origins(length, side, stride) for length in shape)
    return [
        (int(row), [(int(col), rng.normal(size=3)) for col in cols if rng.random() > 0.2])
        for row in rows
    ]


def twin(shape, side, stride, patches):
    """The mean of what is said by all patches that reach over a cell's centre."""
    rows, cols = cell_shape(shape, stride)
    result = np.full((3, rows, cols), np.nan)
    for r in range(rows):
        for c in range(cols):
            y = (r * stride + min((r + 1) * stride, shape[0])) / 2
            x = (c * stride + min((c + 1) * stride, shape[1])) / 2
            reach = [
                said
                for row, line in patches
                for col, said in line
                if row <= y < row + side and col <= x < col + side
            ]
            if reach:
                result[:, r, c] = np.mean(reach, axis=0)
    return result


@settings(max_examples=30)
@given(
    rows=st.integers(1, 50),
    cols=st.integers(1, 50),
    side=st.integers(2, 20),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_cells_are_the_mean_of_the_patches_over_them(rows, cols, side, seed, data):
    stride = data.draw(st.integers(max(1, side // 3), side))
    patches = said_about((rows, cols), side, stride, np.random.default_rng(seed))
    votes = CellVotes((rows, cols), side, stride, 3)
    found = np.full((3, *votes.shape), np.inf)
    given_out = []
    for row, line in patches:
        for cell_row, means in votes.settled(row):
            found[:, cell_row] = means
            given_out.append(cell_row)
        for col, said in line:
            votes.add(row, col, said)
    for cell_row, means in votes.settled(None):
        found[:, cell_row] = means
        given_out.append(cell_row)
    assert given_out == list(range(votes.shape[0]))
    np.testing.assert_allclose(found, twin((rows, cols), side, stride, patches))


def test_memory_is_a_few_rows():
    votes = CellVotes((10_000, 300), 40, 20, 2)
    held = 0
    for row in range(0, 9961, 20):
        list(votes.settled(row))
        for col in range(0, 261, 20):
            votes.add(row, col, np.zeros(2))
        held = max(held, len(votes._sums))
    assert held <= 3


def test_rows_that_come_back_are_refused():
    votes = CellVotes((100, 100), 20, 10, 1)
    list(votes.settled(50))
    with pytest.raises(ValueError, match="top to bottom"):
        votes.add(0, 0, np.zeros(1))
    with pytest.raises(ValueError, match="step"):
        CellVotes((100, 100), 20, 30, 1)
