"""Which places of a city are for training, which for validation, which for the test.

A place (a unit of `ground_units`) never lies in two parts. Patches of one place resemble each
other, so the number of places, not of patches, says how far a result can be trusted.
"""

import datetime
from collections.abc import Sequence

import numpy as np

TEST_SHARE = 0.2
"""Of the units of a city, for the test, and as much for validation; one at least."""
LEAST_UNITS = 3
SAME_DATE = "test_same_date"
"""The part of test places on the dates of training: shows what the held-out date costs."""


def split_units(units: Sequence[str], folds: int, seed: Sequence[int]) -> list[dict[str, str]]:
    """Deal the units of one city to the parts.

    Args:
        units: names, each once.
        folds: 1 for a single split; else the units are dealt into so many groups, and each is the
            test once while the next one validates.
        seed: of the order in which they are dealt.

    Returns:
        For each fold, the part of every unit.

    Raises:
        ValueError: if there are fewer than three units, or fewer than folds; or two folds.
    """
    if len(units) < max(LEAST_UNITS, folds) or folds == 2:
        raise ValueError(f"{len(units)} units cannot be split in {folds} folds")
    ordered = sorted(units)
    dealt = [ordered[i] for i in np.random.default_rng(list(seed)).permutation(len(ordered))]
    if folds == 1:
        count = max(1, round(TEST_SHARE * len(dealt)))
        return [_parts(dealt, set(dealt[:count]), set(dealt[count : 2 * count]))]
    groups = [set(dealt[start::folds]) for start in range(folds)]
    return [_parts(dealt, groups[f], groups[(f + 1) % folds]) for f in range(folds)]


def _parts(units: Sequence[str], test: set[str], val: set[str]) -> dict[str, str]:
    return {u: "test" if u in test else "val" if u in val else "train" for u in units}


def part_on_date(part: str, held_out: bool) -> str:
    """Return what a place's part becomes for an image when a date is held out.

    The held-out date tests, other dates train and validate, and a place serves for one of them
    only. Test places on the other dates are kept apart, for the comparison.

    Example:
        >>> [part_on_date(p, True) for p in ("train", "val", "test")]
        ['', '', 'test']
        >>> [part_on_date(p, False) for p in ("train", "val", "test")]
        ['train', 'val', 'test_same_date']
    """
    if held_out:
        return "test" if part == "test" else ""
    return SAME_DATE if part == "test" else part


def is_held_out(date: datetime.date, wanted: str) -> bool:
    """Tell whether a date is meant by ``2018``, ``2018-05`` or ``2018-05-21``.

    Example:
        >>> is_held_out(datetime.date(2018, 5, 21), "2018-05")
        True
    """
    text = date.isoformat()
    return text == wanted or text.startswith(wanted + "-")
