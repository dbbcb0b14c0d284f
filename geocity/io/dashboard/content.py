"""What the page of the slum tracker holds, as plain values that turn into JSON."""

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import geopandas
import numpy as np
import pandas as pd

from geocity.core.reproject import METRES_PER_DEGREE
from geocity.core.tracker import (
    GONE,
    known,
    outline_figures,
    settlements_at,
)
from geocity.io.dashboard.assessments import Assessment
from geocity.io.dashboard.change_layers import KINDS, Change, Pair, shown_pairs
from geocity.io.dashboard.indicator_tables import FIGURES, Indicators
from geocity.io.dashboard.map_layers import (
    Drawing,
    bounds_of,
    map_layer,
    union_of,
)
from geocity.io.dashboard.outlines import DatedOutlines
from geocity.io.dashboard.pictures import LonLatBounds
from geocity.io.dashboard.settlement_list import histories_of, outline_list, settlement_list

SLUM = Drawing((230, 0, 77))
CHANGES: Mapping[str, Drawing] = {
    "growth": Drawing((215, 25, 28), "rising"),
    "loss": Drawing((44, 123, 182), "falling"),
    "persistent": Drawing((253, 174, 97)),
}
"""Told apart by people who see colours differently; hatched for those who print in grey."""

_STEPS_ACROSS = 8000


@dataclass(frozen=True, eq=False, slots=True)
class TrackerData:
    """Everything that goes into a page.

    Attributes:
        outlines: one entry a date, the oldest first.
        max_vectors: layers with more polygons become a picture.
        imagery: map layers of pictures by date.
        change: growth, loss and settlements, if known.
        indicators: figures by unit, if known.
        units: names and outlines of the units, if known.
        assessments: how good the map of a date is.
    """

    outlines: Sequence[DatedOutlines]
    max_vectors: int
    imagery: Mapping[datetime.date, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    change: Change | None = None
    indicators: Indicators | None = None
    units: geopandas.GeoDataFrame | None = None
    assessments: Sequence[Assessment] = ()


@dataclass(frozen=True, slots=True)
class PageText:
    """What a page says beside its figures.

    Attributes:
        title: its heading.
        notes: paragraphs for the method note.
        credit: whose imagery it is.
        made_with: name and version of the software.
    """

    title: str
    notes: tuple[str, ...]
    credit: str
    made_with: str


def tracker_content(data: TrackerData, text: PageText) -> dict[str, Any]:
    """Return the content of the page; nothing in it but text, finite numbers, lists and mappings.

    Areas are those that came in, in m²; borders are simplified for display alone.
    """
    extent = _extent(data)
    west, south, east, north = extent
    tolerance = max(east - west, north - south) / _STEPS_ACROSS
    histories = histories_of(data.change)
    return {
        **asdict(text),
        "bounds": extent,
        "tolerance_m": tolerance * METRES_PER_DEGREE,
        "max_vectors": data.max_vectors,
        "dates": [_date(data, outlines, tolerance) for outlines in data.outlines],
        "pairs": _pairs(data, tolerance),
        "units": _units(data, tolerance),
        "indicators": _indicators(data.indicators),
        "settlements": settlement_list(histories) or outline_list(data.outlines[-1]),
        "followed": bool(histories),
        "assessments": [
            {**asdict(assessment), "date": assessment.date.isoformat()}
            for assessment in data.assessments
        ],
    }


def _extent(data: TrackerData) -> LonLatBounds:
    found = [bounds_of(outlines.frame) for outlines in data.outlines]
    found += [picture["bounds"] for pictures in data.imagery.values() for picture in pictures]
    return union_of(found)


def _date(data: TrackerData, outlines: DatedOutlines, tolerance: float) -> dict[str, Any]:
    frame = outlines.frame
    layer = map_layer(frame, SLUM, tolerance_deg=tolerance, max_vectors=data.max_vectors)
    if layer["kind"] == "vector":
        layer["names"] = list(frame["name"])
        layer["areas_m2"] = [round(float(area), 1) for area in frame["area_m2"]]
        layer["probabilities"] = [
            None if math.isnan(p) else round(p, 3) for p in frame["prob_mean"]
        ]
        layer["settlements"] = _settlements_of(outlines, data.change)
    return {
        "id": outlines.date.isoformat(),
        "imagery": list(data.imagery.get(outlines.date, ())),
        "outlines": layer,
        "figures": _date_figures(data, outlines),
        "sources": outlines.sources,
        "models": outlines.models,
    }


def _settlements_of(outlines: DatedOutlines, change: Change | None) -> list[str | None]:
    """Return the name of the settlement that each outline belongs to."""
    if change is None or change.settlements is None:
        return [None] * len(outlines.frame)
    table = change.settlements
    there = table[(table["date"] == outlines.date) & (table["status"] != GONE)]
    found = settlements_at(_geometries(outlines.frame), _geometries(there))
    names = there["settle_id"].to_list()
    return [names[index] if index >= 0 else None for index in found]


def _date_figures(data: TrackerData, outlines: DatedOutlines) -> dict[str, Any]:
    """Return the figures of a date: those of the indicators, else those of the outlines."""
    figures = _total_of(data.indicators, outlines.date)
    scope = "units"
    if figures is None:
        scope = "outlines"
        figures = outline_figures(outlines.frame["area_m2"].to_numpy())
        figures |= _changes_since_the_date_before(data, outlines.date)
    for assessment in data.assessments:
        if assessment.date == outlines.date:
            figures["estimate_m2"] = assessment.area_m2.value
            figures["low_m2"], figures["high_m2"] = assessment.area_m2.low, assessment.area_m2.high
    return {**known(figures), "scope": scope}


def _total_of(indicators: Indicators | None, date: datetime.date) -> dict[str, float] | None:
    if indicators is None:
        return None
    rows = indicators.totals[indicators.totals["date"] == date]
    if rows.empty:
        return None
    row = {name: float(rows.iloc[0][name]) for name in FIGURES}
    renamed = {"slum_m2": "area_m2", "slum_low_m2": "low_m2", "slum_high_m2": "high_m2"}
    return {renamed.get(name, name): value for name, value in row.items()}


def _changes_since_the_date_before(data: TrackerData, date: datetime.date) -> dict[str, float]:
    before = [o.date for o in data.outlines if o.date < date]
    if not before or data.change is None:
        return {}
    layers = data.change.pairs.get((max(before), date))
    if layers is None:
        return {}
    return {f"{kind}_m2": _area(layers.get(kind)) for kind in ("growth", "loss")}


def _area(frame: geopandas.GeoDataFrame | None) -> float:
    return 0.0 if frame is None else float(frame["area_m2"].sum())


def _pairs(data: TrackerData, tolerance: float) -> list[dict[str, Any]]:
    if data.change is None:
        return []
    return [_pair(data, data.change, pair, tolerance) for pair in shown_pairs(data.change.pairs)]


def _pair(data: TrackerData, change: Change, pair: Pair, tolerance: float) -> dict[str, Any]:
    layers = change.pairs[pair]
    before, after = (day.isoformat() for day in pair)
    figures = {f"{kind}_m2": _area(layers.get(kind)) for kind in KINDS}
    if pair in change.common_area_m2:
        figures["common_m2"] = change.common_area_m2[pair]
    drawn = {}
    for kind, frame in layers.items():
        layer = map_layer(
            frame, CHANGES[kind], tolerance_deg=tolerance, max_vectors=data.max_vectors
        )
        if layer["kind"] == "vector":
            layer["areas_m2"] = [round(float(area), 1) for area in frame["area_m2"]]
        drawn[kind] = layer
    return {
        "id": f"{before}/{after}",
        "from": before,
        "to": after,
        "layers": drawn,
        "figures": known(figures),
    }


def _units(data: TrackerData, tolerance: float) -> dict[str, Any] | None:
    units = data.units
    if units is None and data.indicators is not None:
        units = data.indicators.outlines
    if units is None:
        return None
    # Borders alone are light: units are drawn one by one, however many there are.
    layer = map_layer(units, SLUM, tolerance_deg=tolerance, max_vectors=len(units))
    bounds = units.geometry.bounds.to_numpy().round(6).tolist()
    return {"layer": layer, "names": list(units["unit"]), "bounds": bounds}


def _indicators(indicators: Indicators | None) -> dict[str, Any] | None:
    if indicators is None:
        return None
    together = pd.concat([indicators.units, indicators.totals])
    columns = [name for name in FIGURES if bool(np.isfinite(together[name]).any())]
    return {
        "columns": columns,
        "rows": _rows(indicators.units, columns),
        "totals": _rows(indicators.totals, columns),
    }


def _rows(table: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "unit": row["unit"],
            "date": row["date"].isoformat(),
            **known({name: row[name] for name in columns}),
        }
        for row in table.to_dict("records")
    ]


def _geometries(frame: geopandas.GeoDataFrame) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
    return np.asarray(frame.geometry.array, dtype=object)
