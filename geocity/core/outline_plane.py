"""The plane that outlines are overlaid in, and true areas of what lies in it.

Outlines stay in their own CRS where that is true to distance within 1 %, in metres, so that their
corners stay where they were drawn; otherwise they go to the UTM zone around them. Such a plane is
not true to area (UTM by up to 0.2 %), so every piece is measured as its plane area over the areal
scale of the projection at its centroid. A scale that changes evenly across a piece is thereby
accounted for exactly, and pieces add up to the whole.
"""

from collections.abc import Callable

import geopandas
import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

Polygons = NDArray[np.object_]
Measure = Callable[[Polygons], NDArray[np.float64]]

_EVEN = 0.01
_LARGE_M = 5000.0
"""Larger pieces are measured in quarters: across them the scale no longer changes evenly."""


def working_plane(frame: geopandas.GeoDataFrame) -> pyproj.CRS:
    """Return the CRS to overlay outlines in.

    Args:
        frame: outlines with a CRS. One that nothing relates to the Earth is returned as it is.

    Raises:
        ValueError: if their coordinates are no places on Earth.
    """
    crs = pyproj.CRS(frame.crs)
    if crs.geodetic_crs is None:
        return crs
    if crs.is_projected and all(axis.unit_conversion_factor == 1 for axis in crs.axis_info[:2]):
        left, bottom, right, top = frame.total_bounds
        scale = _areal_scale(crs, np.array([left, right]), np.array([bottom, top]))
        if np.isfinite(scale).all() and np.abs(scale - 1).max() <= 2 * _EVEN:
            return crs
    try:
        return pyproj.CRS(frame.estimate_utm_crs())
    except (RuntimeError, ValueError) as error:
        raise ValueError("the outlines do not lie on Earth") from error


def true_areas(crs: pyproj.CRS) -> Measure:
    """Return what measures polygons of a plane in m² on the ellipsoid.

    Args:
        crs: from `working_plane`.
    """
    if crs.geodetic_crs is None:
        return lambda polygons: np.asarray(shapely.area(polygons), float)

    def measure(polygons: Polygons) -> NDArray[np.float64]:
        area_m2 = np.asarray(shapely.area(polygons), float)
        if not len(polygons):
            return area_m2
        boxes = shapely.bounds(polygons)
        large = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) > _LARGE_M
        for index in np.flatnonzero(large & (area_m2 > 0)):
            area_m2[index] = measure(_quarters(polygons[index])).sum()
        small = ~large & (area_m2 > 0)
        centres = shapely.centroid(polygons[small])
        area_m2[small] /= _areal_scale(crs, shapely.get_x(centres), shapely.get_y(centres))
        return area_m2

    return measure


def _quarters(polygon: BaseGeometry) -> Polygons:
    left, bottom, right, top = polygon.bounds
    across, up = (left + right) / 2, (bottom + top) / 2
    boxes = [
        shapely.box(left, bottom, across, up),
        shapely.box(across, bottom, right, up),
        shapely.box(left, up, across, top),
        shapely.box(across, up, right, top),
    ]
    return np.asarray(shapely.intersection(polygon, np.array(boxes)), dtype=object)


def _areal_scale(
    crs: pyproj.CRS, xs: NDArray[np.float64], ys: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how many square metres of the plane lie on one of the ground."""
    if not len(xs):
        return np.empty(0)
    transformer = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    lon, lat = transformer.transform(xs, ys)
    return np.asarray(pyproj.Proj(crs).get_factors(lon, lat).areal_scale, float)
