"""Indicators as rows of a table."""

import datetime
from collections.abc import Mapping
from typing import NamedTuple

from geocity.core.indicators import UnitSlums

ALL_UNITS = "All units"
"""The name of the row with the total of a date."""

COLUMNS: Mapping[str, str] = {
    "unit": "text",
    "date": "date",
    "unit_m2": "number",
    "covered_m2": "number",
    "covered": "number",
    "slum_m2": "number",
    "slum_share": "number",
    "settlements": "integer",
    "largest_m2": "number",
    "growth_m2": "number",
    "loss_m2": "number",
    "annual_rate": "number",
}
"""Name and kind of every column that is always there."""

PEOPLE_COLUMNS: Mapping[str, str] = {"slum_pop": "number", "pop": "number", "pop_share": "number"}
INTERVAL_COLUMNS: Mapping[str, str] = {"slum_low_m2": "number", "slum_high_m2": "number"}

Row = dict[str, str | datetime.date | float | int | None]


class UnitPeople(NamedTuple):
    """People of a unit: in its slums, and in all of it that the imagery covers."""

    slums: float
    all: float


Interval = tuple[float, float]
"""(low, high), m²."""


def indicator_row(
    name: str,
    date: datetime.date,
    unit: UnitSlums,
    people: UnitPeople | None = None,
    interval: Interval | None = None,
) -> Row:
    """Return the figures of a unit on a date; None stands for what nobody can know.

    Shares are of the part that the imagery covers; of the whole unit where nobody knows that part.
    A unit without any imagery has an area and nothing else.

    Args:
        name: of the unit.
        date: of the image.
        unit: what was measured.
        people: in its slums and in all of it.
        interval: of its slum area, from an accuracy assessment.

    Returns:
        A value for every column of `COLUMNS`, `PEOPLE_COLUMNS` and `INTERVAL_COLUMNS`.
    """
    row: Row = dict.fromkeys((*COLUMNS, *PEOPLE_COLUMNS, *INTERVAL_COLUMNS))
    row |= {"unit": name, "date": date, "unit_m2": _area(unit.unit_m2)}
    if unit.coverage_known:
        # Rounding in the overlay may leave a hair more than there is.
        seen = min(unit.seen_m2, unit.unit_m2)
        row |= {"covered_m2": _area(seen), "covered": _share(seen, unit.unit_m2)}
    if unit.seen_m2 <= 0:
        return row
    row |= {
        "slum_m2": _area(unit.slum_m2),
        "slum_share": _share(unit.slum_m2, unit.seen_m2),
        "settlements": unit.settlements,
        "largest_m2": _area(unit.largest_m2),
    }
    if (turnover := unit.turnover) is not None:
        rate = turnover.annual_rate
        row |= {
            "growth_m2": _area(turnover.growth_m2),
            "loss_m2": _area(turnover.loss_m2),
            "annual_rate": None if rate is None else round(rate, 6),
        }
    if people is not None:
        row |= {
            "slum_pop": round(people.slums, 1),
            "pop": round(people.all, 1),
            "pop_share": _share(people.slums, people.all),
        }
    if interval is not None:
        row |= {"slum_low_m2": _area(interval[0]), "slum_high_m2": _area(interval[1])}
    return row


def _area(square_metres: float) -> float:
    return round(square_metres, 2)


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole > 0 else None
