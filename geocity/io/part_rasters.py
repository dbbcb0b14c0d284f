"""Rasters in parts: one small file a part, joined by a VRT or, at last, in one COG."""

import contextlib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from geocity.core.classes import ClassTable
from geocity.core.grid import Grid, Window
from geocity.io.class_raster_sinks import (
    QUICK_BLOCKS,
    ClassesTold,
    byte_raster,
    class_levels,
    dress_probabilities,
    finish_classes,
    finish_probabilities,
)
from geocity.io.class_tiles import BLOCK, Pieces, tiles_of_parts, write_class_part
from geocity.io.gdal_cache import class_cache_bytes, limited_cache
from geocity.io.staging import PathLike, staged

__all__ = [
    "Pieces",
    "class_raster_of_parts",
    "probability_raster_of_parts",
    "read_part_raster",
    "write_class_part",
    "write_part_raster",
    "write_vrt",
]

# The order in which threads finish would show in the last digit of the statistics.
_ONE_BY_ONE = {"VRT_NUM_THREADS": "1"}


def write_part_raster(path: Path, values: NDArray[np.uint8], grid: Grid) -> None:
    """Write the pixels of one part, quickly.

    What becomes part of a class raster as it is, is better written by `write_class_part`.

    Args:
        path: the file to write.
        values: (rows, cols) or (bands, rows, cols).
        grid: where they lie.

    Raises:
        OSError: if it cannot be written, a full disk included.
    """
    layers = values if values.ndim == 3 else values[None]
    # Made in memory: GDAL keeps to itself that a disk is full.
    with MemoryFile() as memory:
        with memory.open(**byte_raster(grid, len(layers)), **QUICK_BLOCKS) as dataset:
            dataset.write(layers)
        path.write_bytes(memory.getbuffer())


def read_part_raster(path: Path) -> NDArray[np.uint8]:
    """Read the pixels of one part, (bands, rows, cols)."""
    with rasterio.open(path) as dataset:
        values: NDArray[np.uint8] = dataset.read()
    return values


def write_vrt(
    path: Path, pieces: Pieces, grid: Grid, bands: int, dress: Callable[[Any], None]
) -> None:
    """Write a VRT that shows parts as one raster.

    Args:
        path: the file to write.
        pieces: files beside it or elsewhere, and where they lie; nothing lies where there is none.
        grid: of the whole.
        bands: number of bands.
        dress: is given the open dataset, to add tags, colours and descriptions.
    """
    with rasterio.open(path, "w", **{**byte_raster(grid, bands), "driver": "VRT"}) as dataset:
        dress(dataset)
    tree = ET.parse(path)
    for number, band in enumerate(tree.getroot().findall("VRTRasterBand"), start=1):
        for file, window in pieces:
            source = ET.SubElement(band, "SimpleSource")
            beside = file.parent == path.parent
            name = ET.SubElement(source, "SourceFilename", relativeToVRT=str(int(beside)))
            name.text = file.name if beside else str(file.absolute())
            ET.SubElement(source, "SourceBand").text = str(number)
            # Told here, they need not be looked up in every file when the whole is opened.
            ET.SubElement(
                source,
                "SourceProperties",
                RasterXSize=str(window.cols),
                RasterYSize=str(window.rows),
                DataType="Byte",
                BlockXSize=str(BLOCK),
                BlockYSize=str(BLOCK),
            )
            ET.SubElement(source, "SrcRect", _rectangle(window.shift(-window.row, -window.col)))
            ET.SubElement(source, "DstRect", _rectangle(window))
    tree.write(path, encoding="utf-8")


def _rectangle(window: Window) -> dict[str, str]:
    return {
        "xOff": str(window.col),
        "yOff": str(window.row),
        "xSize": str(window.cols),
        "ySize": str(window.rows),
    }


@contextlib.contextmanager
def class_raster_of_parts(
    out: PathLike,
    pieces: Pieces,
    grid: Grid,
    classes: ClassTable,
    counts: NDArray[np.int64],
    *,
    overwrite: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Make the class raster that `create_class_raster` would, of parts.

    It is complete, under a temporary name, when the block begins, and appears when it ends: several
    rasters appear together when their blocks are nested. The tiles of parts that `write_class_part`
    has written are taken as they are; others are read and compressed anew. The bytes do not tell.

    Args:
        out: the GeoTIFF to make.
        pieces: the parts.
        grid: where its pixels are.
        classes: what its values mean.
        counts: pixels of each value, (256,).
        overwrite: replace what is there.
        tags: provenance, kept in the file.
    """
    with staged(out, overwrite=overwrite) as stage:
        levels = tiles_of_parts(pieces, grid.shape)
        if levels is None:
            whole = stage.scratch(".vrt")
            write_vrt(whole, pieces, grid, 1, lambda _: None)
            with limited_cache(class_cache_bytes(grid.shape[1])):
                levels = class_levels(whole, stage.scratch(".parts"))
        finish_classes(levels, stage, grid, ClassesTold(classes, counts, tags))
        yield


@contextlib.contextmanager
def probability_raster_of_parts(
    out: PathLike,
    pieces: Pieces,
    grid: Grid,
    class_names: Sequence[str],
    *,
    overwrite: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Make the probability raster that `create_probability_raster` would, of parts.

    Complete when the block begins, there when it ends, as with `class_raster_of_parts`.

    Args:
        out: the GeoTIFF to make.
        pieces: the parts.
        grid: where its pixels are.
        class_names: one a band.
        overwrite: replace what is there.
        tags: provenance, kept in the file.
    """
    names = tuple(class_names)
    with staged(out, overwrite=overwrite) as stage:
        whole = stage.scratch(".vrt")
        write_vrt(whole, pieces, grid, len(names), lambda d: dress_probabilities(d, names, tags))
        with rasterio.Env(**_ONE_BY_ONE), limited_cache(class_cache_bytes(grid.shape[1])):
            finish_probabilities(whole, stage, names)
        yield
