"""Polygons for a web map: outlines as short lists of numbers, or one picture where there are many.

Outlines are written as a browser reads them fastest: each ring is a list of whole millionths of a
degree (0.1 m), the first corner in full and every other as the step from the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
import pyproj
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from geocity.core.reproject import reproject_outlines
from geocity.io.dashboard.pictures import MERCATOR, LonLatBounds, Rgba, lon_lat, palette_png_uri

LON_LAT = pyproj.CRS.from_epsg(4326)
STEPS_PER_DEGREE = 1_000_000
MAX_SIDE_PX = 3000
_INSIDE, _HATCH, _EDGE = 1, 2, 3
_HATCH_PX = 6


@dataclass(frozen=True, slots=True)
class Drawing:
    r"""How polygons are drawn when they become a picture.

    Attributes:
        color: red, green and blue, 0 to 255.
        pattern: "plain", "rising" (/) or "falling" (\) hatching, as in the legend.
    """

    color: tuple[int, int, int]
    pattern: str = "plain"


def map_layer(
    frame: geopandas.GeoDataFrame,
    drawing: Drawing,
    *,
    tolerance_deg: float,
    max_vectors: int,
) -> dict[str, Any]:
    """Return polygons as a layer of the page.

    Args:
        frame: in longitude and latitude; at least one row.
        drawing: how they look as a picture.
        tolerance_deg: how far a border may be simplified, for display only.
        max_vectors: with more polygons than this they become one picture.

    Returns:
        Either `kind` "vector" with `shapes`, or `kind` "picture" with `url` and `bounds`; and the
        `count` of polygons.
    """
    if len(frame) > max_vectors:
        return {"kind": "picture", "count": len(frame), **polygon_picture(frame, drawing)}
    return {"kind": "vector", "count": len(frame), "shapes": shapes(frame, tolerance_deg)}


def shapes(frame: geopandas.GeoDataFrame, tolerance_deg: float) -> list[list[list[list[int]]]]:
    """Return for each row its polygons, for each of them its rings, shell first."""
    geometries = np.asarray(frame.geometry.array, dtype=object)
    simple = shapely.simplify(geometries, tolerance_deg, preserve_topology=True)
    return [[_polygon(part) for part in shapely.get_parts(g)] for g in simple]


def _polygon(polygon: shapely.Polygon) -> list[list[int]]:
    rings = [polygon.exterior, *polygon.interiors]
    return [ring for ring in map(_steps, rings) if ring]


def _steps(ring: shapely.LinearRing) -> list[int]:
    """Return [lon, lat, step east, step north, …]; nothing where all corners fall on one place."""
    corners = np.rint(shapely.get_coordinates(ring)[:-1] * STEPS_PER_DEGREE).astype(np.int64)
    moved = np.diff(corners, axis=0)
    moved = moved[moved.any(axis=1)]
    if len(moved) < 2:
        return []
    flat: list[int] = np.concatenate([corners[:1], moved]).ravel().tolist()
    return flat


def polygon_picture(frame: geopandas.GeoDataFrame, drawing: Drawing) -> dict[str, Any]:
    """Return polygons drawn as one transparent picture: `url` and `bounds`."""
    flat = frame.geometry.to_crs(MERCATOR)
    left, bottom, right, top = flat.total_bounds
    pixel = max(right - left, top - bottom, 1.0) / (MAX_SIDE_PX - 2)
    cols, rows = (int(np.ceil(side / pixel)) + 2 for side in (right - left, top - bottom))
    transform = Affine(pixel, 0, left - pixel, 0, -pixel, top + pixel)
    values = rasterize(flat.array, (rows, cols), transform=transform, dtype="uint8")
    edges = rasterize(flat.boundary.array, (rows, cols), transform=transform, dtype="uint8")
    values[_hatched(drawing.pattern, (rows, cols)) & (values > 0)] = _HATCH
    values[edges > 0] = _EDGE
    colors: dict[int, Rgba] = {
        0: (0, 0, 0, 0),
        _INSIDE: (*drawing.color, 110),
        _HATCH: (*drawing.color, 230),
        _EDGE: (*drawing.color, 255),
    }
    reach = (left - pixel, top + pixel - rows * pixel, left - pixel + cols * pixel, top + pixel)
    return {"url": palette_png_uri(values, colors), "bounds": lon_lat(reach)}


def _hatched(pattern: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    if pattern == "rising":
        return np.asarray((rows + cols) % _HATCH_PX < 2)
    if pattern == "falling":
        return np.asarray((rows - cols) % _HATCH_PX < 2)
    return np.zeros(shape, dtype=bool)


def in_lon_lat(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Return polygons in longitude and latitude."""
    return reproject_outlines(frame, LON_LAT)


def with_columns(frame: geopandas.GeoDataFrame, columns: Sequence[str]) -> geopandas.GeoDataFrame:
    """Return some columns and the geometry, which is then called `geometry`."""
    return geopandas.GeoDataFrame(
        {name: frame[name].to_numpy() for name in columns},
        geometry=frame.geometry.to_numpy(),
        crs=frame.crs,
    )


def bounds_of(frame: geopandas.GeoDataFrame) -> LonLatBounds:
    """Return the bounds of polygons in longitude and latitude, rounded outwards to 0.1 m."""
    west, south, east, north = frame.total_bounds
    down = np.floor(np.array([west, south]) * STEPS_PER_DEGREE) / STEPS_PER_DEGREE
    up = np.ceil(np.array([east, north]) * STEPS_PER_DEGREE) / STEPS_PER_DEGREE
    return float(down[0]), float(down[1]), float(up[0]), float(up[1])


def union_of(bounds: Sequence[LonLatBounds]) -> LonLatBounds:
    """Return the bounds around several bounds."""
    west, south, east, north = zip(*bounds, strict=True)
    return min(west), min(south), max(east), max(north)
