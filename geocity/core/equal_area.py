"""A plane in which areas are true: a Lambert azimuthal equal-area projection around some place."""

import geopandas
import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from geocity.core.reproject import reproject_outlines

_EARTH = pyproj.CRS.from_epsg(4326)


def equal_area_crs(frame: geopandas.GeoDataFrame) -> pyproj.CRS:
    """Return an equal-area CRS around the middle of some polygons.

    Planar areas in it are areas on the WGS 84 ellipsoid, wherever one measures; near the middle
    shapes are true as well.

    Args:
        frame: polygons with a CRS that is related to the Earth.

    Raises:
        ValueError: if their coordinates are no places on Earth.
    """
    left, bottom, right, top = frame.total_bounds
    corners = geopandas.GeoSeries(shapely.points([(left, bottom), (right, top)]), crs=frame.crs)
    west, south, east, north = corners.to_crs(_EARTH).total_bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    if not (np.isfinite([lon, lat]).all() and -90 <= lat <= 90):
        raise ValueError("the polygons do not lie on Earth")
    return pyproj.CRS.from_dict(
        {
            "proj": "laea",
            "lat_0": round(float(lat), 4),
            "lon_0": round(float(lon), 4),
            "ellps": "WGS84",
            "datum": "WGS84",
            "units": "m",
        }
    )


def reproject_polygons(
    polygons: NDArray[np.object_], source: pyproj.CRS, target: pyproj.CRS
) -> NDArray[np.object_]:
    """Return polygons in another CRS, long edges split first so that they stay where they lie."""
    frame = geopandas.GeoDataFrame(geometry=geopandas.GeoSeries(polygons, crs=source))
    return np.asarray(reproject_outlines(frame, target).geometry.array, dtype=object)
