"""Writing polygon layers as a stream of batches, in the formats that analysts use.

The suffix chooses the format. Batches travel through Arrow: dates stay dates, memory does not grow
with the layer, and a spatial index is built once, at the end.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray

from geocity.errors import InputError, OutputError
from geocity.io.geoparquet import write_geoparquet
from geocity.io.staging import PathLike, Stage, staged

logger = logging.getLogger(__name__)

FIELD_TYPES: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int32(),  # 64 bits become floating point in a file geodatabase
    "number": pa.float64(),
    "date": pa.date32(),
}
GEOMETRY = "geometry"

Batch = tuple[NDArray[np.object_] | pa.BinaryArray, Mapping[str, Sequence[Any] | NDArray[Any]]]
"""Geometries, as objects or as WKB, and the columns beside them."""


@dataclass(frozen=True, slots=True)
class VectorFormat:
    """How OGR writes one format."""

    driver: str
    dataset_options: Mapping[str, str]
    layer_options: Mapping[str, str]
    sidecars: tuple[str, ...] = ()


_RFC7946 = VectorFormat("GeoJSON", {}, {"RFC7946": "YES", "COORDINATE_PRECISION": "7"})
FORMATS: Mapping[str, VectorFormat] = {
    # Version 1.2: newer ones make QGIS 3.22 and GDAL 3.6 complain.
    ".gpkg": VectorFormat("GPKG", {"VERSION": "1.2"}, {"GEOMETRY_NAME": "geom"}),
    ".shp": VectorFormat(
        "ESRI Shapefile",
        {},
        {"ENCODING": "UTF-8", "2GB_LIMIT": "YES"},
        (".shx", ".dbf", ".prj", ".cpg"),
    ),
    ".geojson": _RFC7946,
    ".json": _RFC7946,
    ".fgb": VectorFormat("FlatGeobuf", {}, {}),
}
_EPOCH = "2000-01-01T00:00:00.000Z"
PARQUET_SUFFIXES = (".parquet", ".geoparquet")


@dataclass(frozen=True, slots=True)
class Layer:
    """What a layer is and is called.

    Attributes:
        name: ASCII letters, digits and underscores, so that every program can show it.
        crs: of its coordinates.
        fields: name and kind of each column, in order; kinds are those of `FIELD_TYPES`.
        multi: whether features are MultiPolygons; a layer has one geometry type.
        title: for people; shown by QGIS.
        description: what to know about the fields; shown by QGIS.
    """

    name: str
    crs: pyproj.CRS
    fields: Mapping[str, str]
    multi: bool = False
    title: str = ""
    description: str = ""

    @property
    def geometry_type(self) -> str:
        """Return the OGR name of the geometry type."""
        return "MultiPolygon" if self.multi else "Polygon"


def refuse_unknown_format(out: PathLike) -> None:
    """Refuse a name whose suffix stands for no vector format.

    Raises:
        InputError: with the suffixes that do.
    """
    known = (*FORMATS, *PARQUET_SUFFIXES)
    if Path(out).suffix.lower() not in known:
        raise InputError(
            f"{out} does not end in a vector format that geocity writes; use {', '.join(known)}."
        )


def write_batches(
    out: PathLike,
    layer: Layer,
    batches: Iterable[Batch],
    *,
    overwrite: bool = False,
    dress: Callable[[Stage], None] | None = None,
) -> Path:
    """Write a layer from batches of features as they come.

    Args:
        out: the file; its suffix chooses the format.
        layer: name, CRS and fields.
        batches: geometries and columns; none at all gives an empty layer.
        overwrite: replace what is there.
        dress: called with the finished but unnamed file, to put a style in it or beside it.

    Returns:
        The path of the file.

    Raises:
        InputError: if the suffix stands for no format, or a field name does not fit a shapefile.
        OutputError: if the file cannot be written, or outgrows its format.
    """
    refuse_unknown_format(out)
    path = Path(out)
    _refuse_field_names(path, layer.fields)
    with staged(path, overwrite=overwrite) as stage:
        if path.suffix.lower() in PARQUET_SUFFIXES:
            write_geoparquet(
                stage.path, schema_of(layer), map(_table_maker(layer), batches), layer.crs
            )
        else:
            form = FORMATS[path.suffix.lower()]
            for suffix in form.sidecars:
                stage.sidecar(suffix)
            with undated():
                _write_with_ogr(path, stage.path, layer, form, batches)
        if dress is not None:
            dress(stage)
    return path


def schema_of(layer: Layer) -> pa.Schema:
    """Return the Arrow schema of a layer, the geometry as WKB and last."""
    fields = [pa.field(name, FIELD_TYPES[kind]) for name, kind in layer.fields.items()]
    geometry = pa.field(GEOMETRY, pa.binary(), metadata={"ARROW:extension:name": "geoarrow.wkb"})
    return pa.schema([*fields, geometry])


def _table_maker(layer: Layer) -> Any:
    schema = schema_of(layer)

    def make(batch: Batch) -> pa.RecordBatch:
        geometries, columns = batch
        arrays = [
            pa.array(columns[name], FIELD_TYPES[kind], from_pandas=True)  # NaN is no value
            for name, kind in layer.fields.items()
        ]
        is_wkb = isinstance(geometries, pa.BinaryArray)
        arrays.append(geometries if is_wkb else pa.array(shapely.to_wkb(geometries), pa.binary()))
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    return make


@contextlib.contextmanager
def undated() -> Iterator[None]:
    """Let OGR write no time of writing: the same features give the same bytes."""
    name = "OGR_CURRENT_DATE"
    former = pyogrio.get_gdal_config_option(name)
    pyogrio.set_gdal_config_options({name: _EPOCH})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({name: former})


def _write_with_ogr(
    out: Path, target: Path, layer: Layer, form: VectorFormat, batches: Iterable[Batch]
) -> None:
    failure: list[BaseException] = []

    def stream() -> Iterator[pa.RecordBatch]:
        # An error cannot cross OGR's C code: it is kept here and raised behind it.
        try:
            yield from map(_table_maker(layer), batches)
        except BaseException as error:
            failure.append(error)
            raise

    options = dict(form.layer_options)
    if form.driver == "GPKG":
        options |= {"IDENTIFIER": layer.title or layer.name, "DESCRIPTION": layer.description}
    try:
        pyogrio.write_arrow(
            pa.RecordBatchReader.from_batches(schema_of(layer), stream()),
            target,
            layer=layer.name if form.driver in ("GPKG", "FlatGeobuf", "GeoJSON") else None,
            driver=form.driver,
            geometry_name=GEOMETRY,
            geometry_type=layer.geometry_type,
            crs=_crs_text(layer.crs),
            dataset_options=dict(form.dataset_options),
            layer_options=options,
        )
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, RuntimeError) as error:
        if failure:
            raise failure[0] from None
        hint = " A shapefile holds 2 GB at most; write a .gpkg." if form.sidecars else ""
        raise OutputError(f"{out} cannot be written: {_first_line(error)}.{hint}") from error
    if failure:
        raise failure[0]


def _refuse_field_names(out: Path, fields: Mapping[str, str]) -> None:
    long = [name for name in fields if len(name.encode()) > 10]
    if out.suffix.lower() == ".shp" and long:
        raise InputError(
            f"A shapefile cuts field names to 10 characters, which would maim {', '.join(long)}; "
            "write a GeoPackage (.gpkg) instead."
        )


def _crs_text(crs: pyproj.CRS) -> str:
    authority = crs.to_authority(min_confidence=100)
    return ":".join(authority) if authority else str(crs.to_wkt())


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [repr(error)]
    return lines[0].rstrip(".")
