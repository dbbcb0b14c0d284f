"""Outlines as cells, a window at a time: enough to measure a shift on."""

from collections.abc import Callable

import numpy as np
import pyproj
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from geocity.core.grid import Bounds, Grid, Window
from geocity.core.image_shift import ReadGrey

ReadOutlines = Callable[[Bounds], NDArray[np.object_]]

_MOST_CELLS = 4096
_LEAST_CELL_M = 0.5


def outline_grid(area: shapely.Geometry, crs: pyproj.CRS) -> Grid:
    """Return a grid over an area: half a metre a cell, or what makes 4096 cells of the longer side.

    Args:
        area: in a CRS in metres.
        crs: the CRS.
    """
    left, bottom, right, top = shapely.bounds(area).tolist()
    cell = max(_LEAST_CELL_M, max(right - left, top - bottom) / _MOST_CELLS)
    shape = max(1, int((top - bottom) / cell)), max(1, int((right - left) / cell))
    return Grid(crs, Affine(cell, 0, left, 0, -cell, top), shape)


def outline_reader(near: ReadOutlines, grid: Grid) -> ReadGrey:
    """Return a reader of windows of a grid: 1 where a cell's centre lies in a polygon, else 0.

    Args:
        near: gives the polygons that may meet a rectangle.
        grid: of the windows.
    """

    def read(window: Window) -> NDArray[np.float64]:
        part = grid[window]
        found = near(part.bounds)
        if not len(found):
            return np.zeros(window.shape)
        burnt = rasterize(
            [(polygon, 1) for polygon in found],
            window.shape,
            transform=part.transform,
            dtype="uint8",
        )
        return np.asarray(burnt, dtype=np.float64)

    return read
