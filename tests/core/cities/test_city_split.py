"""Every unit has one part, every unit is the test once when folds are asked for."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.cities.city_split import is_held_out, part_on_date, split_units


@given(st.integers(3, 40), st.integers(0, 5))
def test_single_split(count, seed):
    units = [f"u{i}" for i in range(count)]
    (parts,) = split_units(units, 1, [seed])
    dealt = list(parts.values())
    assert set(parts) == set(units)
    assert dealt.count("test") == dealt.count("val") == max(1, round(count * 0.2))
    assert dealt.count("train") >= 1
    assert split_units(list(reversed(units)), 1, [seed]) == [parts]


@given(st.integers(3, 40), st.integers(3, 8), st.integers(0, 5))
def test_folds_rotate(count, folds, seed):
    if count < folds:
        return
    units = [f"u{i}" for i in range(count)]
    rounds = split_units(units, folds, [seed])
    assert len(rounds) == folds
    for unit in units:
        assert sorted(parts[unit] for parts in rounds) == ["test"] + ["train"] * (folds - 2) + [
            "val"
        ]
    for parts in rounds:
        assert set(parts.values()) == {"train", "val", "test"}


def test_seed_matters():
    units = [f"u{i}" for i in range(20)]
    assert split_units(units, 1, [0]) != split_units(units, 1, [1])


@pytest.mark.parametrize(("count", "folds"), [(2, 1), (4, 5), (9, 2)])
def test_too_few(count, folds):
    with pytest.raises(ValueError, match="cannot be split"):
        split_units([str(i) for i in range(count)], folds, [0])


def test_dates():
    day = datetime.date(2018, 5, 21)
    assert is_held_out(day, "2018")
    assert is_held_out(day, "2018-05-21")
    assert not is_held_out(day, "2018-06")
    assert not is_held_out(day, "201")
    assert part_on_date("train", held_out=True) == ""
