"""Imagery in grey on a given grid, a window at a time: what shifts are measured on."""

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window as RioWindow

from geocity.core.grid import Grid, Window, transformer_between
from geocity.io.closing import Closing
from geocity.io.datasets import grid_of, open_dataset, refuse_unplaced, refused_if_damaged
from geocity.io.staging import PathLike
from geocity.io.valid_pixels import ValidPixels, alpha_band

_VISIBLE = 3


class GreyScene(Closing):
    """A scene, resampled bilinearly to a grid, as the mean of its first three bands.

    Args:
        path: anything GDAL reads.
        grid: the grid to see it on.

    Raises:
        InputError: if it cannot be read, or lies nowhere.
    """

    def __init__(self, path: PathLike, grid: Grid) -> None:
        self._source = open_dataset(str(path))
        try:
            refuse_unplaced(self._source)
            transformer_between(grid.crs, grid_of(self._source).crs)
            self._view = WarpedVRT(
                self._source,
                crs=grid.crs.to_wkt(),
                transform=grid.transform,
                height=grid.shape[0],
                width=grid.shape[1],
                resampling=Resampling.bilinear,
                # Masks and what lies beyond the scene survive only as alpha.
                add_alpha=self._source.nodata is None and not alpha_band(self._source),
                UNIFIED_SRC_NODATA="NO",  # as in `rasters`: each band misses its own
            )
        except BaseException:
            self._source.close()
            raise
        alpha = alpha_band(self._source)
        colors = [band for band in self._source.indexes if band != alpha]
        self._bands = colors[:_VISIBLE]
        self._mask = ValidPixels(self._view, self._bands)

    def read(self, window: Window) -> NDArray[np.float64]:
        """Read a window of the grid, (rows, cols); NaN where nothing is known."""
        place = RioWindow(window.col, window.row, window.cols, window.rows)
        with refused_if_damaged(self._source.name):
            pixels = self._view.read(self._bands, window=place).astype(np.float64)
            known = self._mask.read(self._bands, window.shape, place)
        return np.where(known, pixels.mean(axis=0), np.nan)

    def close(self) -> None:
        """Close the file."""
        self._view.close()
        self._source.close()
