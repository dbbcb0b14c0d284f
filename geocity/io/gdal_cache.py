"""How much memory GDAL may take for blocks that it has read: a few rows of them, not 5 % of all."""

import contextlib
from collections.abc import Iterator

import rasterio

from geocity.io.rasters import Scene

HEADER_CACHE = 32 << 20
"""Enough to look a raster through once for its values, and nothing to keep of it."""

_LEAST = 96 << 20
_MOST = 768 << 20
_LEAST_OF_CLASSES = 32 << 20
_NARROW = 1024


def cache_bytes(scene: Scene, rows: int) -> int:
    """Return the cache that lets tiles of some rows be read along a scene, each block once.

    Blocks as wide as the scene (striped files) must all stay while a row of tiles is read; of
    square blocks only those that two tiles share.
    """
    block_rows, block_cols = scene.block_shape
    width = scene.grid.shape[1]
    row_bytes: int = scene.count * scene.dtype.itemsize * width
    striped = block_cols >= width
    needed = row_bytes * (rows + 2 * block_rows) if striped else row_bytes * 2 * block_rows
    return min(_MOST, max(_LEAST, needed))


def class_cache_bytes(width: int, block_cols: int | None = None) -> int:
    """Return the cache for reading a class raster once, with a halo.

    Args:
        width: in pixels of what is read from top to bottom, some rows of blocks at a time.
        block_cols: of the file's blocks, where it is read part by part: small blocks need stay no
            longer than their part takes, however wide the raster is.
    """
    if block_cols is not None and block_cols <= _NARROW:
        return _LEAST_OF_CLASSES
    return min(_MOST, max(_LEAST_OF_CLASSES, 4 * 512 * width))


@contextlib.contextmanager
def limited_cache(size: int) -> Iterator[None]:
    """Keep GDAL's block cache to a number of bytes."""
    with rasterio.Env(GDAL_CACHEMAX=size):
        yield
