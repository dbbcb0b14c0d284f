"""Class rasters as compressed tiles: those of a part, and of a whole raster out of its parts.

Whoever computes a part compresses its pixels and its first overviews as they will lie in the final
raster. What is left for the end is to bring the tiles into order and to shrink the last of these
overviews, a sixteenth of the pixels, further.
"""

import functools
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geocity.core.classes import NODATA
from geocity.core.grid import Window, blocks
from geocity.core.overviews import halved
from geocity.io.tiled_tiffs import (
    SHORT,
    Directory,
    FiledTiles,
    HeldTiles,
    Tags,
    read_directories,
    write_tiles,
)

BLOCK = 512
"""Side of the square blocks of every raster that geocity writes."""

OVERVIEWS_OF_PARTS = 2
"""Overviews that are made with a part."""

ALIGNED = BLOCK << OVERVIEWS_OF_PARTS
"""Parts that begin at multiples of this have blocks and overviews that are those of the whole."""

_LEVEL = 6
# One byte a pixel, deflate, 0 is black, one sample, contiguous, whole numbers; 255 is nodata.
_TAGS: Tags = {
    **{
        tag: (SHORT, value.to_bytes(2, "little"))
        for tag, value in ((258, 8), (259, 8), (262, 1), (277, 1), (284, 1), (339, 1))
    },
    42113: (2, f"{NODATA}\0".encode()),
}

Pieces = Sequence[tuple[Path, Window]]
"""Files of parts, and which pixels of the whole each one holds."""


def write_class_part(path: Path, values: NDArray[np.uint8]) -> None:
    """Write the class values of a part, (rows, cols), ready to be put into the final raster.

    Raises:
        OSError: if it cannot be written, a full disk included.
    """
    levels = []
    for _ in range(OVERVIEWS_OF_PARTS + 1):
        tiles = [_packed(values[window.slices]) for window in blocks(values.shape, BLOCK)]
        levels.append(HeldTiles(values.shape, tiles))
        values = halved(values)
    write_tiles(path, _TAGS, levels, BLOCK)


def tiles_of_parts(pieces: Pieces, shape: tuple[int, int]) -> list[FiledTiles] | None:
    """Return the tiles of a raster and of its first overviews, where its parts hold them.

    Args:
        pieces: all parts of the raster.
        shape: (rows, cols) of the raster.

    Returns:
        The raster and as many overviews as it needs and its parts have; None where the parts are
        cut otherwise, or were not written by `write_class_part`.
    """
    levels = [_without_tiles(s, pieces) for s in _shapes(shape)[: OVERVIEWS_OF_PARTS + 1]]
    for number, (path, window) in enumerate(pieces):
        if window.row % ALIGNED or window.col % ALIGNED:
            return None
        directories = _directories_of_part(path)
        if len(directories) < len(levels) or directories[0].shape != window.shape:
            return None
        for power, (level, held) in enumerate(zip(levels, directories, strict=False)):
            side = BLOCK << power
            rows, cols = -(-window.rows // side), -(-window.cols // side)
            place = level.place[window.row // side :, window.col // side :][:rows, :cols]
            place[..., 0], place[..., 1:] = number, held.places.reshape(rows, cols, 2)
    return levels if all(level.place[..., 2].all() for level in levels) else None


def _directories_of_part(path: Path) -> list[Directory]:
    with path.open("rb") as file:
        try:
            return read_directories(file)
        except ValueError:
            return []


def _without_tiles(shape: tuple[int, int], pieces: Pieces) -> FiledTiles:
    count = -(-shape[0] // BLOCK), -(-shape[1] // BLOCK)
    return FiledTiles(shape, [path for path, _ in pieces], np.zeros((*count, 3), np.int64))


def _shapes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the shapes of a raster and its overviews, down to one that is a single tile."""
    shapes = [shape]
    while max(shapes[-1]) > BLOCK:
        shapes.append((-(-shapes[-1][0] // 2), -(-shapes[-1][1] // 2)))
    return shapes


def with_further_overviews(levels: Sequence[FiledTiles], folder: Path) -> list[FiledTiles]:
    """Return a raster and its first overviews together with all further ones.

    Args:
        levels: from large to small.
        folder: where the tiles that are made may lie.
    """
    found = list(levels)
    while max(found[-1].shape) > BLOCK:
        found.append(_halved_tiles(found[-1], folder / f"{len(found)}.tiles"))
    return found


def _halved_tiles(level: FiledTiles, path: Path) -> FiledTiles:
    """Make an overview of an overview, two rows of tiles at a time."""
    shape = _shapes(level.shape)[1]
    count = -(-shape[0] // BLOCK), -(-shape[1] // BLOCK)
    result = FiledTiles(shape, [path], np.zeros((*count, 3), np.int64))
    at = 0
    with path.open("wb") as file:
        for row, places in enumerate(result.place):
            pair = [_pixels(level, r) for r in (2 * row, 2 * row + 1) if r < len(level.place)]
            values = halved(np.concatenate(pair))
            for place, window in zip(places, blocks(values.shape, BLOCK), strict=True):
                tile = _packed(values[window.slices])
                file.write(tile)
                place[:] = 0, at, len(tile)
                at += len(tile)
    return result


def _pixels(level: FiledTiles, row: int) -> NDArray[np.uint8]:
    """Return the pixels of a row of tiles."""
    tiles = [_unpacked(tile) for tile in level.row(row)]
    rows, cols = level.shape
    return np.concatenate(tiles, axis=1)[: rows - row * BLOCK, :cols]


def _packed(values: NDArray[np.uint8]) -> bytes:
    """Compress a tile; beyond the edge of the raster it is filled up."""
    if values.shape != (BLOCK, BLOCK):
        beyond = [(0, BLOCK - length) for length in values.shape]
        values = np.pad(values, beyond, constant_values=NODATA)
    first = int(values[0, 0])
    if (values == first).all():
        return _of_one_class(first)
    return zlib.compress(values.tobytes(), _LEVEL)


@functools.lru_cache(NODATA + 1)
def _of_one_class(value: int) -> bytes:
    return zlib.compress(bytes([value]) * BLOCK**2, _LEVEL)


def _unpacked(tile: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(zlib.decompress(tile), np.uint8).reshape(BLOCK, BLOCK)
