"""Settlements and pieces of change as features, the same for rasters and for outlines."""

import datetime
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geocity.core.settlement_history import DatedSettlements
from geocity.io.change_layers import settlement_id
from geocity.io.vector_layers import Batch

Numbers = NDArray[np.int64]
Geometries: TypeAlias = NDArray[np.object_] | pa.BinaryArray
"""Outlines as objects, or as WKB."""

_GONE = "gone"


def settlement_batch(
    geometries: Geometries,
    places: Numbers,
    settlements: DatedSettlements,
    date: datetime.date,
    n_px: Numbers | None = None,
) -> Batch:
    """Return settlements of a date as features.

    Args:
        geometries: outlines.
        places: which settlement of the date each of them is.
        settlements: of the date.
        date: the date.
        n_px: pixels of each outline, from rasters.
    """
    area_m2, prev_m2 = settlements.area_m2[places], settlements.prev_m2[places]
    columns: dict[str, Any] = {
        "settle_id": _ids(settlements.numbers[places]),
        "date": [date] * len(places),
        "status": [settlements.status[place] for place in places],
        "area_m2": area_m2,
        "prev_m2": prev_m2,
        # Sums of floats leave crumbs where nothing changed.
        "change_m2": np.round(area_m2 - prev_m2, 6),
        "parents": [
            ",".join(settlement_id(n) for n in settlements.parents[place]) for place in places
        ],
    }
    if n_px is not None:
        columns["n_px"] = n_px
    return geometries, columns


def gone_batch(
    geometries: Geometries,
    places: Numbers,
    former: DatedSettlements,
    date: datetime.date,
    *,
    with_pixels: bool,
) -> Batch:
    """Return settlements that are gone as features with their last outline.

    Args:
        geometries: outlines on the date before.
        places: which settlement of the date before each of them was.
        former: the settlements of the date before.
        date: the date on which they are missing.
        with_pixels: whether there is a field `n_px`.
    """
    was_m2 = former.area_m2[places]
    ids = _ids(former.numbers[places])
    columns: dict[str, Any] = {
        "settle_id": ids,
        "date": [date] * len(places),
        "status": [_GONE] * len(places),
        "area_m2": np.zeros(len(places)),
        "prev_m2": was_m2,
        "change_m2": -was_m2,
        "parents": ids,
    }
    if with_pixels:
        columns["n_px"] = np.zeros(len(places), np.int64)
    return geometries, columns


def change_batch(
    kind: str,
    geometries: Geometries,
    area_m2: NDArray[np.float64],
    dates: tuple[datetime.date, datetime.date],
    identities: tuple[Numbers, Numbers],
) -> Batch:
    """Return pieces of one kind of change as features.

    Args:
        kind: `growth`, `loss` or `persistent`.
        geometries: outlines.
        area_m2: of each.
        dates: the two dates.
        identities: settlement before and after of each piece, 0 where there is none.
    """
    before, after = identities
    columns: dict[str, Any] = {
        "change": [kind] * len(geometries),
        "from_date": [dates[0]] * len(geometries),
        "to_date": [dates[1]] * len(geometries),
        "area_m2": area_m2,
        "id_before": _ids(before),
        "id_after": _ids(after),
    }
    return geometries, columns


def common_area_batch(
    geometry: Any, dates: tuple[datetime.date, datetime.date], area_m2: float
) -> Batch:
    """Return the ground that the dates share as one feature."""
    columns: dict[str, Any] = {"from_date": [dates[0]], "to_date": [dates[1]], "area_m2": [area_m2]}
    return np.array([geometry], dtype=object), columns


def _ids(numbers: Numbers) -> list[str | None]:
    return [settlement_id(number) if number else None for number in numbers.tolist()]
