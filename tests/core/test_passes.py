"""Many passes, part by part, equal as many over the whole raster."""

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core import passes
from geocity.core.grid import Window
from geocity.core.majority import majority_filter
from geocity.core.modal import modal_filter
from geocity.core.passes import ClassFilter, Settling, filter_part, parts_at_rest, sweep

N = 255


def by_neighbors(values, borders, **mode):
    return majority_filter(values, borders=borders, **mode)


FOUR = ClassFilter(by_neighbors, 1)
EIGHT_HALF = ClassFilter(functools.partial(by_neighbors, neighbors="eight", threshold="half"), 1)
MODAL = ClassFilter(lambda values, borders: modal_filter(values, 5, borders=borders), 2)
FILTERS = [FOUR, EIGHT_HALF, MODAL]


class InMemory:
    """A raster in memory that counts what is written to it."""

    def __init__(self, values):
        self.values = values.copy()
        self.written = 0

    def read(self, window):
        return self.values[window.slices].copy()

    def write(self, values, window):
        self.values[window.slices] = values
        self.written += 1


def whole(values, one_pass, count):
    for _ in range(count):
        values = one_pass.step(values, passes.Borders())
    return values


def noise(shape, classes=(0, 1, 2, N), seed=0):
    return np.random.default_rng(seed).choice(np.array(classes, np.uint8), shape)


@given(
    one_pass=st.sampled_from(FILTERS),
    shape=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    count=st.integers(0, 5),
    data=st.data(),
)
@settings(max_examples=100)
def test_a_part_equals_that_part_of_the_whole(one_pass, shape, count, data):
    values = noise(shape, seed=data.draw(st.integers(0, 99)))
    row, col = (data.draw(st.integers(0, n - 1)) for n in shape)
    rows, cols = (
        data.draw(st.integers(1, shape[0] - row)),
        data.draw(st.integers(1, shape[1] - col)),
    )
    part = Window(row, col, rows, cols)
    result, change = filter_part(InMemory(values).read, part, shape, one_pass, count)
    states = [whole(values, one_pass, n)[part.slices] for n in range(count + 1)]
    np.testing.assert_array_equal(result, states[-1])
    assert change.cells == tuple(int((a != b).sum()) for a, b in itertools.pairwise(states))
    assert change.nothing == np.array_equal(states[0], states[-1])
    assert change.flips == (count >= 2 and np.array_equal(states[-1], states[-3]))


@pytest.mark.parametrize("one_pass", FILTERS)
def test_a_sweep_equals_as_many_passes(one_pass, monkeypatch):
    monkeypatch.setattr(passes, "PART_SHAPE", (16, 24))
    values = noise((61, 50))
    target = InMemory(np.zeros_like(values))
    read, area = InMemory(values).read, Window(0, 0, *values.shape)
    changes = sweep(read, target.write, area, values.shape, one_pass, 3)
    np.testing.assert_array_equal(target.values, whole(values, one_pass, 3))
    assert target.written == len(changes) == 12
    # The same window by window, each beginning where a part does.
    parts = {}
    for row in (0, 32):
        band = Window(row, 0, min(32, 61 - row), 50)
        parts |= sweep(read, target.write, band, values.shape, one_pass, 3)
    assert parts == changes


def settled(values, one_pass, sweeps=50):
    """Sweep to and fro until it is over; return that, the result and the parts filtered."""
    states, changes, filtered = [InMemory(values)], {}, []
    area = Window(0, 0, *values.shape)
    for number in range(sweeps):
        resting = parts_at_rest(changes)
        states.append(InMemory(np.zeros_like(values)))
        read, write = states[-2].read, states[-1].write
        count = one_pass.sweep_passes
        changes = sweep(read, write, area, values.shape, one_pass, count, resting)
        filtered.append(len(changes) - len(resting))
        settling = Settling.after(number + 1, changes)
        if settling.is_over:
            break
    return settling, states[-1].values, filtered


@pytest.mark.parametrize("one_pass", FILTERS)
@pytest.mark.parametrize("seed", range(3))
def test_settling_ends_where_single_passes_end(one_pass, seed, monkeypatch):
    monkeypatch.setattr(passes, "PART_SHAPE", (64, 64))
    values = noise((200, 170), (0, 1, N), seed)
    settling, result, _ = settled(values, one_pass)
    np.testing.assert_array_equal(result, whole(values, one_pass, settling.passes))
    states = [values]
    for _ in range(settling.passes):
        states.append(one_pass.step(states[-1], passes.Borders()))
    rests = [n for n in range(settling.passes) if np.array_equal(states[n], states[n + 1])]
    assert settling.stable_after == (rests[0] if rests else None)
    if not rests:
        assert settling.flips
        np.testing.assert_array_equal(states[-1], states[-3])
        assert settling.cells == (states[-1] != states[-2]).sum() > 0


def test_a_checkerboard_is_seen_to_flip_and_keeps_its_even_state():
    board = np.indices((40, 40)).sum(axis=0).astype(np.uint8) % 2
    settling, result, _ = settled(board, FOUR)
    assert (settling.flips, settling.returns, settling.stable_after) == (True, True, None)
    assert settling.passes % 2 == 0
    assert settling.cells > 1000
    np.testing.assert_array_equal(result, whole(board, FOUR, settling.passes))


def test_a_raster_that_comes_back_after_three_passes_is_noticed():
    def turn(values, borders):
        rows, cols = borders.core(values.shape, 1)
        return (values[rows, cols] + 1) % 3

    settling, result, _ = settled(np.zeros((9, 9), np.uint8), ClassFilter(turn, 1))
    assert (settling.flips, settling.returns, settling.stable_after) == (False, True, None)
    assert (result == 0).all()


def test_parts_at_rest_are_left_out(monkeypatch):
    monkeypatch.setattr(passes, "PART_SHAPE", (64, 64))
    values = np.zeros((64 * 8, 64), np.uint8)
    values[5, 2:60] = 1  # a line that each pass shortens by two cells, in the first part
    settling, result, filtered = settled(values, FOUR)
    assert settling.stable_after == 29
    assert not result.any()
    # Three sweeps of eight parts; after the first only the parts around the one that moved.
    assert settling.passes == 36
    assert filtered == [8, 2, 2]


def test_the_limit_of_sweeps_is_kept():
    values = np.zeros((3, 200), np.uint8)
    values[1, 2:198] = 1
    settling, _, _ = settled(values, FOUR, sweeps=2)
    assert (settling.passes, settling.stable_after, settling.returns) == (24, None, False)
    assert settling.cells == 2


@pytest.mark.parametrize(("reach", "expected"), [(1, 12), (5, 12), (6, 10), (31, 2), (127, 2)])
def test_passes_of_a_sweep_are_even_and_reach_no_farther_than_a_part(reach, expected):
    one_pass = ClassFilter(lambda values, borders: values, reach)
    assert one_pass.sweep_passes == expected
    assert expected * reach <= min(passes.PART_SHAPE)
