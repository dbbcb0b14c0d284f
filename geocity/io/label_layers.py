"""Outlines as labels: one layer read whole, checked, and put into a scene's CRS."""

import logging
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from geocity.core.grid import same_crs
from geocity.core.reproject import reproject_outlines
from geocity.errors import LabelError
from geocity.io.layer_checks import (
    READ_ERRORS,
    refuse_lost_places,
    refuse_no_crs,
    refuse_no_degrees,
)
from geocity.io.remote import gdal_path
from geocity.io.staging import PathLike
from geocity.io.usable_polygons import POLYGONS, only_family, repaired
from geocity.io.vectors import choose_layer, read_frame, stream_polygons

logger = logging.getLogger(__name__)


_VECTOR_SUFFIXES = (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".kml", ".gml", ".zip")


def is_vector(path: PathLike) -> bool:
    """Tell whether a file is a vector layer that can be read; a raster or a broken file is not."""
    if Path(path).suffix.lower() in (".parquet", ".geoparquet"):
        return True
    try:
        return len(pyogrio.list_layers(gdal_path(path))) > 0
    except READ_ERRORS:
        # A broken layer is none the less a layer: its reader says what is wrong with it.
        return Path(path).suffix.lower() in _VECTOR_SUFFIXES


def read_layer(path: PathLike, layer: str | None = None) -> geopandas.GeoDataFrame:
    """Read a layer with its attributes, features without geometry left out.

    Args:
        path: anything that pyogrio reads, or GeoParquet.
        layer: its name; the first one by default.

    Raises:
        InputError: if it cannot be read, or has several layers and none is named.
        MissingCRSError: if it has no coordinate reference system.
        LabelError: if it has no feature with a geometry.
    """
    frame = read_frame(path, choose_layer(path, layer))
    if not isinstance(frame, geopandas.GeoDataFrame):
        raise LabelError(f"{path} holds no feature with a geometry; is it the right layer?")
    refuse_no_crs(path, frame.crs)
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)]
    frame = _without_lost_corners(_collections_as_polygons(frame), path)
    if frame.empty:
        raise LabelError(f"{path} holds no feature with a geometry; is it the right layer?")
    refuse_no_degrees(path, frame.total_bounds, frame.crs)
    return frame.reset_index(drop=True)


def _collections_as_polygons(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    mixed = frame.geometry.geom_type == "GeometryCollection"
    if not mixed.any():
        return frame
    geometries = np.asarray(frame.geometry.array, dtype=object)
    polygons = only_family(geometries, POLYGONS)
    geometries = np.where(mixed & ~shapely.is_empty(polygons), polygons, geometries)
    return frame.set_geometry(geopandas.GeoSeries(geometries, frame.index, crs=frame.crs))


def _without_lost_corners(frame: geopandas.GeoDataFrame, path: PathLike) -> geopandas.GeoDataFrame:
    geometries = np.asarray(frame.geometry.array, dtype=object)
    coordinates, owner = shapely.get_coordinates(geometries, return_index=True)
    lost = np.unique(owner[~np.isfinite(coordinates).all(axis=1)])
    if not len(lost):
        return frame
    logger.warning("%d features of %s have corners nowhere; they are left out.", len(lost), path)
    return frame.drop(index=frame.index[lost])


def in_crs(
    frame: geopandas.GeoDataFrame, crs: pyproj.CRS, path: PathLike
) -> geopandas.GeoDataFrame:
    """Return outlines in another CRS, and say so in the log."""
    if frame.crs is not None and not same_crs(frame.crs, crs):
        logger.info(
            "%s is in %s and is reprojected to the scene's %s.", path, frame.crs.name, crs.name
        )
    turned = reproject_outlines(frame, crs)
    if len(turned):
        refuse_lost_places(path, turned.total_bounds, pyproj.CRS(frame.crs), crs)
    return turned


def read_area(path: PathLike, crs: pyproj.CRS) -> BaseGeometry:
    """Read polygons that mean an area, one by one, and dissolve them into one, in a CRS.

    Raises:
        InputError: if the layer cannot be read.
        MissingCRSError: if it has no coordinate reference system.
        LabelError: if the layer holds no polygon.
    """
    polygons = [polygon for polygon, _ in stream_polygons(path, crs=crs)]
    if not polygons:
        raise LabelError(f"{path} holds no polygon; draw the outline of the area.")
    return shapely.union_all(polygons)


def polygons_only(frame: geopandas.GeoDataFrame, path: PathLike) -> geopandas.GeoDataFrame:
    """Return the features that are polygons.

    Raises:
        LabelError: if none is.
    """
    areal = frame.geometry.geom_type.isin(["Polygon", "MultiPolygon"])
    if not areal.any():
        kinds = ", ".join(sorted(set(frame.geometry.geom_type)))
        raise LabelError(
            f"{path} holds {kinds} and no polygon; draw outlines, or give points and lines a width "
            "(--buffer)."
        )
    if not areal.all():
        logger.warning("%d features of %s are no polygons; they are left out.", sum(~areal), path)
    return frame[areal]


def mended(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Return the frame with invalid polygons (crossing outlines) made valid.

    Raises:
        LabelError: if none has an area.
    """
    broken = ~frame.geometry.is_valid
    if not broken.any():
        return frame
    logger.warning("%d polygons had crossing outlines and were mended.", int(broken.sum()))
    geometries: Any = frame.geometry.copy()
    geometries[broken] = repaired(geometries[broken].to_numpy())
    whole = frame.set_geometry(geometries)
    whole = whole[whole.area > 0]
    if whole.empty:
        raise LabelError("None of the polygons encloses anything; draw their outlines again.")
    if len(whole) < len(frame):
        logger.warning("%d polygons enclosed nothing; they are left out.", len(frame) - len(whole))
    return whole
