"""What `geocity change` found, as the page needs it: pairs of dates and settlements over time."""

import datetime
import itertools
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import pyogrio

from geocity.errors import InputError
from geocity.io.dashboard.map_layers import in_lon_lat, with_columns
from geocity.io.staging import PathLike
from geocity.io.vectors import read_polygons

logger = logging.getLogger(__name__)

KINDS = ("growth", "loss", "persistent")
Pair = tuple[datetime.date, datetime.date]

_SETTLEMENT_FIELDS = {
    "settle_id": "text",
    "date": "date",
    "status": "text",
    "area_m2": "number",
    "change_m2": "number",
    "parents": "text",
}


@dataclass(frozen=True, eq=False, slots=True)
class Change:
    """The layers of a change file, in longitude and latitude.

    Attributes:
        pairs: two dates and, for each kind of change that occurs, its polygons with `area_m2`.
        settlements: one row a settlement and date with `settle_id`, `date`, `status`, `area_m2`,
            `change_m2`, `parents`; None if the file has no such layer.
        common_area_m2: the ground that both dates of a pair show, where the file says so.
    """

    pairs: dict[Pair, dict[str, geopandas.GeoDataFrame]]
    settlements: geopandas.GeoDataFrame | None
    common_area_m2: dict[Pair, float]


def read_change(path: PathLike) -> Change:
    """Read a GeoPackage that `geocity change` wrote.

    Raises:
        InputError: if it is not one.
    """
    found = _layers(path)
    missing = [kind for kind in KINDS if kind not in found]
    if missing:
        raise InputError(
            f"{path} has no layer {missing[0]!r}; name the GeoPackage that `geocity change` wrote."
        )
    pairs: dict[Pair, dict[str, geopandas.GeoDataFrame]] = {}
    for kind in KINDS:
        frame = _read(path, kind, found[kind], {"area_m2": "number"})
        if frame is not None:
            for pair, part in frame.groupby(["from_date", "to_date"], sort=True):
                whole = geopandas.GeoDataFrame(part.reset_index(drop=True))
                pairs.setdefault(_pair(pair), {})[kind] = whole
    settlements = None
    if "settlements" in found:
        count = found["settlements"]
        settlements = _read(path, "settlements", count, _SETTLEMENT_FIELDS, ("date",))
    common = {}
    if "common_area" in found:
        frame = _read(path, "common_area", found["common_area"], {"area_m2": "number"})
        if frame is not None:
            sums = frame.groupby(["from_date", "to_date"])["area_m2"].sum()
            common = {_pair(pair): float(area) for pair, area in sums.items()}
            for pair in common:
                pairs.setdefault(pair, {})
    return Change(dict(sorted(pairs.items())), settlements, common)


def shown_pairs(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs that the page shows: consecutive dates, and the first with the last.

    Every pair of many dates would make the page grow with their square.

    Example:
        >>> a, b, c, d = (datetime.date(y, 1, 1) for y in (2000, 2010, 2015, 2020))
        >>> [(p.year, q.year) for p, q in shown_pairs([(a, b), (a, c), (a, d), (b, c), (c, d)])]
        [(2000, 2010), (2010, 2015), (2015, 2020), (2000, 2020)]
    """
    known = sorted(set(pairs))
    days = sorted({day for pair in known for day in pair})
    wanted = [*itertools.pairwise(days), (days[0], days[-1])] if days else []
    return list(dict.fromkeys(pair for pair in wanted if pair in known))


def _layers(path: PathLike) -> dict[str, int]:
    """Return the number of features of each layer."""
    if not Path(path).exists():
        raise InputError(f"{path} does not exist; check the name and the folder.")
    try:
        names = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        return {
            n: int(pyogrio.read_info(path, layer=n, force_feature_count=True)["features"])
            for n in names
        }
    except pyogrio.errors.DataSourceError as error:
        raise InputError(
            f"{path} cannot be read as a map layer; name the GeoPackage that `geocity change` "
            "wrote."
        ) from error


def _read(
    path: PathLike,
    layer: str,
    count: int,
    fields: dict[str, str],
    dates: tuple[str, ...] = ("from_date", "to_date"),
) -> geopandas.GeoDataFrame | None:
    """Read a layer with its fields checked; None where it is empty."""
    if not count:
        return None
    frame = in_lon_lat(read_polygons(path, layer=layer))
    wanted = {**dict.fromkeys(dates, "date"), **fields}
    for field, kind in wanted.items():
        if field not in frame:
            raise InputError(
                f"Layer {layer!r} of {path} has no field {field!r}; name the GeoPackage that "
                "`geocity change` wrote."
            )
        if kind == "date":
            days = pd.to_datetime(frame[field], errors="coerce")
            if days.isna().any():
                raise InputError(f"Layer {layer!r} of {path} has features without {field}.")
            frame[field] = days.dt.date
        elif kind == "text":
            frame[field] = ["" if pd.isna(value) else str(value) for value in frame[field]]
        else:
            frame[field] = pd.to_numeric(frame[field], errors="coerce").astype("float64")
    return with_columns(frame, tuple(wanted))


def _pair(pair: Any) -> Pair:
    before, after = pair  # a group's key, of two dates
    return before, after
