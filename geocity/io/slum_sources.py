"""Slums as they come: polygon layers with or without dates, and class rasters."""

import datetime
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pyproj
from numpy.typing import NDArray

from geocity.core.classes import BACKGROUND
from geocity.core.progress import Progress
from geocity.core.slum_classes import choose_slum_class
from geocity.errors import ClassTableError, InputError
from geocity.io.image_dates import DATE_FIELD, date_in_names, date_in_value
from geocity.io.named_units import split_layer
from geocity.io.staging import PathLike
from geocity.io.traced_rasters import is_raster, trace_class
from geocity.io.vectors import read_polygons

logger = logging.getLogger(__name__)

GONE = "gone"
"""The status of a settlement that a later image no longer shows; its outline is the last one."""


@dataclass(frozen=True, slots=True, eq=False)
class DatedSlums:
    """The slums of one date from one source.

    Attributes:
        date: of the image.
        crs: of the outlines.
        outlines: polygons or multipolygons.
        valid: the ground that is known to be covered; None where the source does not say.
    """

    date: datetime.date
    crs: pyproj.CRS
    outlines: NDArray[np.object_]
    valid: NDArray[np.object_] | None


def read_slums(
    path: PathLike, *, wanted: str | None, date: datetime.date | None, progress: Progress
) -> list[DatedSlums]:
    """Read a polygon layer or a class raster.

    Args:
        path: a layer, ``file.gpkg|layername=x``, a file whose layers all have a field `date`, or a
            class raster.
        wanted: name or value of the class that means slum, where there are several.
        date: of the image; by default what the source says, or its name.
        progress: told of the rows of a raster.

    Returns:
        One or more dates, oldest first.

    Raises:
        InputError: if the source cannot be read, or says no date.
        ClassTableError: if it does not show which class means slum.
    """
    if is_raster(path):
        traced = trace_class(path, wanted, progress)
        day = date or traced.date or date_in_names(Path(path).name)
        if day is None:
            raise _undated(path)
        return [DatedSlums(day, traced.crs, traced.outlines, traced.valid)]
    file, layer = split_layer(path)
    layers = [layer] if layer is not None else _dated_layers(file)
    found = [part for name in layers for part in _read_layer(file, name, wanted, date)]
    return sorted(found, key=lambda part: part.date)


def _dated_layers(file: Path) -> Sequence[str | None]:
    """Return the layers of a file that has one a date; else leave the choice to the reader."""
    if not file.exists() or file.suffix.lower() in (".parquet", ".geoparquet"):
        return [None]
    try:
        names = [str(name) for name, kind in pyogrio.list_layers(file) if kind is not None]
        dated = [DATE_FIELD in pyogrio.read_info(file, layer=name)["fields"] for name in names]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError):
        return [None]
    if len(names) > 1 and all(dated):
        logger.info("%s: the layers %s are read.", file.name, ", ".join(names))
        return names
    return [None]


def _read_layer(
    file: Path, layer: str | None, wanted: str | None, date: datetime.date | None
) -> list[DatedSlums]:
    called = f"{file.name}, layer {layer}" if layer else file.name
    frame = _of_class(read_polygons(file, layer=layer), wanted, called)
    days = _days(frame, date, layer or "", file)
    there = np.ones(len(frame), bool)
    if "status" in frame.columns:
        there = (frame["status"] != GONE).to_numpy()
        if not there.all():
            logger.info("%s: %d outlines of what is gone are left out.", called, (~there).sum())
    crs = pyproj.CRS(frame.crs)
    outlines = np.asarray(frame.geometry.array, dtype=object)
    # A date on which everything is gone is a date without slums, not a date nobody looked at.
    return [
        DatedSlums(day, crs, outlines[(days == day) & there], None)
        for day in sorted(set(days.tolist()))
    ]


def _of_class(
    frame: geopandas.GeoDataFrame, wanted: str | None, called: str
) -> geopandas.GeoDataFrame:
    values = next((frame[c] for c in ("class_id", "class", "class_name") if c in frame), None)
    if values is None:
        return frame
    names = next((frame[c] for c in ("class", "class_name") if c in frame), values)
    numbers = values if pd.api.types.is_integer_dtype(values) else pd.factorize(values)[0] + 1
    numbers = pd.Series(np.asarray(numbers), index=frame.index)
    classes: dict[int, str] = {}
    for value, name in zip(numbers.tolist(), names.astype(str).tolist(), strict=True):
        classes.setdefault(int(value), str(name))
    if wanted is None and len(classes) == 1 and BACKGROUND not in classes:
        return frame
    try:
        value = choose_slum_class(classes, wanted)
    except ValueError as error:
        raise ClassTableError(
            f"{called} has {error}; say which class is slum (--slum-class)."
        ) from error
    return frame[numbers == value]


def _days(
    frame: geopandas.GeoDataFrame, date: datetime.date | None, layer: str, file: Path
) -> NDArray[np.object_]:
    if date is None and DATE_FIELD in frame.columns:
        days = [date_in_value(value) for value in frame[DATE_FIELD]]
        missing = sum(day is None for day in days)
        if missing:
            raise InputError(
                f"{missing} of {len(days)} outlines of {file} have no date in the field "
                f"{DATE_FIELD!r}; fill it in, or give one for all (--date)."
            )
        return np.array(days, dtype=object)
    day = date or date_in_names(layer, file.name)
    if day is None:
        raise _undated(file)
    return np.full(len(frame), day, dtype=object)


def _undated(path: PathLike) -> InputError:
    return InputError(
        f"{path} does not say when the image was taken, neither in a field or tag nor in its name; "
        "give its date (--date 2014-03-15)."
    )
