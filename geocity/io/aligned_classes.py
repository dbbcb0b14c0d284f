"""A class raster seen on another grid: each cell takes the class that its centre lies in."""

import numpy as np
from numpy.typing import NDArray

from geocity.core.alignment import CellFinder
from geocity.core.classes import NODATA
from geocity.core.grid import Grid, Window
from geocity.io.class_rasters import ClassRaster


class AlignedClasses:
    """Reads a class raster on a grid of another cell size, origin or CRS.

    Args:
        source: an open class raster.
        grid: the grid to see it on; cells that the raster does not cover are nodata.
    """

    def __init__(self, source: ClassRaster, grid: Grid) -> None:
        self._source, self._finder = source, CellFinder(grid, source.grid)

    @property
    def resampled(self) -> bool:
        """Tell whether the cells of the two grids do not coincide."""
        return self._finder.offset is None

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Read a window of the grid, (rows, cols) class values, 255 where there is none."""
        if self._finder.offset is not None:
            return self._moved(window.shift(*self._finder.offset), window.shape)
        rows, cols = self._finder.find(window)
        height, width = self._source.grid.shape
        inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
        values = np.full(window.shape, NODATA, np.uint8)
        if inside.any():
            row, col = int(rows[inside].min()), int(cols[inside].min())
            shape = int(rows[inside].max()) + 1 - row, int(cols[inside].max()) + 1 - col
            there = self._source.read(Window(row, col, *shape))
            values[inside] = there[rows[inside] - row, cols[inside] - col]
        return values

    def _moved(self, place: Window, shape: tuple[int, int]) -> NDArray[np.uint8]:
        values = np.full(shape, NODATA, np.uint8)
        covered = place.intersect(self._source.grid.window)
        if covered is not None:
            values[covered.shift(-place.row, -place.col).slices] = self._source.read(covered)
        return values
