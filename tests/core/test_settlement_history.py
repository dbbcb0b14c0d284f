"""Who is who over the dates: mergers, splits, and what is gone."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from geocity.core.settlement_history import (
    HistoryRules,
    Overlaps,
    identities_of,
    settlement_history,
)


def follow(*maps, cell_m2=1.0, **rules):
    """Follow the settlements of small maps, strings of rows with anything but '.' as slum."""
    labels = []
    for drawn in maps:
        slum = np.array([[c != "." for c in row] for row in drawn])
        labels.append(ndimage.label(slum)[0])
    areas = [np.bincount(found.ravel())[1:] * cell_m2 for found in labels]
    overlaps = []
    for one, other in itertools.pairwise(labels):
        both = (one > 0) & (other > 0)
        shared = Overlaps(one[both] - 1, other[both] - 1, np.full(both.sum(), cell_m2))
        overlaps.append(Overlaps.summed([shared]))
    rules = HistoryRules(**({"grown_m2": 0.0} | rules))
    return settlement_history([a.astype(float) for a in areas], overlaps, rules)


def told(date):
    return list(zip(date.numbers.tolist(), date.status, date.parents, strict=True))


def test_merger_keeps_the_largest_overlap():
    first, then = follow(["aa.bbbb"], ["ccccccc"])
    assert told(first) == [(1, "first", ()), (2, "first", ())]
    assert told(then) == [(2, "merged", (2, 1))]
    assert then.prev_m2.tolist() == [6]
    assert not len(then.gone)


def test_split_keeps_the_largest_overlap():
    _, then = follow(["aaaaaaa"], ["bb.cccc"])
    assert told(then) == [(2, "split", (1,)), (1, "split", (1,))]
    assert then.prev_m2.tolist() == [0, 7]


def test_merger_and_split_at_once():
    _, then = follow(["aaaaaa.bb"], ["cccc.dddd"])
    # a goes on as c; d has cells of a and of b, and a is taken.
    assert told(then) == [(1, "split", (1,)), (2, "merged", (2, 1))]


def test_gone_and_back_is_new():
    one, two, three = follow(["aa...bb"], ["aa....."], ["aa...cc"])
    assert two.gone.tolist() == [1]
    assert told(three) == [(1, "kept", (1,)), (3, "new", ())]
    assert one.numbers.tolist() == [1, 2]


def test_identity_stays_over_many_dates():
    dates = follow(["aaa...."], [".aaa..."], ["..aaa.."], ["...aaa."])
    assert [date.numbers.tolist() for date in dates] == [[1]] * 4


@pytest.mark.parametrize(
    ("after", "rules", "status"),
    [
        (106, {}, "kept"),  # 6 % but only 6 m²
        (106, {"grown_m2": 5}, "grown"),
        (94, {"grown_m2": 5}, "shrunk"),
        (105, {"grown_m2": 0}, "kept"),  # exactly the share: not more
        (106, {"grown_m2": 6}, "kept"),  # exactly the area
    ],
)
def test_grown_takes_both_thresholds(after, rules, status):
    overlap = Overlaps(np.array([0]), np.array([0]), np.array([90.0]))
    areas = [np.array([100.0]), np.array([float(after)])]
    found = settlement_history(areas, [overlap], HistoryRules(**rules))
    assert found[1].status == (status,)


def test_a_touch_is_no_link():
    areas = [np.array([100.0]), np.array([100.0])]
    for shared, status in ((4.9, "new"), (5.0, "kept")):
        overlap = Overlaps(np.array([0]), np.array([0]), np.array([shared]))
        assert settlement_history(areas, [overlap])[1].status == (status,)


def test_equal_overlaps_go_to_the_first():
    _, then = follow(["aa.bb"], ["ccccc"])
    assert then.numbers.tolist() == [1]


@given(st.integers(0, 10_000))
def test_bookkeeping_on_random_maps(seed):
    rng = np.random.default_rng(seed)
    drawn = [
        ["".join(row) for row in rng.choice(list(".a"), (6, 8), p=[0.55, 0.45])] for _ in range(4)
    ]
    dates = follow(*drawn)
    ever = set()
    for former, then in itertools.pairwise(dates):
        ever |= set(former.numbers.tolist())
        assert len(set(then.numbers.tolist())) == len(then.numbers)
        # No number is used again for something that did not have it on the date before.
        assert set(then.numbers.tolist()) & ever <= set(former.numbers.tolist())
        gone_m2 = former.area_m2[then.gone].sum()
        assert then.prev_m2.sum() + gone_m2 == pytest.approx(former.area_m2.sum())
        for number, status, parents in told(then):
            assert (status == "new") == (not parents)
            assert status != "merged" or len(parents) > 1
            if number in former.numbers:
                assert number in parents
        links = {p for parents in then.parents for p in parents}
        assert links.isdisjoint(former.numbers[then.gone].tolist())


def test_pieces_are_told_of_both_sides():
    former, then = follow(["aaaa..bbb"], ["...ccc..."])
    # Growth inside c (index 0), loss of a and of b; b has no heir.
    before, after = np.array([-1, 0, 1, 0]), np.array([0, -1, -1, 0])
    was, now = identities_of(before, after, former, then)
    assert was.tolist() == [1, 1, 2, 1]
    assert now.tolist() == [1, 1, 0, 1]


def test_refuses_dates_that_do_not_fit():
    with pytest.raises(ValueError, match="one overlap fewer"):
        settlement_history([np.ones(1)], [Overlaps.summed([])])


def test_nothing_at_all():
    dates = settlement_history([np.empty(0), np.empty(0)], [Overlaps.summed([])])
    assert [len(d.numbers) for d in dates] == [0, 0]
