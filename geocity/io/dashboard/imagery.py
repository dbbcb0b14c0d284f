"""Imagery for a web page: small, in Web Mercator, inside a data URI."""

import contextlib
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform
from rasterio.windows import Window

from geocity.core.grid import transformer_between
from geocity.io.dashboard.pictures import MERCATOR, RGB, lon_lat, webp_uri
from geocity.io.datasets import grid_of, open_dataset, refuse_unplaced, refused_if_damaged
from geocity.io.figures.style import stretch
from geocity.io.gdal_cache import limited_cache
from geocity.io.rasters import AVERAGE_FROM
from geocity.io.remote import gdal_path
from geocity.io.staging import PathLike
from geocity.io.valid_pixels import ValidPixels, alpha_band

logger = logging.getLogger(__name__)

MAX_SIDE_PX = 1600
_CACHE_BYTES = 256 << 20


def imagery_overlay(path: PathLike, *, max_side_px: int = MAX_SIDE_PX) -> dict[str, Any]:
    """Return a scene as a picture that a web map can lay over the ground.

    The overviews of the file are used where there are any, and GDAL warps in pieces, so memory does
    not grow with the scene. Bands of other types than uint8 are stretched between their 2nd and
    98th percentile; what is not valid is transparent.

    Args:
        path: anything GDAL reads.
        max_side_px: the longer side of the picture.

    Returns:
        A map layer of the page: `url` (a WebP data URI) and `bounds` in degrees; and about the
        scene its `name` and the size of its cells, `cell_m`.

    Raises:
        InputError: if the scene cannot be read.
        MissingCRSError: if it does not say where on Earth it lies.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(limited_cache(_CACHE_BYTES))
        source = stack.enter_context(open_dataset(str(path)))
        refuse_unplaced(source)
        grid = grid_of(source)
        # Else GDAL would say in its own words that nothing leads from one to the other.
        transformer_between(grid.crs, pyproj.CRS.from_user_input(MERCATOR))
        cell_m = round(grid.cell_size_m, 3)
        stack.enter_context(refused_if_damaged(path))
        transform, cols, rows = _target(source, max_side_px)
        shrink = max(source.width / cols, source.height / rows)
        level = _overview_level(source.overviews(1), shrink)
        if level is not None:
            source = stack.enter_context(rasterio.open(gdal_path(path), overview_level=level))
            shrink = max(source.width / cols, source.height / rows)
        vrt = WarpedVRT(
            source,
            crs=MERCATOR,
            transform=transform,
            width=cols,
            height=rows,
            resampling=Resampling.average if shrink >= AVERAGE_FROM else Resampling.bilinear,
            add_alpha=not alpha_band(source),
            UNIFIED_SRC_NODATA="NO",  # as in `rasters`: each band misses its own
        )
        with vrt:
            picture = _read(vrt, _shown_bands(source))
    if not picture[-1].any():
        logger.warning("%s shows nothing: no pixel of it is valid.", path)
    bounds = rasterio.transform.array_bounds(rows, cols, transform)
    return {
        "url": webp_uri(picture),
        "bounds": lon_lat(bounds),
        "name": Path(path).name,
        "cell_m": cell_m,
    }


def _target(source: Any, max_side_px: int) -> tuple[Any, int, int]:
    """Return transform, columns and rows of the picture in Web Mercator."""
    transform, cols, rows = calculate_default_transform(
        source.crs, MERCATOR, source.width, source.height, *source.bounds
    )
    scale = max(1.0, max(cols, rows) / max_side_px)
    shape = max(1, math.ceil(cols / scale - 1e-6)), max(1, math.ceil(rows / scale - 1e-6))
    return transform @ Affine.scale(scale), *shape


def _overview_level(factors: list[int], shrink: float) -> int | None:
    """Return the coarsest overview that still has all the pixels that the picture needs."""
    fitting = [level for level, factor in enumerate(factors) if factor <= shrink]
    return fitting[-1] if fitting else None


def _shown_bands(source: Any) -> list[int]:
    meanings = list(source.colorinterp)
    if all(color in meanings for color in RGB):
        return [meanings.index(color) + 1 for color in RGB]
    numbers = [n for n, m in enumerate(meanings, start=1) if m is not ColorInterp.alpha]
    return numbers[:3] if len(numbers) >= 3 else numbers[:1]


def _read(vrt: Any, bands: list[int]) -> NDArray[np.uint8]:
    """Return red, green, blue and alpha (4, rows, cols)."""
    pixels = vrt.read(bands)
    whole = Window(0, 0, vrt.width, vrt.height)
    valid = ValidPixels(vrt, bands).read(bands, (vrt.height, vrt.width), whole)
    if pixels.dtype.kind == "f":
        valid &= np.isfinite(pixels).all(axis=0)
    color = np.moveaxis(stretch(pixels, valid), -1, 0)
    alpha = np.where(valid, np.uint8(255), np.uint8(0))
    return np.concatenate([np.where(valid, color, np.uint8(0)), alpha[None]])
