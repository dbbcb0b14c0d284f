"""Areas of polygons on the ellipsoid, for outlines that no pixel grid stands behind."""

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

_WGS84 = pyproj.Geod(ellps="WGS84")


def geodesic_areas_m2(polygons: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the area of each polygon in m², holes taken off.

    Args:
        polygons: polygons and multipolygons in longitude and latitude (degrees, WGS 84); long edges
            should be split before they are brought there (`geocity.core.reproject`).

    Returns:
        One area a polygon; edges are geodesics (Karney 2013).

    Example:
        >>> round(float(geodesic_areas_m2(np.array([shapely.box(0, 0, 0.01, 0.01)]))[0]))
        1230907
    """
    # The sign of a ring follows its direction: shells one way, holes the other.
    turned = shapely.orient_polygons(np.asarray(polygons, dtype=object))
    areas = [_WGS84.geometry_area_perimeter(polygon)[0] for polygon in turned]
    return np.abs(np.array(areas, dtype=np.float64))
