"""Classified rasters as labels, read onto the grid of any chip."""

import numpy as np
from numpy.typing import NDArray

from geocity.core.classes import NODATA
from geocity.core.grid import Grid, Window, same_crs, transformer_between
from geocity.core.mosaic import lattice_window
from geocity.io.class_rasters import open_class_raster
from geocity.io.closing import Closing
from geocity.io.staging import PathLike


class LabelRaster(Closing):
    """A class raster as a source of labels.

    Every pixel takes the class at its centre: exact where the raster lies on the scene's pixels,
    the nearest class where it has another cell size, phase or CRS. Beyond the raster the class is
    unknown, 255.
    """

    def __init__(self, path: PathLike, lookup: NDArray[np.uint8]) -> None:
        """Open the raster.

        Args:
            path: one band of whole numbers.
            lookup: class value for each pixel value, 256 entries.
        """
        self._raster = open_class_raster(path)
        self._lookup = lookup
        self.grid = self._raster.grid

    def burn(self, grid: Grid) -> NDArray[np.uint8]:
        """Return the classes on a grid, uint8 (rows, cols)."""
        window = lattice_window(self.grid, grid) if grid.is_north_up else None
        return self._copy(window) if window else self._sample(grid)

    def _copy(self, window: Window) -> NDArray[np.uint8]:
        label = np.full(window.shape, NODATA, np.uint8)
        inside = window.intersect(self.grid.window)
        if inside:
            target = inside.shift(-window.row, -window.col)
            label[target.slices] = self._lookup[self._raster.read(inside)]
        return label

    def _sample(self, grid: Grid) -> NDArray[np.uint8]:
        rows, cols = np.mgrid[: grid.shape[0], : grid.shape[1]] + 0.5
        t = grid.transform
        xs, ys = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
        if not same_crs(grid.crs, self.grid.crs):
            to_raster = transformer_between(grid.crs, self.grid.crs)
            xs, ys = to_raster.transform(xs, ys)
        inverse = ~self.grid.transform
        # North-up rasters alone are opened, so rows depend on y and columns on x.
        row = np.floor(inverse.e * np.asarray(ys) + inverse.f).astype(np.int64)
        col = np.floor(inverse.a * np.asarray(xs) + inverse.c).astype(np.int64)
        window = Window(
            int(row.min()),
            int(col.min()),
            int(row.max() - row.min()) + 1,
            int(col.max() - col.min()) + 1,
        )
        sampled: NDArray[np.uint8] = self._copy(window)[row - window.row, col - window.col]
        return sampled

    def close(self) -> None:
        """Close the file."""
        self._raster.close()
