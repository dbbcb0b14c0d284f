import datetime

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import box

from geocity.core.indicator_rows import UnitPeople, indicator_row
from geocity.core.indicators import (
    SlumsOnDate,
    Turnover,
    measure_units,
    overlap_share,
    total_of,
)

FIRST, SECOND = datetime.date(2015, 1, 1), datetime.date(2019, 1, 1)
LEFT, RIGHT = box(0, 0, 100, 100), box(100, 0, 200, 100)


def slums(*shapes, date=FIRST, covered=None):
    return SlumsOnDate(date, np.array(shapes, dtype=object), covered)


def test_ground_under_several_outlines_counts_once():
    ((left, _right),) = measure_units([LEFT, RIGHT], [slums(box(0, 0, 20, 10), box(10, 0, 30, 10))])
    assert left.slum_m2 == pytest.approx(300)
    assert left.settlements == 2
    assert left.largest_m2 == pytest.approx(200)


def test_a_settlement_is_counted_where_most_of_it_lies():
    ((left, right),) = measure_units([LEFT, RIGHT], [slums(box(70, 0, 110, 10))])
    assert (left.settlements, right.settlements) == (1, 0)
    assert (left.slum_m2, right.slum_m2) == (pytest.approx(300), pytest.approx(100))
    assert right.largest_m2 == pytest.approx(100)
    total = total_of([left, right])
    assert (total.settlements, total.slum_m2) == (1, pytest.approx(400))


def test_touching_and_slivers_do_not_count():
    ((left, right),) = measure_units(
        [LEFT, RIGHT], [slums(box(200, 0, 210, 10), box(199.999, 50, 220, 60))]
    )
    assert (left.settlements, right.settlements, right.slum_m2) == (0, 0, 0)


def test_growth_loss_and_rate():
    (_,), (unit,) = measure_units(
        [LEFT], [slums(box(0, 0, 20, 10)), slums(box(10, 0, 40, 10), date=SECOND)]
    )
    turnover = unit.turnover
    assert turnover.growth_m2 == pytest.approx(200)
    assert turnover.loss_m2 == pytest.approx(100)
    assert turnover.years == pytest.approx(4.0, abs=0.003)
    assert 200 * (1 + turnover.annual_rate) ** turnover.years == pytest.approx(300)


def test_growth_is_measured_on_ground_that_both_dates_cover():
    before = slums(box(0, 0, 20, 10), covered=box(0, 0, 50, 100))
    after = slums(box(0, 0, 20, 10), box(60, 0, 90, 10), date=SECOND, covered=LEFT)
    (_,), (unit,) = measure_units([LEFT], [before, after])
    assert unit.slum_m2 == pytest.approx(500)
    assert (unit.turnover.growth_m2, unit.turnover.loss_m2) == (0, 0)
    assert unit.turnover.annual_rate == pytest.approx(0)


def test_slums_beyond_the_imagery_are_cut():
    ((unit,),) = measure_units([LEFT], [slums(box(40, 0, 60, 10), covered=box(0, 0, 50, 100))])
    assert unit.slum_m2 == pytest.approx(100)
    assert unit.seen_m2 == pytest.approx(5000)
    row = indicator_row("Left", FIRST, unit)
    assert (row["covered"], row["slum_share"]) == (0.5, 0.02)


def test_a_unit_without_imagery_has_no_figures():
    ((_, right),) = measure_units([LEFT, RIGHT], [slums(box(0, 0, 9, 9), covered=LEFT)])
    row = indicator_row("Right", FIRST, right, UnitPeople(0, 0))
    assert (row["covered_m2"], row["covered"]) == (0, 0)
    assert row["slum_m2"] is row["settlements"] is row["pop"] is None


def test_no_common_ground_means_no_change():
    before = slums(box(0, 0, 20, 10), covered=box(0, 0, 50, 100))
    after = slums(box(60, 0, 90, 10), date=SECOND, covered=box(50, 0, 100, 100))
    (_,), (unit,) = measure_units([LEFT], [before, after])
    assert unit.turnover is None


def test_unknown_coverage_is_said_and_shares_are_of_the_unit():
    ((unit,),) = measure_units([LEFT], [slums(box(0, 0, 10, 10))])
    row = indicator_row("Left", FIRST, unit, UnitPeople(5, 20), (50.0, 150.0))
    assert row["covered"] is row["covered_m2"] is None
    assert row["slum_share"] == 0.01
    assert row["pop_share"] == 0.25
    assert (row["slum_low_m2"], row["slum_high_m2"]) == (50, 150)


def test_a_rate_from_nothing_is_undefined_and_to_nothing_is_total():
    assert Turnover(5, 0, 0, 5, 1).annual_rate is None
    assert Turnover(0, 5, 5, 0, 2).annual_rate == -1
    assert Turnover(0, 0, 5, 5, 0).annual_rate is None


def test_overlap_of_units():
    assert overlap_share([LEFT, RIGHT]) == pytest.approx(0)
    assert overlap_share([LEFT, box(50, 0, 150, 100)]) == pytest.approx(0.25)


corners = st.tuples(
    st.integers(0, 180), st.integers(0, 90), st.integers(1, 40), st.integers(1, 30)
).map(lambda c: box(c[0], c[1], c[0] + c[2], c[1] + c[3]))


@given(st.lists(corners, max_size=6), st.lists(corners, max_size=6), corners)
def test_units_add_up_and_agree_with_counting_cells(before, after, covered):
    """The slow twin: one cell a square metre, looked at one by one."""
    dates = [slums(*before), slums(*after, date=SECOND, covered=covered)]
    first, second = measure_units([LEFT, RIGHT], dates)
    whole = measure_units([shapely.union_all([LEFT, RIGHT])], dates)
    for units, (one,) in zip((first, second), whole, strict=True):
        total = total_of(units)
        assert total.slum_m2 == pytest.approx(one.slum_m2)
        assert total.settlements == one.settlements
        assert total.seen_m2 == pytest.approx(one.seen_m2)
    seen = cells([covered])
    earlier, later = cells(before), cells(after) & seen
    for index, columns in enumerate((slice(0, 100), slice(100, 200))):
        part = (slice(0, 100), columns)
        assert second[index].slum_m2 == pytest.approx(later[part].sum())
        turnover = second[index].turnover
        assert (turnover is not None) == bool(seen[part].any())
        if turnover is not None:
            assert turnover.growth_m2 == pytest.approx((later & ~earlier)[part].sum(), abs=1e-6)
            assert turnover.loss_m2 == pytest.approx(
                (earlier & ~later & seen)[part].sum(), abs=1e-6
            )


def cells(shapes):
    table = np.zeros((120, 220), bool)
    for shape in shapes:
        left, bottom, right, top = (int(v) for v in shape.bounds)
        table[bottom:top, left:right] = True
    return table
