"""The majority filter against hand-worked cases, a slow twin of the rule, and scipy."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from geocity.core.majority import Borders, majority_filter

N = 255
MODES = list(itertools.product(("four", "eight"), ("majority", "half")))
RINGS = {
    "four": [(-1, 0), (0, 1), (1, 0), (0, -1)],
    "eight": [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)],
}


def slow_runs(ring):
    """Maximal circular runs of equal members that are no gaps (None), as lists of places."""
    size = len(ring)
    if ring[0] is not None and all(member == ring[0] for member in ring):
        return [list(range(size))]
    runs = []
    for start in range(size):
        if ring[start] is None or ring[start] == ring[start - 1]:
            continue
        run = [start]
        while ring[(run[-1] + 1) % size] == ring[start]:
            run.append((run[-1] + 1) % size)
        runs.append(run)
    return runs


def slow_cell(values, row, col, neighbors, threshold):
    rows, cols = values.shape
    own = values[row, col]
    if own == N:
        return N
    places = [(row + i, col + j) for i, j in RINGS[neighbors]]
    inside = [0 <= r < rows and 0 <= c < cols for r, c in places]
    ring = [
        int(values[p]) if ok and values[p] != N else None
        for p, ok in zip(places, inside, strict=True)
    ]
    lines = [(0, 0), (0, rows - 1), (1, 0), (1, cols - 1)]  # (axis, index) of the four borders
    on = [(axis, at) for axis, at in lines if (row, col)[axis] == at]
    need = {("four", "majority"): 3, ("four", "half"): 2, ("eight", "majority"): 5}.get(
        (neighbors, threshold), 4
    )
    if on:
        need = 2 if neighbors == "four" else 3
    corner = {axis for axis, _ in on} == {0, 1}
    candidates = set()
    for run in slow_runs(ring):
        along = any(places[k][axis] == at for k in run for axis, at in on)
        if len(run) >= need and not (neighbors == "eight" and on and not corner and not along):
            candidates.add(ring[run[0]])
    if not candidates or own in candidates:
        return own
    return min(candidates)


def slow_majority(values, neighbors, threshold):
    out = np.empty_like(values)
    for row, col in np.ndindex(values.shape):
        out[row, col] = slow_cell(values, row, col, neighbors, threshold)
    return out


def grid(text):
    rows = text.split("/")
    return np.array([[N if c == "N" else int(c) for c in row] for row in rows], np.uint8)


def in_every_mode(values):
    return [majority_filter(values, neighbors=n, threshold=t) for n, t in MODES]


# Each: the 3x3 raster and the centre after FOUR MAJORITY, FOUR HALF, EIGHT MAJORITY, EIGHT HALF.
CENTRES = {
    "C01 isolated pixel": ("000/010/000", 0, 0, 0, 0),
    "C02 pinhole": ("111/101/111", 1, 1, 1, 1),
    "C03 line end": ("000/110/000", 0, 0, 0, 0),
    "C04 middle of a 1-px row": ("000/111/000", 1, 1, 1, 1),
    "C05 opposite neighbours": ("010/000/010", 0, 0, 0, 0),
    "C06 two adjacent neighbours": ("011/001/000", 0, 0, 0, 0),
    "C07 corner of a block": ("000/011/011", 1, 1, 0, 0),
    "C08 notch": ("011/101/111", 1, 1, 1, 1),
    "C09 bump on a straight edge": ("000/010/111", 0, 0, 0, 0),
    "C10 diagonal 1-px line": ("100/010/001", 0, 0, 1, 1),
    "C11 checkerboard": ("010/101/010", 1, 1, 0, 0),
    "C12 four corners": ("101/000/101", 0, 0, 0, 0),
    "C13 run of 5": ("111/001/001", 0, 0, 1, 1),
    "C14 4 + 1 apart": ("111/001/100", 0, 0, 0, 1),
    "C15 run of 4, other 4 own value": ("111/001/000", 0, 0, 0, 0),
    "C16 4/4 tie, own value is a half": ("111/011/000", 1, 1, 1, 1),
    "C17 three classes": ("020/312/000", 1, 2, 1, 1),
    "C18 two halves, third-value centre": ("522/412/445", 1, 2, 1, 1),
    "C19 run of 5 + 1 apart": ("111/001/101", 0, 0, 1, 1),
    "C20 3 + 3 apart": ("111/000/111", 0, 0, 0, 0),
    "N1 nodata centre": ("111/1N1/111", N, N, N, N),
    "N2 three ones and a gap": ("010/101/0N0", 1, 1, 0, 0),
    "N3 two adjacent ones, two gaps": ("010/N01/0N0", 0, 1, 0, 0),
}

BORDER_CELLS = {
    "E1 top edge, W and S": ("100/010/000", (0, 1), 1, 1, 0, 0),
    "E2 top edge, W and E only": ("101/000/000", (0, 1), 0, 0, 0, 0),
    "E3 corner, both orthogonal": ("010/100/000", (0, 0), 1, 1, 0, 0),
    "E4 corner, all three": ("010/110/000", (0, 0), 1, 1, 1, 1),
    "E5 top edge W,SW,S": ("100/110/000", (0, 1), 1, 1, 1, 1),
    "E6 top edge SW,S,SE": ("000/111/000", (0, 1), 0, 0, 0, 0),
    "E7 top edge S,SE,E": ("001/011/000", (0, 1), 1, 1, 1, 1),
    "E8 corner, one neighbour": ("010/000/000", (0, 0), 0, 0, 0, 0),
}


@pytest.mark.parametrize("case", CENTRES)
def test_interior_vectors(case):
    text, *expected = CENTRES[case]
    assert [int(out[1, 1]) for out in in_every_mode(grid(text))] == expected


@pytest.mark.parametrize("case", BORDER_CELLS)
def test_border_vectors(case):
    text, cell, *expected = BORDER_CELLS[case]
    values = grid(text)
    # The rule does not know north from west: every turn and flip of a case is a case.
    for turns, flip in itertools.product(range(4), (False, True)):
        place = np.zeros(values.shape, bool)
        place[cell] = True
        turned, place = np.rot90(values, turns), np.rot90(place, turns)
        if flip:
            turned, place = turned[:, ::-1], place[:, ::-1]
        assert [int(out[place][0]) for out in in_every_mode(turned)] == expected


BEFORE = grid("00000000/01000011/00011011/00111000/01011110/00010100/10011101/11000001")
AFTER = {
    "four": grid("00000000/00000011/00011011/00011000/00111100/00011100/00011100/10000001"),
    "eight majority": grid(
        "00000000/00000001/00010001/00111100/00011100/00011100/00001000/10000001"
    ),
    "eight half": grid("00000000/00000001/00010001/00111100/00111100/00011110/00001000/10000001"),
}


def passes_to_stable(values, **mode):
    for passes in itertools.count():
        after = majority_filter(values, **mode)
        if np.array_equal(after, values):
            return passes
        values = after
    raise AssertionError


@pytest.mark.parametrize(
    ("neighbors", "threshold", "after", "passes"),
    [
        ("four", "majority", "four", 2),
        ("four", "half", "four", 2),
        ("eight", "majority", "eight majority", 5),
        ("eight", "half", "eight half", 6),
    ],
)
def test_whole_grid_vector(neighbors, threshold, after, passes):
    mode = {"neighbors": neighbors, "threshold": threshold}
    np.testing.assert_array_equal(majority_filter(BEFORE, **mode), AFTER[after])
    assert passes_to_stable(BEFORE, **mode) == passes


@pytest.mark.parametrize(
    ("neighbors", "threshold", "changed"),
    [
        ("four", "majority", 160),
        ("four", "half", 160),
        ("eight", "majority", 66),
        ("eight", "half", 114),
    ],
)
def test_cells_changed_over_all_two_class_patterns(neighbors, threshold, changed):
    count = 0
    for bits in itertools.product((0, 1), repeat=9):
        values = np.array(bits, np.uint8).reshape(3, 3)
        after = majority_filter(values, neighbors=neighbors, threshold=threshold)
        count += int(after[1, 1] != values[1, 1])
    assert count == changed


small_rasters = st.integers(1, 3).flatmap(
    lambda classes: arrays(
        np.uint8,
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.sampled_from([*range(classes + 1), N]),
    )
)


@pytest.mark.parametrize(("neighbors", "threshold"), MODES)
@given(values=small_rasters)
@settings(max_examples=80)
def test_equals_the_slow_twin(neighbors, threshold, values):
    np.testing.assert_array_equal(
        majority_filter(values, neighbors=neighbors, threshold=threshold),
        slow_majority(values, neighbors, threshold),
    )


@pytest.mark.parametrize(("neighbors", "threshold"), MODES)
@given(values=small_rasters, data=st.data())
def test_a_block_with_its_halo_equals_that_part_of_the_whole(neighbors, threshold, values, data):
    rows, cols = values.shape
    top = data.draw(st.integers(0, rows - 1))
    bottom = data.draw(st.integers(top + 1, rows))
    left = data.draw(st.integers(0, cols - 1))
    right = data.draw(st.integers(left + 1, cols))
    borders = Borders(top == 0, bottom == rows, left == 0, right == cols)
    block = values[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1]
    mode = {"neighbors": neighbors, "threshold": threshold}
    np.testing.assert_array_equal(
        majority_filter(block, borders=borders, **mode),
        majority_filter(values, **mode)[top:bottom, left:right],
    )


@pytest.mark.parametrize(("neighbors", "threshold"), MODES)
def test_scipy_generic_filter_agrees_inside(neighbors, threshold):
    values = np.random.default_rng(3).choice(
        np.array([0, 1, 2, N], np.uint8), (40, 50), p=[0.5, 0.3, 0.15, 0.05]
    )

    def rule(ring):
        return slow_cell(ring.reshape(5, 5).astype(np.uint8), 2, 2, neighbors, threshold)

    oracle = ndimage.generic_filter(values, rule, size=5, mode="constant", cval=N)
    np.testing.assert_array_equal(
        majority_filter(values, neighbors=neighbors, threshold=threshold)[1:-1, 1:-1],
        oracle[1:-1, 1:-1],
    )


@pytest.mark.parametrize(("neighbors", "threshold"), MODES)
def test_strips_inside_a_large_array_leave_no_seam(neighbors, threshold):
    values = np.random.default_rng(0).integers(0, 3, (70, 20_000)).astype(np.uint8)
    mode = {"neighbors": neighbors, "threshold": threshold}
    turned = majority_filter(np.ascontiguousarray(values.T), **mode).T
    np.testing.assert_array_equal(majority_filter(values, **mode), turned)


def test_a_checkerboard_flips_for_ever():
    board = np.indices((12, 12)).sum(axis=0).astype(np.uint8) % 2
    once = majority_filter(board)
    assert (once[1:-1, 1:-1] == 1 - board[1:-1, 1:-1]).all()
    np.testing.assert_array_equal(majority_filter(once), board)


@pytest.mark.parametrize(("neighbors", "threshold"), MODES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1)])
def test_a_single_line_of_cells_never_changes(neighbors, threshold, shape):
    values = np.resize(np.array([0, 1, 1, 2, N, 1], np.uint8), shape)
    np.testing.assert_array_equal(
        majority_filter(values, neighbors=neighbors, threshold=threshold), values
    )


@pytest.mark.parametrize(("neighbors", "threshold"), MODES)
def test_nodata_stays_and_never_spreads(neighbors, threshold):
    values = np.full((5, 6), N, np.uint8)
    np.testing.assert_array_equal(
        majority_filter(values, neighbors=neighbors, threshold=threshold), values
    )
    values[2, 3] = 1
    np.testing.assert_array_equal(
        majority_filter(values, neighbors=neighbors, threshold=threshold), values
    )


def test_four_keeps_the_corners_of_rectangles_and_eight_rounds_them():
    block = np.zeros((7, 7), np.uint8)
    block[2:5, 2:5] = 1
    np.testing.assert_array_equal(majority_filter(block), block)
    assert majority_filter(block, neighbors="eight").sum() == 5


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.zeros((3, 3)), {}, "uint8"),
        (np.zeros(3, np.uint8), {}, "2-D"),
        (np.zeros((3, 3), np.uint8), {"neighbors": "six"}, "no such mode"),
        (np.zeros((3, 3), np.uint8), {"threshold": "all"}, "no such mode"),
        (np.zeros((1, 3), np.uint8), {"borders": Borders(bottom=False)}, "no room"),
    ],
)
def test_refuses_what_makes_no_sense(values, options, message):
    with pytest.raises(ValueError, match=message):
        majority_filter(values, **options)
