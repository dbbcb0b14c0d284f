"""The slum area with its confidence interval, as an accuracy assessment gives it."""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geocity.core.indicator_rows import Interval
from geocity.core.slum_classes import choose_slum_class
from geocity.errors import InputError
from geocity.io.staging import PathLike


@dataclass(frozen=True, slots=True)
class SlumIntervals:
    """What one assessment says of the slum area.

    Attributes:
        date: of the map; None where the assessment does not say.
        mapped_m2: slum area of the assessed map.
        whole: interval for the whole map; None where the sample met no error and cannot tell.
        units: interval for each unit that has one.
    """

    date: datetime.date | None
    mapped_m2: float
    whole: Interval | None
    units: Mapping[str, Interval]


def read_intervals(path: PathLike, wanted: str | None = None) -> SlumIntervals:
    """Read the slum area from an ``assessment.json``.

    Args:
        path: the file that `assess_estimate` wrote.
        wanted: name of the class that means slum, where there are several.

    Raises:
        InputError: if the file is no assessment, or does not show which class means slum.
    """
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist; check the name and the folder.")
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        names = [str(name) for name in content["classes"]]
        name = names[choose_slum_class(dict(enumerate(names)), wanted)]
        date = content["date"]
        return SlumIntervals(
            None if date is None else datetime.date.fromisoformat(date),
            float(content["area_m2"][name]["mapped"]),
            _interval(content["area_m2"][name]),
            {
                str(unit["unit"]): interval
                for unit in content.get("by_unit", [])
                if unit["area_m2"] and (interval := _interval(unit["area_m2"][name]))
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} does not give a slum area ({error}); name the assessment.json of a map of "
            "slums, made by geocity assess estimate, and the class (--slum-class)."
        ) from error


def _interval(area: Mapping[str, Any]) -> Interval | None:
    low, high = float(area["low"]), float(area["high"])
    return (low, high) if low < high else None
