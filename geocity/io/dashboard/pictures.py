"""Pictures as data URIs, and where they lie on a web map."""

import base64
import contextlib
import warnings
from collections.abc import Mapping

import numpy as np
import pyproj
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile

MERCATOR = "EPSG:3857"
"""The CRS in which web maps draw."""

RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)

LonLatBounds = tuple[float, float, float, float]
"""(west, south, east, north) in degrees."""

Rgba = tuple[int, int, int, int]

_QUALITY = 80


def webp_uri(picture: NDArray[np.uint8]) -> str:
    """Return a picture (4, rows, cols) of red, green, blue and alpha as a WebP data URI."""
    return f"data:image/webp;base64,{_encoded(picture, 'WEBP', QUALITY=str(_QUALITY))}"


def palette_png_uri(values: NDArray[np.uint8], colors: Mapping[int, Rgba]) -> str:
    """Return palette indexes (rows, cols) as a PNG data URI.

    Args:
        values: indexes into the colours.
        colors: red, green, blue and alpha of each index.
    """
    data = _encoded(values[None], "PNG", colormap=colors, ZLEVEL="9")
    return f"data:image/png;base64,{data}"


def _encoded(
    pixels: NDArray[np.uint8],
    driver: str,
    colormap: Mapping[int, Rgba] | None = None,
    **options: str,
) -> str:
    count, rows, cols = pixels.shape
    with contextlib.ExitStack() as stack:
        # A picture knows nothing of places; no sidecar is wanted that would say so.
        stack.enter_context(rasterio.Env(GDAL_PAM_ENABLED="NO"))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        memory = stack.enter_context(MemoryFile())
        profile = {"driver": driver, "count": count, "height": rows, "width": cols}
        with memory.open(dtype="uint8", **profile, **options) as dataset:
            if count == 4:
                dataset.colorinterp = (*RGB, ColorInterp.alpha)
            dataset.write(pixels)
            if colormap:
                dataset.write_colormap(1, dict(colormap))
        return base64.b64encode(memory.read()).decode("ascii")


def lon_lat(mercator_bounds: tuple[float, float, float, float]) -> LonLatBounds:
    """Return bounds in Web Mercator metres as (west, south, east, north) in degrees."""
    turn = pyproj.Transformer.from_crs(MERCATOR, "EPSG:4326", always_xy=True)
    left, bottom, right, top = mercator_bounds
    west, south = turn.transform(left, bottom)
    east, north = turn.transform(right, top)
    return west, south, east, north
