"""Reading polygon layers: whatever cannot be used is refused, whatever can be mended is, and said.

pyogrio reads tables in one go, fiona hands out features one by one; both speak every format of OGR.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fiona
import geopandas
import numpy as np
import pyogrio
import pyproj
import shapely

from geocity.core.grid import transformer_between
from geocity.core.reproject import longest_edge, reproject_outlines
from geocity.errors import InputError
from geocity.io.layer_checks import (
    READ_ERRORS,
    TABLE_ERRORS,
    crs_name,
    refuse_lost_places,
    refuse_missing,
    refuse_no_crs,
    refuse_no_degrees,
    unreadable,
)
from geocity.io.remote import gdal_path
from geocity.io.staging import PathLike
from geocity.io.usable_polygons import POLYGONS, only_family, plural, repaired, usable_features

logger = logging.getLogger(__name__)


def read_polygons(
    path: PathLike,
    *,
    layer: str | None = None,
    crs: pyproj.CRS | None = None,
    geometry_types: Sequence[str] = POLYGONS,
) -> geopandas.GeoDataFrame:
    """Read the polygons of a layer, valid, flat and in the CRS asked for.

    Features without geometry and parts of other kinds are left out, invalid outlines are repaired,
    heights are dropped and curves become lines; the log says what was done and to how many.

    Args:
        path: any format that OGR reads, or GeoParquet.
        layer: needed where the file holds several.
        crs: what to reproject to; None leaves the layer in its own.
        geometry_types: kinds to keep, of "Polygon", "LineString" and "Point".

    Returns:
        A table with a fresh index and at least one row.

    Raises:
        InputError: if the file or the layer is missing, unreadable, ambiguous or has nothing to
            offer.
        MissingCRSError: if the layer does not say where on Earth it lies.
    """
    name = choose_layer(path, layer)
    frame = read_frame(path, name)
    if not isinstance(frame, geopandas.GeoDataFrame) or frame.empty:
        raise InputError(
            f"{_called(path, name)} has no features with geometry; name a layer of "
            f"{plural(geometry_types)}."
        )
    refuse_no_crs(path, frame.crs)
    frame, mending = usable_features(frame, geometry_types)
    mending.tell(path, geometry_types)
    refuse_no_degrees(path, frame.total_bounds, frame.crs)
    own = pyproj.CRS(frame.crs)
    if crs is not None and not own.equals(crs, ignore_axis_order=True):
        frame = _reprojected(frame, path, own, crs)
    return frame.reset_index(drop=True)


def choose_layer(path: PathLike, layer: str | None, *, preferred: str | None = None) -> str | None:
    """Return the name of the layer to read; None where the format has no layers.

    Args:
        path: any format that OGR reads, or GeoParquet.
        layer: the one that was named, if any.
        preferred: the one to take, if it is there, where none was named.

    Raises:
        InputError: if the file is missing or unreadable, has several layers and none was named, or
            not the one that was.
    """
    refuse_missing(path)
    if _is_parquet(path):
        return None
    try:
        found = pyogrio.list_layers(gdal_path(path))
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    names = [str(name) for name, _ in found]
    placed = [str(name) for name, kind in found if kind is not None]
    if layer is not None:
        if layer not in names:
            raise InputError(f"{path} has no layer {layer!r}; it has {_listed(names)}.")
        return layer
    if not placed:
        raise InputError(f"{path} has no layer with geometry; it is a table, not a map layer.")
    if preferred in placed:
        return preferred
    if len(placed) > 1:
        raise InputError(f"{path} has several layers; say which one: {_listed(placed)}.")
    return placed[0]


def stream_polygons(
    path: PathLike, *, layer: str | None = None, crs: pyproj.CRS | None = None
) -> Iterator[tuple[shapely.Geometry, dict[str, Any]]]:
    """Hand out the polygons of a layer one by one, for layers too large to hold.

    Args:
        path: any format that fiona reads.
        layer: needed where the file holds several.
        crs: what to reproject to.

    Yields:
        A valid polygon or multipolygon, and its attributes.

    Raises:
        InputError: as `read_polygons`.
        MissingCRSError: if the layer does not say where on Earth it lies.
    """
    name = choose_layer(path, layer)
    if _is_parquet(path):  # fiona does not read it
        frame = read_polygons(path, crs=crs)
        fields = frame.drop(columns=frame.geometry.name).to_dict("records")
        yield from zip(frame.geometry, fields, strict=True)
        return
    left_out = 0
    try:
        with fiona.open(gdal_path(path), layer=name) as source:
            refuse_no_crs(path, source.crs_wkt)
            own = pyproj.CRS.from_wkt(source.crs_wkt)
            reproject = _reprojection(own, crs)
            if crs is not None and not own.equals(crs, ignore_axis_order=True):
                _tell_reprojected(path, own, crs)
            for feature in source:
                polygon = _polygon_of(feature)
                if polygon is None:
                    left_out += 1
                    continue
                refuse_no_degrees(path, shapely.bounds(polygon), own)
                turned = reproject(polygon)
                refuse_lost_places(path, turned.bounds, own, crs or own)
                yield turned, dict(feature.properties)
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    if left_out:
        logger.warning("%s: %d features are no polygons and are left out.", path, left_out)


def _polygon_of(feature: Any) -> shapely.Geometry | None:
    if feature.geometry is None:
        return None
    geometry = shapely.force_2d(shapely.geometry.shape(feature.geometry))
    polygon = only_family(repaired(np.array([geometry])), POLYGONS)[0]
    return None if polygon.is_empty else polygon


def _reprojection(own: pyproj.CRS, crs: pyproj.CRS | None) -> Any:
    if crs is None or own.equals(crs, ignore_axis_order=True):
        return lambda polygon: polygon
    transformer = transformer_between(own, crs)

    def transform(coordinates: Any) -> Any:
        return np.column_stack(transformer.transform(coordinates[:, 0], coordinates[:, 1]))

    longest = longest_edge(own)
    return lambda polygon: shapely.transform(shapely.segmentize(polygon, longest), transform)


def read_frame(path: PathLike, layer: str | None, rows: range | None = None) -> Any:
    """Read a layer as it is, flat; a plain table where it has no geometry.

    Args:
        path: any format that OGR reads, or GeoParquet.
        layer: needed where the file holds several.
        rows: only these features, of a format that OGR reads.
    """
    if _is_parquet(path):
        try:
            return geopandas.read_parquet(path)
        except TABLE_ERRORS as error:
            raise unreadable(path, error) from error
    options: dict[str, Any] = {"layer": layer, "force_2d": True, "on_invalid": "fix"}
    if rows is not None:
        options |= {"skip_features": rows.start, "max_features": len(rows)}
    with warnings.catch_warnings():
        # Measures and odd field types are dropped on purpose; what counts is checked below.
        warnings.simplefilter("ignore")
        try:
            try:
                return pyogrio.read_dataframe(gdal_path(path), **options)
            except UnicodeDecodeError:
                logger.warning(
                    "The texts of %s are not in the encoding it declares; they are read as "
                    "Latin-1.",
                    path,
                )
                return pyogrio.read_dataframe(gdal_path(path), **options, encoding="ISO-8859-1")
        except READ_ERRORS as error:
            raise unreadable(path, error) from error


def _reprojected(
    frame: geopandas.GeoDataFrame, path: PathLike, own: pyproj.CRS, crs: pyproj.CRS
) -> geopandas.GeoDataFrame:
    _tell_reprojected(path, own, crs)
    turned = reproject_outlines(frame, crs)
    refuse_lost_places(path, turned.total_bounds, own, crs)
    return turned


def _tell_reprojected(path: PathLike, own: pyproj.CRS, crs: pyproj.CRS) -> None:
    logger.info("%s is reprojected from %s to %s.", path, crs_name(own), crs_name(crs))


def _is_parquet(path: PathLike) -> bool:
    return Path(path).suffix.lower() in (".parquet", ".geoparquet")


def _called(path: PathLike, layer: str | None) -> str:
    return f"Layer {layer!r} of {path}" if layer else str(path)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
