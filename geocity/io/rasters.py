"""Imagery: scenes read window by window, each pixel with the word whether it is valid."""

import contextlib
import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window as RioWindow

from geocity.core.grid import Window
from geocity.errors import InputError
from geocity.io.closing import Closing
from geocity.io.datasets import READ_ERRORS, grid_of, open_dataset, refuse_unplaced, unread
from geocity.io.image_dates import date_in_tags, parse_date
from geocity.io.staging import PathLike
from geocity.io.valid_pixels import ValidPixels, alpha_band

# From here on, averaging beats interpolating: several source pixels fall into one.
AVERAGE_FROM = 1.5


@dataclass(frozen=True, slots=True)
class _View:
    """How a scene is looked at: as stored, or resampled to another cell size."""

    path: str
    cell_size_m: float | None


class Scene(Closing):
    """An open raster, seen as bands of pixels on a north-up grid. Made by `open_scene`.

    Not thread-safe: every thread opens its own.

    Attributes:
        grid: where the pixels are.
        band_names: one name a band, alpha left out.
        dtype: of the pixels, as stored.
        nodata: the value declared for missing pixels, if any.
        block_shape: (rows, cols) of the file's blocks.
        date: when the image was taken, where the file says so.
    """

    def __init__(self, view: _View) -> None:
        self._view = view
        self._stack = contextlib.ExitStack()
        try:
            self._source = self._stack.enter_context(open_dataset(view.path))
            self._dataset = self._look_through(self._source)
        except BaseException:
            self._stack.close()
            raise
        self._indexes = _image_bands(self._source)
        self.grid = grid_of(self._dataset)
        self.dtype = np.dtype(self._dataset.dtypes[self._indexes[0] - 1])
        self.nodata: float | None = self._dataset.nodata
        self.band_names = _band_names(self._source, self._indexes)
        self.block_shape: tuple[int, int] = tuple(self._source.block_shapes[0])
        self.date = _date_of(self._source)
        self._mask = ValidPixels(self._dataset, self._indexes)

    def _look_through(self, source: Any) -> Any:
        refuse_unplaced(source)
        metres = self._view.cell_size_m
        if metres is None:
            return source
        stored = grid_of(source)
        wanted = stored.with_cell_size(metres)
        coarser = metres / stored.cell_size_m
        if math.isclose(coarser, 1.0, rel_tol=1e-6):
            return source
        vrt = WarpedVRT(
            source,
            crs=source.crs,
            transform=wanted.transform,
            height=wanted.shape[0],
            width=wanted.shape[1],
            resampling=Resampling.average if coarser >= AVERAGE_FROM else Resampling.bilinear,
            # Beyond the last source pixel there is nothing: say so by alpha unless nodata can.
            add_alpha=source.nodata is None and not alpha_band(source),
            # A value that is missing in one band alone must not be averaged into its neighbours.
            UNIFIED_SRC_NODATA="NO",
        )
        return self._stack.enter_context(vrt)

    @property
    def path(self) -> Path:
        """Return where the scene lies."""
        return Path(self._view.path)

    @property
    def count(self) -> int:
        """Return the number of bands, alpha left out."""
        return len(self._indexes)

    def read(
        self, window: Window, bands: Sequence[int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read a window that lies wholly inside the scene.

        Args:
            window: whole pixels.
            bands: 0-based positions, all by default.

        Returns:
            Pixels (bands, rows, cols) as stored, and a mask (rows, cols) that is true where every
            one of these bands is valid: not nodata, not NaN, not masked, not transparent.

        Raises:
            ValueError: if the window reaches outside.
            InputError: if the file cannot be read there.
        """
        if not self.grid.window.contains(window):
            raise ValueError(f"{window} reaches outside a scene of {self.grid.shape}")
        indexes = [self._indexes[b] for b in (range(self.count) if bands is None else bands)]
        rio_window = RioWindow(window.col, window.row, window.cols, window.rows)
        try:
            pixels = self._dataset.read(indexes, window=rio_window)
            valid = self._mask.read(indexes, window.shape, rio_window)
        except READ_ERRORS as error:
            raise unread(self.path, error, str(window)) from error
        if pixels.dtype.kind == "f":
            valid &= np.isfinite(pixels).all(axis=0)
        return pixels, valid

    def close(self) -> None:
        """Close the file."""
        self._stack.close()


def open_scene(path: PathLike, *, cell_size_m: float | None = None) -> Scene:
    """Open a raster for reading window by window.

    Args:
        path: anything GDAL reads.
        cell_size_m: look at it with pixels of this size instead: averaged when that is at least
            1.5 times coarser, bilinear otherwise. The top-left corner stays.

    Returns:
        The scene; close it, or use it in a ``with`` block.

    Raises:
        InputError: if it cannot be read, is rotated, or placed by control points only.
        MissingCRSError: if it does not say where on Earth it lies.
    """
    return Scene(_View(str(path), cell_size_m))


def _image_bands(source: Any) -> list[int]:
    bands = [
        index
        for index, meaning in enumerate(source.colorinterp, start=1)
        if meaning is not ColorInterp.alpha
    ]
    if not bands:
        raise InputError(f"{source.name} holds an alpha band and nothing else.")
    kinds = {source.dtypes[i - 1] for i in bands}
    if len(kinds) > 1:
        raise InputError(
            f"The bands of {source.name} are of different types ({', '.join(sorted(kinds))}); "
            "convert them to one type first (gdal_translate -ot)."
        )
    return bands


_KNOWN = {
    ColorInterp.red: "Red",
    ColorInterp.green: "Green",
    ColorInterp.blue: "Blue",
    ColorInterp.gray: "Gray",
}


def _band_names(source: Any, indexes: Sequence[int]) -> tuple[str, ...]:
    names = []
    for index in indexes:
        described = source.descriptions[index - 1]
        meaning = _KNOWN.get(source.colorinterp[index - 1])
        names.append(described or meaning or f"Band {index}")
    return tuple(names)


def _date_of(source: Any) -> datetime.date | None:
    return date_in_tags(source.tags()) or parse_date(Path(source.name).name)
