"""How much memory GDAL may take for blocks that it has read: a few rows of them, not 5 % of all."""

import contextlib
from collections.abc import Iterator

import rasterio

from geocity.io.rasters import Scene

HEADER_CACHE = 32 << 20
"""Enough to look a raster through once for its values, and nothing to keep of it."""

_LEAST = 96 << 20
_MOST = 768 << 20


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


def class_cache_bytes(width: int) -> int:
    """Return the cache for reading a class raster once with a halo and writing another beside it.

    Three rows of blocks are read at a time and one is written, one byte a pixel.
    """
    return min(_MOST, max(32 << 20, 4 * 512 * width))


@contextlib.contextmanager
def limited_cache(size: int) -> Iterator[None]:
    """Keep GDAL's block cache to a number of bytes."""
    with rasterio.Env(GDAL_CACHEMAX=size):
        yield
