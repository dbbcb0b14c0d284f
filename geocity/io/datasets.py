"""Opening GDAL datasets: what cannot be used is refused here, in one sentence."""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
from rasterio._err import CPLE_BaseError  # what GDAL raises where rasterio does not catch it
from rasterio.errors import RasterioError

from geocity.core.grid import Grid
from geocity.errors import InputError, MissingCRSError
from geocity.io.remote import explained, gdal_path, is_explained, is_remote
from geocity.io.staging import PathLike

READ_ERRORS = (RasterioError, CPLE_BaseError, UnicodeDecodeError)
"""What opening or reading a damaged raster may raise."""

_MISSING = "No such file or directory"
_MAX_BLOCK_BYTES = 1 << 30


def open_dataset(path: str) -> Any:
    """Open a raster with rasterio, or say in one sentence why not."""
    path = gdal_path(path)
    if not path.startswith("/vsi") and not is_remote(path) and not Path(path).exists():
        raise InputError(f"{path} does not exist; check the name and the folder.")
    try:
        dataset = rasterio.open(path)
    except READ_ERRORS as error:
        raise InputError(
            f"{path} cannot be opened as a raster: {root_cause(error)}; "
            "is it complete, and a format that GDAL reads?"
        ) from error
    try:
        _refuse_huge_blocks(dataset)
    except BaseException:
        dataset.close()
        raise
    return dataset


def _refuse_huge_blocks(dataset: Any) -> None:
    """Refuse what GDAL could only read by unpacking gigabytes for a single pixel."""
    for (rows, cols), dtype in zip(dataset.block_shapes, dataset.dtypes, strict=True):
        if rows * cols * np.dtype(dtype).itemsize > _MAX_BLOCK_BYTES:
            raise InputError(
                f"{dataset.name} is stored in blocks of {rows} x {cols} pixels, which do not fit "
                "into memory; store it in tiles first (gdal_translate -co TILED=YES)."
            )


@contextlib.contextmanager
def refused_if_damaged(path: PathLike) -> Iterator[None]:
    """Turn what GDAL says of pixels that cannot be read into one sentence."""
    try:
        yield
    except READ_ERRORS as error:
        raise unread(path, error) from error


def unread(path: PathLike, error: BaseException, where: str = "") -> InputError:
    """Return the refusal of a raster whose pixels cannot be read.

    Args:
        path: of the raster.
        error: what GDAL raised.
        where: in the raster.
    """
    cause = root_cause(error)
    if _MISSING in cause:
        advice = "it is made of other files, and this one is missing, so put it back"
    elif is_explained(cause):
        advice = "copy here what it points to"
    else:
        advice = "the file is probably damaged or cut short, so make, copy or download it again"
    return InputError(f"{path} cannot be read{where and f' at {where}'}: {cause}; {advice}.")


def root_cause(error: BaseException) -> str:
    """Return the first line of the error that started a chain of errors."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().rstrip(".").splitlines() or [repr(error)]
    return explained(lines[0])


def refuse_unplaced(source: Any) -> None:
    """Refuse a raster whose pixels cannot be put on a north-up map grid as they are."""
    name = source.name
    if source.count == 0:
        raise InputError(f"{name} holds no bands; if it has subdatasets, name one of them.")
    if any(np.dtype(d).kind == "c" for d in source.dtypes):
        raise InputError(f"{name} holds complex numbers; convert it to amplitude first.")
    if source.transform.is_identity and (source.gcps[0] or source.rpcs):
        raise InputError(
            f"{name} is placed by control points only; warp it onto a map grid first "
            "(gdalwarp, or Raster > Projections > Warp in QGIS)."
        )
    if source.crs is None:
        raise MissingCRSError(
            f"{name} has no coordinate reference system; assign the right one first "
            "(gdal_edit.py -a_srs EPSG:…, or Assign Projection in QGIS)."
        )
    if source.transform.b or source.transform.d:
        raise InputError(
            f"{name} is rotated against its map grid; warp it to north-up first (gdalwarp)."
        )
    if source.transform.e > 0 or source.transform.a < 0:
        raise InputError(
            f"{name} is stored upside down or mirrored; warp it to north-up first (gdalwarp)."
        )


def grid_of(dataset: Any) -> Grid:
    """Return where the pixels of an open rasterio dataset are."""
    try:
        crs = pyproj.CRS.from_wkt(dataset.crs.to_wkt())
    except pyproj.exceptions.CRSError as error:
        raise MissingCRSError(
            f"{dataset.name} has a coordinate reference system that PROJ does not understand; "
            "assign a standard one first (gdal_edit.py -a_srs EPSG:…)."
        ) from error
    grid = Grid(crs, dataset.transform, (dataset.height, dataset.width))
    misplaced = off_earth(grid)
    if misplaced:
        raise InputError(f"{dataset.name} {misplaced}.")
    return grid


def off_earth(grid: Grid) -> str:
    """Return what is wrong with coordinates that are no places, empty where nothing is.

    Degrees beyond a pole, or metres called degrees.
    """
    if not np.isfinite(grid.bounds).all():
        return "has a transform that is no numbers; place it again"
    if not grid.crs.is_geographic:
        return ""
    factor = grid.crs.axis_info[0].unit_conversion_factor  # to radians
    left, bottom, right, top = (math.degrees(edge * factor) for edge in grid.bounds)
    # Global rasters may reach half a cell beyond the poles.
    spare = math.degrees(grid.cell_size[1] * factor)
    if top > 90 + spare or bottom < -90 - spare or max(-left, right) > 540:
        return (
            f"reaches from {left:.6g}, {bottom:.6g} to {right:.6g}, {top:.6g}, which are no "
            f"degrees on Earth; assign the right CRS instead of {grid.crs.name}"
        )
    return ""
