"""Slum outlines of several dates, from one layer a date or from layers that hold several."""

import datetime
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio

from geocity.core.geodesic_areas import geodesic_areas_m2
from geocity.core.slum_classes import choose_slum_class
from geocity.errors import ClassTableError, InputError
from geocity.io.dashboard.map_layers import in_lon_lat
from geocity.io.image_dates import parse_date
from geocity.io.named_units import split_layer
from geocity.io.staging import PathLike
from geocity.io.vectors import choose_layer, read_polygons

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LayerName:
    """A layer in a file.

    Attributes:
        path: the file.
        layer: the layer; None where the format has none.
    """

    path: Path
    layer: str | None

    def __str__(self) -> str:
        return f"{self.path}|layername={self.layer}" if self.layer else str(self.path)


@dataclass(frozen=True, eq=False, slots=True)
class DatedOutlines:
    """The outlines of one date.

    Attributes:
        date: of the imagery they were drawn from.
        frame: in longitude and latitude, with `name`, `area_m2` and `prob_mean` (NaN if unknown).
        sources: the images, as far as the outlines say.
        models: the models, as far as the outlines say.
        layers: where the outlines lie.
    """

    date: datetime.date
    frame: geopandas.GeoDataFrame
    sources: tuple[str, ...]
    models: tuple[str, ...]
    layers: tuple[LayerName, ...]


def find_layers(named: Sequence[PathLike]) -> list[LayerName]:
    """Return the layers meant by "FILE" or, as QGIS spells it, "FILE|layername=NAME".

    A file that holds several layers of polygons, named without one, stands for all of them.

    Raises:
        InputError: if a file or a layer is not there.
    """
    found: list[LayerName] = []
    for name in named:
        path, layer = split_layer(name)
        if layer or not path.exists() or path.suffix.lower() in (".parquet", ".geoparquet"):
            found.append(LayerName(path, choose_layer(path, layer)))
            continue
        kinds = _polygon_layers(path)
        if len(kinds) > 1:
            logger.info("%s holds %d layers of polygons; all are taken.", path, len(kinds))
        names: list[str | None] = [*kinds] or [choose_layer(path, None)]
        found += [LayerName(path, name) for name in names]
    if not found:
        raise InputError("No outlines were given; name at least one layer of slum polygons.")
    return found


def _polygon_layers(path: Path) -> list[str]:
    try:
        layers = pyogrio.list_layers(path)
    except pyogrio.errors.DataSourceError:
        return []  # the reader says why in its own words
    return [str(name) for name, kind in layers if kind and "Polygon" in str(kind)]


def read_outlines(
    layers: Sequence[LayerName],
    *,
    dates: Sequence[datetime.date] = (),
    slum_class: str | None = None,
) -> list[DatedOutlines]:
    """Read slum outlines and sort them by date.

    Args:
        layers: where they lie.
        dates: one a layer, in their order; by default the field `date` of each layer, or a whole
            date in the name of its file.
        slum_class: name or value of the class that means slum, where a layer holds several.

    Returns:
        One entry a date, the oldest first; layers of the same date are joined.

    Raises:
        InputError: if a layer has no date and none is given, or they are not as many.
        ClassTableError: if a layer does not show which of its classes means slum.
    """
    if dates and len(dates) != len(layers):
        named = ", ".join(str(layer) for layer in layers)
        raise InputError(
            f"{len(dates)} dates were given for {len(layers)} layers of outlines ({named}); give "
            "one date a layer, in the same order."
        )
    frames = []
    for number, layer in enumerate(layers):
        frame = _slums_only(read_polygons(layer.path, layer=layer.layer), layer, slum_class)
        day = dates[number] if dates else None
        frames.append(_in_house_fields(frame, layer, day).assign(layer=number))
    together = pd.concat(frames, ignore_index=True)
    return [
        DatedOutlines(
            date=date,
            frame=_named(
                geopandas.GeoDataFrame(
                    part.drop(columns="layer").reset_index(drop=True), crs=frames[0].crs
                )
            ),
            sources=_distinct(part["source"]),
            models=_distinct(part["model"]),
            layers=tuple(layers[number] for number in part["layer"].unique()),
        )
        for date, part in _by_date(together)
    ]


def _in_house_fields(
    frame: geopandas.GeoDataFrame, layer: LayerName, date: datetime.date | None
) -> geopandas.GeoDataFrame:
    """Return outlines in longitude and latitude with the columns that the page needs."""
    placed = in_lon_lat(frame)
    return geopandas.GeoDataFrame(
        {
            "date": [date] * len(frame) if date is not None else _own_dates(frame, layer),
            "name": _texts(frame, "slum_id", "name"),
            "area_m2": _areas(frame, placed),
            "prob_mean": _numbers(frame, "prob_mean"),
            "source": _texts(frame, "source"),
            "model": _texts(frame, "model"),
        },
        geometry=placed.geometry.to_numpy(),
        crs=placed.crs,
    )


def _named(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Number the outlines that have no name."""
    frame["name"] = [name or f"Outline {n}" for n, name in enumerate(frame["name"], start=1)]
    return frame


def _slums_only(
    frame: geopandas.GeoDataFrame, layer: LayerName, wanted: str | None
) -> geopandas.GeoDataFrame:
    """Return the outlines of slums, where a layer holds other classes too."""
    field = next((name for name in ("class", "class_name", "class_id") if name in frame), None)
    if field is None or frame[field].nunique() < 2:
        return frame
    # Counted from 1: none of them need be background.
    names = dict(enumerate(frame[field].astype(str).unique().tolist(), start=1))
    try:
        chosen = names[choose_slum_class(names, wanted)]
    except ValueError as error:
        raise ClassTableError(
            f"{layer} has {error}; say which class is slum (--slum-class)."
        ) from error
    kept: geopandas.GeoDataFrame = frame[frame[field].astype(str) == chosen]
    return kept


def _own_dates(frame: geopandas.GeoDataFrame, layer: LayerName) -> list[datetime.date]:
    advice = "give one for each layer of outlines (--date 2015-02-14)"
    if "date" not in frame:
        named = parse_date(layer.path.name)
        if named is None:
            raise InputError(f"{layer} does not say its date; {advice}.")
        return [named] * len(frame)
    days = pd.to_datetime(frame["date"], errors="coerce")
    if days.isna().any():
        raise InputError(f"{layer} has {days.isna().sum()} features without a date; {advice}.")
    return list(days.dt.date)


def _areas(
    frame: geopandas.GeoDataFrame, placed: geopandas.GeoDataFrame
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    stated = _numbers(frame, "area_m2")
    if np.isfinite(stated).all():
        return stated
    return geodesic_areas_m2(np.asarray(placed.geometry.array, dtype=object))


def _numbers(
    frame: geopandas.GeoDataFrame, field: str
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    if field not in frame:
        return np.full(len(frame), np.nan)
    values = pd.to_numeric(frame[field], errors="coerce").to_numpy(dtype=np.float64)
    return np.asarray(values)


def _texts(frame: geopandas.GeoDataFrame, *fields: str) -> list[str]:
    """Return the texts of the first of these fields that is there; empty where there is none."""
    for field in fields:
        if field in frame:
            return ["" if pd.isna(value) else str(value) for value in frame[field]]
    return [""] * len(frame)


def _distinct(texts: "pd.Series[str]") -> tuple[str, ...]:
    return tuple(sorted({text for text in texts if text}))


def _by_date(frame: pd.DataFrame) -> Iterator[tuple[datetime.date, pd.DataFrame]]:
    """Yield each date, oldest first, with its rows."""
    groups: Any = frame.groupby("date", sort=True)
    yield from groups
