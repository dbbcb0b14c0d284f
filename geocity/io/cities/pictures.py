"""One image to identify: any size, with or without a place on the map, read patch by patch."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

from geocity.core.grid import Grid, Window
from geocity.core.padding import pad_reflect
from geocity.errors import InputError
from geocity.io.cities.site_images import read_header, read_rgb, three_bands
from geocity.io.closing import Closing
from geocity.io.rasters import Scene, open_scene
from geocity.io.staging import PathLike

_SQUARE = 1.02
"""Cells whose sides differ by more than this are resampled: a stretched city is another city."""

_STRETCHED = 10.0
"""Cells beyond this, as degrees give them near a pole, would be cut into too many."""

_MOST_BYTES = 2 << 30
"""Of a picture that is held whole."""

Read = Callable[[Window], tuple[NDArray[Any], NDArray[np.bool_]]]


class Picture(Closing):
    """An open image. Made by `open_picture`.

    Attributes:
        path: where it lies.
        shape: (rows, cols).
        grid: where its pixels are; None without georeference.
        scene: the open scene; None without georeference.
        cell_size_m: side of a pixel; None where nobody says.
        tags: what the file says about itself when it was taken.
    """

    def __init__(self, path: str, shape: tuple[int, int], scene: Scene | None, read: Read) -> None:
        self.path, self.shape, self.scene, self._read = path, shape, scene, read
        self.grid: Grid | None = scene.grid if scene is not None else None
        self.cell_size_m = self.grid.cell_size_m if self.grid is not None else None
        self.tags: dict[str, str] = {}
        if scene is not None and scene.date is not None:
            self.tags["ACQUISITION_DATE"] = scene.date.isoformat()

    def read_patch(self, row: int, col: int, side: int) -> tuple[NDArray[np.uint8], float]:
        """Read a square patch; where the image ends before it, it is mirrored at its edge.

        Args:
            row: of the upper left pixel, inside the image.
            col: of the upper left pixel.
            side: in pixels.

        Returns:
            uint8 (3, side, side), pixels without data filled with the mean of the others, and the
            share of the patch that holds data.
        """
        wanted = Window(row, col, side, side)
        inside = wanted.intersect(Window(0, 0, *self.shape))
        if inside is None:
            raise ValueError(f"{wanted} lies outside an image of {self.shape}")
        pixels, valid = self._read(inside)
        pixels = three_bands(pixels)
        share = float(valid.mean())
        if 0 < share < 1:
            pixels = pixels.copy()
            for band in pixels:
                band[~valid] = np.round(band[valid].mean())
        if inside != wanted:
            pixels = pad_reflect(pixels, inside, wanted)
        return np.ascontiguousarray(pixels, np.uint8), share

    def close(self) -> None:
        """Close the file."""
        if self.scene is not None:
            self.scene.close()


def open_picture(path: PathLike) -> Picture:
    """Open an image to identify.

    A georeferenced one is read window by window, on square pixels; another one (JPEG, PNG …) can
    only be decoded from its start and is held whole.

    Raises:
        InputError: if it cannot be read, is no 8-bit picture, or is rotated on its map grid.
    """
    name = str(path)
    header = read_header(name)
    if header.unfit:
        raise InputError(f"{name} {header.unfit}.")
    if header.transform is None or not header.crs:
        _refuse_gigantic(name, header.shape)
        pixels = read_rgb(name)

        def cut(window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
            return pixels[(slice(None), *window.slices)], np.ones(window.shape, bool)

        return Picture(name, header.shape, None, cut)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        scene = open_scene(name)
    grid = scene.grid
    width, height = _cell_metres(grid)
    if max(width, height) > _STRETCHED * min(width, height):
        scene.close()
        raise InputError(
            f"{name} has pixels of {width:.3g} x {height:.3g} m, far from square; warp it to the "
            "UTM zone of the place first (gdalwarp)."
        )
    if max(width, height) > _SQUARE * min(width, height):
        scene.close()
        scene = open_scene(name, cell_size_m=min(width, height))
    return Picture(name, scene.grid.shape, scene, scene.read)


def _refuse_gigantic(name: str, shape: tuple[int, int]) -> None:
    """Refuse what would have to be held whole and does not fit, whatever its header claims."""
    rows, cols = shape
    if 3 * rows * cols > _MOST_BYTES:
        raise InputError(
            f"{name} does not say where it lies, so it would have to be held whole, and it has "
            f"{rows} x {cols} pixels; georeference it, or cut it into smaller images."
        )


def _cell_metres(grid: Grid) -> tuple[float, float]:
    """Return width and height of a cell in metres; degrees differ along and across."""
    width, height = grid.cell_size
    scale = math.sqrt(grid.cell_area_m2 / (width * height))
    if grid.crs.is_projected:
        return width * scale, height * scale
    rows, cols = grid.shape
    _, lat = grid.transform @ (cols / 2, rows / 2)
    squeeze = math.sqrt(max(math.cos(math.radians(lat)), 1e-3))
    return width * scale * squeeze, height * scale / squeeze
