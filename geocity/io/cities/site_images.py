"""Images of sites: what their headers say, and their pixels as red, green and blue."""

import datetime
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window as RioWindow

from geocity.core.grid import Window
from geocity.io.datasets import READ_ERRORS, open_dataset, unread
from geocity.io.image_dates import date_in_tags

_CMYK = {ColorInterp.cyan, ColorInterp.magenta, ColorInterp.yellow, ColorInterp.black}

_PRINT = ("CMYK", "YCCK")  # GDAL shows such a JPEG as RGB, by a rough conversion


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image's header says.

    Attributes:
        shape: (rows, cols).
        bands: number of bands, alpha left out.
        dtype: number type.
        transform: None where the file has none.
        crs: as WKT; empty where the file has none.
        date: of acquisition, from the file's tags.
        alpha: whether there is an alpha band beside them.
        unfit: why it cannot serve as a picture in colour; empty where it can.
    """

    shape: tuple[int, int]
    bands: int
    dtype: str
    transform: Affine | None
    crs: str
    date: datetime.date | None
    alpha: bool
    unfit: str


@contextmanager
def opened(path: str) -> Iterator[Any]:
    """Open an image; decoders that stumble raise instead of filling up with grey."""
    with warnings.catch_warnings(), rasterio.Env(GDAL_ERROR_ON_LIBJPEG_WARNING=True):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with open_dataset(path) as source:
            yield source


def read_header(path: str) -> ImageHeader:
    """Read an image's header.

    Raises:
        InputError: if it cannot be opened.
    """
    with opened(path) as source:
        bands = _color_bands(source)
        placed = not source.transform.is_identity
        return ImageHeader(
            (source.height, source.width),
            len(bands),
            source.dtypes[0],
            source.transform if placed else None,
            source.crs.to_wkt() if source.crs is not None else "",
            date_in_tags(source.tags()),
            len(bands) < source.count,
            _unfit(source),
        )


def _unfit(source: Any) -> str:
    meanings = set(source.colorinterp)
    if meanings & _CMYK or source.tags(ns="IMAGE_STRUCTURE").get("SOURCE_COLOR_SPACE") in _PRINT:
        return "is in CMYK, the colours of print; convert it to RGB"
    if ColorInterp.palette in meanings:
        return "is stored with a palette; convert it to RGB (gdal_translate -expand rgb)"
    if source.dtypes[0] != "uint8":
        return (
            f"holds {source.dtypes[0]} values; bring it to 8 bits with one stretch for all images "
            "(gdal_translate -ot Byte -scale)"
        )
    return "" if _color_bands(source) else "holds no band but alpha"


def _color_bands(source: Any) -> list[int]:
    return [
        index
        for index, meaning in enumerate(source.colorinterp, start=1)
        if meaning is not ColorInterp.alpha
    ]


def read_rgb(path: str, window: Window | None = None) -> NDArray[np.uint8]:
    """Read red, green and blue, whole or a window.

    Grey becomes three equal bands; of more than three bands the first three are taken.

    Returns:
        uint8 (3, rows, cols).

    Raises:
        InputError: if it cannot be read.
    """
    with opened(path) as source:
        part = None if window is None else RioWindow(window.col, window.row, *window.shape[::-1])
        try:
            pixels = source.read(_color_bands(source)[:3], window=part)
        except READ_ERRORS as error:
            raise unread(path, error) from error
    return three_bands(pixels)


def three_bands(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the first three bands; a single band (or grey with another) three times."""
    return pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
