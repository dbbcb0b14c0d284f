"""The history of settlements: who is who from one date to the next, and what became of each.

A settlement is a connected patch of slum on one date. Between consecutive dates settlements are
**linked** where they overlap by at least 5 % of the smaller of the two; less than that is touching.

*Identity.* Of all links between two dates the largest overlap hands its identity on first, then the
next among settlements that have not yet given or received one, and so on (equal overlaps: the
earlier-numbered settlement first). So in a merger and in a split the largest overlap inherits, and
a number, once given, never means another settlement: one that was gone and is built anew is new.

*Status* on the later date, the first that fits:

- ``new``: no link to any settlement before;
- ``merged``: links to several settlements before;
- ``split``: its one settlement before has links to several now;
- ``grown``: larger than before by more than 5 % of the area before **and** by more than 100 m²;
- ``shrunk``: smaller by more than both;
- ``kept``: all others.

A settlement without any link to the later date is ``gone``. One that merged into another is not
gone: it is among the ``parents`` of the merged one. On the first date all are ``first``.

*Bookkeeping.* The area of every settlement before is booked, as `prev_m2`, to the one settlement
now with which its overlap is largest, or to its own ``gone`` row. So the changes of all rows of a
date add up to the change of the slum area, whatever merged and split.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HistoryRules:
    """When settlements are linked, and when one counts as grown or shrunk.

    Attributes:
        grown_share: least relative change of area, as a share of the area before.
        grown_m2: least change in m²; a change must pass both.
        least_overlap: share of the smaller of two settlements that must overlap for a link.
    """

    grown_share: float = 0.05
    grown_m2: float = 100.0
    least_overlap: float = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Where settlements of two dates overlap, each pair once.

    Attributes:
        before: (pairs,) settlement on the first date.
        after: (pairs,) settlement on the second.
        area_m2: (pairs,) what they share.
    """

    before: Numbers
    after: Numbers
    area_m2: Floats

    @classmethod
    def summed(cls, parts: Sequence["Overlaps"]) -> "Overlaps":
        """Return overlaps found in parts with every pair once, in rising order."""
        if not parts:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        before, after = (
            np.concatenate([getattr(p, n) for p in parts]) for n in ("before", "after")
        )
        pairs, place = np.unique(np.stack([before, after], axis=1), axis=0, return_inverse=True)
        shared = np.concatenate([p.area_m2 for p in parts])
        area_m2 = np.asarray(np.bincount(place.ravel(), shared, len(pairs)), np.float64)
        return cls(pairs[:, 0], pairs[:, 1], area_m2)


@dataclass(frozen=True, slots=True, eq=False)
class DatedSettlements:
    """The settlements of one date with their history.

    Attributes:
        numbers: (settlements,) identity, from 1 on.
        status: (settlements,) one of the words that the module explains, never ``gone``.
        parents: identities of the settlements before that it is linked to, the largest overlap
            first; none on the first date.
        area_m2: area on this date.
        prev_m2: area before that is booked to it; NaN on the first date.
        gone: settlements of the date before that are gone on this one, by their place there.
        descends: (settlements before,) settlement of this date with the largest overlap, or -1.
    """

    numbers: Numbers
    status: tuple[str, ...]
    parents: tuple[tuple[int, ...], ...]
    area_m2: Floats
    prev_m2: Floats
    gone: Numbers
    descends: Numbers


def settlement_history(
    areas_m2: Sequence[Floats],
    overlaps: Sequence[Overlaps],
    rules: HistoryRules | None = None,
) -> list[DatedSettlements]:
    """Follow settlements over any number of dates.

    Args:
        areas_m2: for each date the areas of its settlements.
        overlaps: for each pair of consecutive dates what settlements share; one fewer than dates.
        rules: thresholds.

    Returns:
        One entry a date.

    Raises:
        ValueError: if the numbers of dates and pairs do not fit.
    """
    if not areas_m2 or len(overlaps) != len(areas_m2) - 1:
        raise ValueError(f"{len(areas_m2)} dates need one overlap fewer, got {len(overlaps)}")
    count = len(areas_m2[0])
    nothing = np.empty(0, np.int64)
    first = DatedSettlements(
        numbers=np.arange(1, count + 1),
        status=("first",) * count,
        parents=((),) * count,
        area_m2=np.asarray(areas_m2[0], float),
        prev_m2=np.full(count, np.nan),
        gone=nothing,
        descends=nothing,
    )
    history, next_number = [first], count + 1
    for area_m2, shared in zip(areas_m2[1:], overlaps, strict=True):
        links = _Links.of(shared, history[-1].area_m2, area_m2, rules or HistoryRules())
        found = _next_date(history[-1], area_m2, links, next_number, rules or HistoryRules())
        next_number = max(next_number, int(found.numbers.max(initial=0)) + 1)
        history.append(found)
    return history


@dataclass(frozen=True, slots=True)
class _Links:
    """Links between two dates, the largest overlap first."""

    pairs: tuple[tuple[int, int], ...]
    of_before: dict[int, list[int]]
    of_after: dict[int, list[int]]

    @classmethod
    def of(
        cls, shared: Overlaps, before_m2: Floats, after_m2: Floats, rules: HistoryRules
    ) -> "_Links":
        smaller = np.minimum(before_m2[shared.before], after_m2[shared.after])
        # A hair of tolerance: areas are sums of floats.
        linked = shared.area_m2 >= rules.least_overlap * smaller * (1 - 1e-9)
        linked &= shared.area_m2 > 0
        order = np.lexsort((shared.after, shared.before, -shared.area_m2))
        order = order[linked[order]]
        of_before, of_after = defaultdict(list), defaultdict(list)
        pairs = tuple(zip(shared.before[order].tolist(), shared.after[order].tolist(), strict=True))
        for before, after in pairs:
            of_before[before].append(after)
            of_after[after].append(before)
        return cls(pairs, dict(of_before), dict(of_after))


def _next_date(
    former: DatedSettlements,
    area_m2: Floats,
    links: _Links,
    next_number: int,
    rules: HistoryRules,
) -> DatedSettlements:
    count_before, count = len(former.numbers), len(area_m2)
    descends = np.full(count_before, -1, np.int64)
    for before, heirs in links.of_before.items():
        descends[before] = heirs[0]
    stays = descends >= 0
    prev_m2: Floats = np.bincount(descends[stays], former.area_m2[stays], count).astype(np.float64)
    parents = tuple(
        tuple(int(former.numbers[before]) for before in links.of_after.get(after, ()))
        for after in range(count)
    )
    status = tuple(
        _status(after, links, former.area_m2, float(area_m2[after]), rules)
        for after in range(count)
    )
    return DatedSettlements(
        numbers=_inherit(former.numbers, count, links, next_number),
        status=status,
        parents=parents,
        area_m2=np.asarray(area_m2, float),
        prev_m2=prev_m2,
        gone=np.flatnonzero(~stays),
        descends=descends,
    )


def _inherit(former: Numbers, count: int, links: _Links, next_number: int) -> Numbers:
    numbers = np.zeros(count, np.int64)
    given: set[int] = set()
    for before, after in links.pairs:
        if before not in given and not numbers[after]:
            numbers[after] = former[before]
            given.add(before)
    unnamed = np.flatnonzero(numbers == 0)
    numbers[unnamed] = np.arange(next_number, next_number + len(unnamed))
    return numbers


def _status(
    after: int, links: _Links, before_m2: Floats, area_m2: float, rules: HistoryRules
) -> str:
    parents = links.of_after.get(after, [])
    if not parents:
        return "new"
    if len(parents) > 1:
        return "merged"
    if len(links.of_before[parents[0]]) > 1:
        return "split"
    was_m2 = float(before_m2[parents[0]])
    change_m2 = area_m2 - was_m2
    if abs(change_m2) <= max(rules.grown_share * was_m2, rules.grown_m2):
        return "kept"
    return "grown" if change_m2 > 0 else "shrunk"


def identities_of(
    before: Numbers, after: Numbers, former: DatedSettlements, latter: DatedSettlements
) -> tuple[Numbers, Numbers]:
    """Name the settlements that pieces of change belong to.

    A piece of loss lies in a settlement of the former date; it is told of the settlement that has
    the largest overlap with it now. A piece of growth lies in one of the latter date; it is told
    of the settlement before that had the largest overlap with that. What persists lies in both.

    Args:
        before: settlement of the former date that each piece lies in, -1 for growth.
        after: settlement of the latter date, -1 for loss.
        former: the settlements of the former date.
        latter: those of the latter date.

    Returns:
        The identity before and the identity after of each piece; 0 where there is none.
    """
    main_parent = np.array([parents[0] if parents else 0 for parents in latter.parents], np.int64)
    heir = np.where(latter.descends >= 0, np.append(latter.numbers, 0)[latter.descends], 0)
    was = np.where(
        before >= 0, np.append(former.numbers, 0)[before], np.append(main_parent, 0)[after]
    )
    now = np.where(after >= 0, np.append(latter.numbers, 0)[after], np.append(heir, 0)[before])
    return was, now
