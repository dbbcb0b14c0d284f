"""The part of a raster that is asked for: which windows it meets, and which pixels lie in it."""

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import geometry_mask

from geocity.core.grid import Grid, Window


class AreaOfInterest:
    """Polygons on a grid. A pixel lies in them when its centre does.

    Args:
        geometry: polygons in the CRS of the grid.
        grid: where the pixels are.
    """

    def __init__(self, geometry: shapely.Geometry, grid: Grid) -> None:
        self._geometry, self._grid = geometry, grid
        shapely.prepare(geometry)

    def __reduce__(self) -> tuple[type["AreaOfInterest"], tuple[shapely.Geometry, Grid]]:
        # Made anew where it is unpickled: a prepared geometry does not travel.
        return AreaOfInterest, (self._geometry, self._grid)

    @property
    def wkb(self) -> bytes:
        """Return the polygons as bytes; equal polygons have equal bytes."""
        return bytes(shapely.to_wkb(self._geometry))

    @property
    def window(self) -> Window | None:
        """Return the pixels that the polygons can reach, or None where they miss the grid."""
        return self._grid.window_of_bounds(shapely.bounds(self._geometry).tolist())

    def meets_polygon(self, polygon: shapely.Polygon) -> bool:
        """Tell whether a polygon in the same CRS and this area have a point in common."""
        return bool(shapely.intersects(self._geometry, polygon))

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return which pixels of a window lie in the polygons, shape (rows, cols)."""
        part = self._grid[window]
        outline = part.polygon()
        if shapely.contains_properly(self._geometry, outline):
            return np.ones(window.shape, dtype=bool)
        near = shapely.intersection(self._geometry, outline)
        shapes = [g for g in shapely.get_parts(near) if g.area > 0]
        if not shapes:
            return np.zeros(window.shape, dtype=bool)
        inside: NDArray[np.bool_] = geometry_mask(shapes, window.shape, part.transform, invert=True)
        return inside
