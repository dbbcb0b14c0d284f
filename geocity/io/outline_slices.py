"""Outlines of a layer read a slice at a time, for layers too large to hold."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray

from geocity.io.layer_checks import READ_ERRORS, TABLE_ERRORS, refuse_no_crs, unreadable
from geocity.io.remote import gdal_path
from geocity.io.usable_polygons import Mending, usable_features
from geocity.io.vector_layers import PARQUET_SUFFIXES
from geocity.io.vectors import read_frame

_GEO = b"geo"
_LONLAT = "OGC:CRS84"  # what GeoParquet means where it names no CRS


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """What is known of a layer before it is read.

    Attributes:
        features: how many it has.
        crs: of its coordinates.
    """

    features: int
    crs: pyproj.CRS


@dataclass(frozen=True, slots=True, eq=False)
class OutlineSlice:
    """Some consecutive features of a layer, as far as they can be used.

    Attributes:
        polygons: valid and flat, in the CRS of the layer.
        names: value of the field asked for, as text; None where there is no such field.
        mending: what was done to the features.
    """

    polygons: NDArray[np.object_]
    names: tuple[str, ...] | None
    mending: Mending


def layer_facts(path: Path, layer: str | None) -> LayerFacts:
    """Look how many features a layer has, and where on Earth it lies.

    Raises:
        InputError: if it cannot be read.
        MissingCRSError: if it does not say where it lies.
    """
    if _is_parquet(path):
        try:
            count, crs = _parquet_facts(path)
        except TABLE_ERRORS as error:
            raise unreadable(path, error) from error
    else:
        try:
            about = pyogrio.read_info(gdal_path(path), layer=layer, force_feature_count=True)
        except READ_ERRORS as error:
            raise unreadable(path, error) from error
        count, crs = int(about["features"]), about["crs"]
    refuse_no_crs(path, crs)
    return LayerFacts(count, pyproj.CRS.from_user_input(crs))


def read_slice(path: Path, layer: str | None, rows: range, field: str) -> OutlineSlice:
    """Read some consecutive features.

    Args:
        path: any format that OGR reads, or GeoParquet.
        layer: needed where the file holds several.
        rows: which features, counted from 0.
        field: whose values to keep.

    Raises:
        InputError: if it cannot be read.
    """
    frame = _parquet_rows(path, rows, field) if _is_parquet(path) else read_frame(path, layer, rows)
    if not isinstance(frame, geopandas.GeoDataFrame):
        return OutlineSlice(np.empty(0, object), None, Mending())
    frame, mending = usable_features(frame)
    names = tuple(map(_text, frame[field])) if field in frame.columns else None
    return OutlineSlice(np.asarray(frame.geometry.array, dtype=object), names, mending)


def date_values(path: Path, field: str) -> list[Any]:
    """Return the different values of a field of GeoParquet, without reading its outlines.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        if field not in pq.read_schema(path).names:
            return []
        values = pq.read_table(path, columns=[field])[field].unique().to_pylist()
    except TABLE_ERRORS as error:
        raise unreadable(path, error) from error
    return [value for value in values if isinstance(value, datetime.date | str)]


def _text(value: Any) -> str:
    """Return a class as text: whole numbers alike, whether or not others in the slice are none."""
    if value is None or value != value:  # NaN is not itself
        return "None"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in PARQUET_SUFFIXES


def _parquet_facts(path: Path) -> tuple[int, Any]:
    with pq.ParquetFile(path) as file:
        _, column = _geometry_of(file)
        return file.metadata.num_rows, column.get("crs", _LONLAT)


def _geometry_of(file: pq.ParquetFile) -> tuple[str, dict[str, Any]]:
    """Return the name of the geometry column and what is told of it."""
    told = (file.metadata.metadata or {}).get(_GEO)
    if told is None:
        raise ValueError("there is no GeoParquet metadata in it")
    about = json.loads(told)
    name = about["primary_column"]
    return name, dict(about["columns"][name])


def _parquet_rows(path: Path, rows: range, field: str) -> geopandas.GeoDataFrame:
    """Read rows out of the row groups that hold them."""
    try:
        with pq.ParquetFile(path) as file:
            name, column = _geometry_of(file)
            if column.get("encoding") != "WKB":
                return geopandas.read_parquet(path).iloc[rows.start : rows.stop]
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            ends = np.cumsum(sizes)
            first, last = np.searchsorted(ends, [rows.start, rows.stop - 1], side="right")
            columns = [each for each in (name, field) if each in file.schema_arrow.names]
            table = file.read_row_groups(list(range(first, last + 1)), columns=columns)
            table = table.slice(rows.start - int(ends[first] - sizes[first]), len(rows))
            shapes = shapely.from_wkb(table[name].to_numpy(zero_copy_only=False), on_invalid="fix")
            others = table.drop_columns([name]).to_pandas()
            crs = column.get("crs", _LONLAT)
    except TABLE_ERRORS as error:
        raise unreadable(path, error) from error
    return geopandas.GeoDataFrame(others, geometry=shapes, crs=crs)
