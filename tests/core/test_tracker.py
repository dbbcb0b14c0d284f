"""The figures of the slum tracker."""

import datetime

import numpy as np
import pandas as pd
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.tracker import (
    joined_into,
    known,
    outline_figures,
    parent_names,
    settlement_histories,
    settlements_at,
)

DAYS = [datetime.date(year, 1, 1) for year in (2005, 2015, 2025)]


def table(rows):
    return pd.DataFrame(rows, columns=["settle_id", "date", "status", "area_m2", "parents"])


def test_histories_gather_what_belongs_together():
    rows = table(
        [
            ("S2", DAYS[1], "grown", 30.0, ""),
            ("S1", DAYS[0], "first", 10.0, ""),
            ("S2", DAYS[0], "first", 20.0, ""),
            ("S1", DAYS[1], "gone", 10.0, ""),
            ("S3", DAYS[1], "split", 5.0, "S2"),
        ]
    )
    boxes = np.array([shapely.box(i, 0, i + 1, 1) for i in range(5)], object)
    first, second, third = settlement_histories(rows, boxes)
    assert [s.status for s in first.states] == ["first", "gone"]
    assert (first.states[-1].area_m2, first.last_change_m2) == (0.0, -10.0)
    assert first.bounds == (1.0, 0.0, 4.0, 1.0)
    assert (second.first_seen, second.last_change_m2) == (DAYS[0], 10.0)
    assert (third.states[0].parents, third.last_change_m2) == ("S2", None)


def test_a_new_settlement_grew_from_nothing():
    rows = table([("S1", DAYS[1], "new", 7.0, "")])
    (new,) = settlement_histories(rows, np.array([shapely.box(0, 0, 1, 1)], object))
    assert new.last_change_m2 == 7.0


def test_what_merged_is_found_in_the_other():
    rows = table(
        [
            ("S1", DAYS[0], "first", 10.0, ""),
            ("S1", DAYS[1], "merged", 25.0, "S1,S2, S3"),
            ("S2", DAYS[0], "first", 10.0, ""),
            ("S3", DAYS[0], "first", 10.0, ""),
            ("S3", DAYS[1], "gone", 10.0, ""),
            ("S4", DAYS[0], "first", 10.0, ""),
            ("S4", DAYS[1], "kept", 10.0, "S4"),
        ]
    )
    boxes = np.array([shapely.box(0, 0, 1, 1)] * len(rows), object)
    assert joined_into(settlement_histories(rows, boxes)) == {"S2": "S1"}
    assert parent_names(" S1,,S2 ") == ["S1", "S2"]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12, unique=True))
def test_outlines_find_the_settlement_they_lie_in(places):
    settlements = np.array([shapely.box(2 * x, 0, 2 * x + 1, 1) for x in range(4)], object)
    outlines = np.array(
        [shapely.box(x + 0.2, y + 0.2, x + 0.8, y + 0.8) for x, y in places], object
    )
    expected = [x // 2 if y == 0 and x % 2 == 0 else -1 for x, y in places]
    assert settlements_at(outlines, settlements).tolist() == expected
    assert settlements_at(outlines, settlements[:0]).tolist() == [-1] * len(places)


def test_figures_of_outlines():
    assert outline_figures(np.array([3.0, 5.0])) == {
        "area_m2": 8.0,
        "settlements": 2.0,
        "largest_m2": 5.0,
    }
    assert outline_figures(np.empty(0))["largest_m2"] == 0.0


def test_only_numbers_are_known():
    assert known({"a": 1.0, "b": float("nan"), "c": float("inf")}) == {"a": 1.0}
