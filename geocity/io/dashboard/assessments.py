"""What `geocity assess estimate` found, as the page needs it."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geocity.core.slum_classes import choose_slum_class
from geocity.errors import InputError
from geocity.io.staging import PathLike


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the interval around it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """How good a map of slums is, by a reference sample.

    Attributes:
        date: of the map.
        confidence: of the intervals, such as 0.95.
        reference: how many places were looked at.
        area_m2: the slum area, corrected for the errors of the map.
        mapped_m2: the slum area of the map itself.
        overall: share of the map that is right.
        users: share of what the map calls slum that is slum.
        producers: share of the slums that the map shows.
    """

    date: datetime.date
    confidence: float
    reference: int
    area_m2: Interval
    mapped_m2: float
    overall: Interval
    users: Interval
    producers: Interval


def read_assessment(
    path: PathLike, *, slum_class: str | None, date: datetime.date | None = None
) -> Assessment:
    """Read a file that `geocity assess estimate` wrote.

    Args:
        path: the JSON file.
        slum_class: name of the class that means slum, where there are several.
        date: of the map, where the file does not say.

    Raises:
        InputError: if it is not such a file, has no such class, or no date is known.
    """
    content = _read(path)
    try:
        names = [str(name) for name in content["classes"]]
        name = names[choose_slum_class(dict(enumerate(names)), slum_class)]
        area = content["area_m2"][name]
        day = content.get("date")
        known = datetime.date.fromisoformat(str(day)[:10]) if day else date
        if known is None:
            raise InputError(
                f"{path} does not say which date it assesses and there are several; write it into "
                'the file as "date": "2025-02-09".'
            )
        return Assessment(
            date=known,
            confidence=float(content["confidence"]),
            reference=int(sum(sum(row) for row in content["matrix_counts"])),
            area_m2=Interval(*(float(area[key]) for key in ("estimate", "low", "high"))),
            mapped_m2=float(area["mapped"]),
            overall=_interval(content["overall"]),
            users=_interval(content["users"][name]),
            producers=_interval(content["producers"][name]),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} does not assess a map of slums ({error}); name the file that `geocity assess "
            "estimate` wrote, and the class that means slum (--slum-class)."
        ) from error


def _read(path: PathLike) -> dict[str, Any]:
    file = Path(path)
    if not file.exists():
        raise InputError(f"{path} does not exist; check the name and the folder.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(
            f"{path} is no JSON; name the file that `geocity assess estimate` wrote."
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds no assessment; name the file that `geocity assess estimate` wrote."
        )
    return content


def _interval(values: dict[str, Any]) -> Interval:
    return Interval(float(values["value"]), float(values["low"]), float(values["high"]))
