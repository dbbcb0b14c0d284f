"""One image of a city, read by windows, with or without georeference."""

import math
from typing import Any

import numpy as np
import pyproj
from numpy.typing import NDArray
from rasterio.enums import Resampling

from geocity.core.grid import Grid, Window
from geocity.core.padding import pad_reflect
from geocity.data.scenes import SceneDataset
from geocity.errors import InputError
from geocity.io.cities.site_images import opened, read_header, read_rgb, three_bands
from geocity.io.staging import PathLike

_PALE = 236


class ImageWindows:
    """Windows of an image as red, green and blue; mirrored beyond its edge.

    A georeferenced file is read by window through `SceneDataset`, so memory does not grow with it.
    JPEG and the like can only be decoded from their start and are held whole.

    Attributes:
        path: of the image.
        shape: (rows, cols).
        grid: where its pixels are; None without georeference.

    Args:
        path: of the image, 8 bits a band.

    Raises:
        InputError: if it cannot be read, or is no picture in colour.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = str(path)
        header = read_header(self.path)
        if header.unfit:
            raise InputError(f"{path} {header.unfit}.")
        self.shape = header.shape
        self._scene: SceneDataset | None = None
        self._whole: NDArray[np.uint8] | None = None
        self.grid: Grid | None = None
        if header.transform is not None and header.crs:
            self._scene = SceneDataset(self.path)
            crs = pyproj.CRS.from_user_input(header.crs)
            self.grid = Grid(crs, header.transform, header.shape)

    def read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return pixels (3, rows, cols) and which are valid, for a window that meets the image."""
        if self._scene is not None:
            pixels, valid = self._scene.read(0, window)
            return three_bands(pixels), valid
        if self._whole is None:
            self._whole = read_rgb(self.path)
        inside = window.intersect(Window(0, 0, *self.shape))
        if inside is None:
            raise ValueError(f"{window} lies outside an image of {self.shape}")
        found = self._whole[(slice(None), *inside.slices)]
        return pad_reflect(found, inside, window), np.ones(window.shape, bool)

    def preview(self, step: int) -> NDArray[np.uint8]:
        """Return a picture (rows, cols, 3) of which each pixel stands for a square of `step`.

        Where the image has no data the picture is pale.
        """
        rows, cols = (math.ceil(side / step) for side in self.shape)
        with opened(self.path) as source:
            known = source.dataset_mask(out_shape=(rows, cols)) > 0
            shown = source.read(
                [1, 2, 3] if source.count >= 3 else [1],
                out_shape=(3 if source.count >= 3 else 1, rows, cols),
                resampling=Resampling.average,
            )
        picture = np.where(known, three_bands(shown), np.uint8(_PALE))
        return np.ascontiguousarray(np.moveaxis(picture, 0, -1))

    def close(self) -> None:
        """Close the file and forget its pixels."""
        if self._scene is not None:
            self._scene.close()
        self._whole = None
