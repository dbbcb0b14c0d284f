"""Cleaning a class raster in parts: two readings, and between them one decision about all patches.

At the first reading every part is surveyed: its patches, their areas, common borders and what lies
on its edges. From these tables the graph of whole patches is made in one place, and what becomes of
each patch is decided there. At the second reading every part is painted anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geocity.core.block_patches import BlockPatches, BlockTables
from geocity.core.grid import Window, blocks
from geocity.core.passes import Read
from geocity.core.patches import PatchGraph, PatchGraphBuilder, Patchwork
from geocity.core.progress import Progress
from geocity.engine.finish import counted
from geocity.engine.plan import Part, span_window
from geocity.engine.store import PartStore
from geocity.io.block_tables import read_tables, write_tables
from geocity.io.class_rasters import open_class_raster
from geocity.io.gdal_cache import class_cache_bytes, limited_cache
from geocity.io.part_rasters import write_class_part

CLASSES = "classes.tif"
"""What a part's pixels are called in its store."""

_TABLES = "patches.npz"
_NEW, _FIRSTS = "new.npy", "firsts.npy"
# Whole blocks of our files, a few at a time: wide enough that seams are few.
_BLOCK_SHAPE = (512, 2048)


def part_blocks(part: Part) -> list[Window]:
    """Cut a part into the blocks that its patches are found in."""
    window = part.window
    return [block.shift(window.row, window.col) for block in blocks(window.shape, _BLOCK_SHAPE)]


@dataclass(frozen=True, slots=True)
class SurveyJob:
    """The first reading.

    Attributes:
        source: the class raster.
    """

    source: Path

    @property
    def stage(self) -> str:
        """Return what the work is called."""
        return "find patches"

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Survey parts and save the tables of each."""
        for part, read in _read_parts(self.source, span, hear, self.stage):
            tables = [BlockTables.of(BlockPatches(read(block))) for block in part_blocks(part)]
            store.save(part, {_TABLES: partial(write_tables, tables=tables)})
            yield part


@dataclass(frozen=True, slots=True)
class PaintJob:
    """The second reading.

    Attributes:
        source: the class raster, unchanged.
        new: file with the new class of every piece of a patch.
        firsts: file with the first piece of every part.
    """

    source: Path
    new: Path
    firsts: Path

    @property
    def stage(self) -> str:
        """Return what the work is called."""
        return "write"

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Paint parts and save each."""
        # Mapped, not read: of millions of pieces a part needs its own.
        new, firsts = np.load(self.new, mmap_mode="r"), np.load(self.firsts, mmap_mode="r")
        for part, read in _read_parts(self.source, span, hear, self.stage):
            window, first = part.window, int(firsts[part.index])
            painted = np.empty(window.shape, np.uint8)
            for place in part_blocks(part):
                values = read(place)
                block = BlockPatches(values)
                end = first + len(block.classes) - 1
                inside = place.shift(-window.row, -window.col).slices
                painted[inside] = block.repaint(values, np.asarray(new[first:end]))
                first = end
            store.save(
                part,
                {CLASSES: partial(write_class_part, values=painted)},
                counted(painted),
            )
            yield part


def _read_parts(
    source: Path, span: Sequence[Part], hear: Progress, stage: str
) -> Iterator[tuple[Part, Read]]:
    """Yield parts, each with a reader of the raster."""
    width = span_window(span).cols
    with (
        open_class_raster(source) as raster,
        limited_cache(class_cache_bytes(width, raster.block_shape[1])),
    ):
        for done, part in enumerate(span):
            hear(done, len(span), stage)
            yield part, raster.read


def graph_of_parts(
    parts: Sequence[Part], store: PartStore, shape: tuple[int, int]
) -> tuple[PatchGraph, Patchwork, NDArray[np.int64]]:
    """Join the patches of all parts.

    Args:
        parts: all parts of the raster, in reading order.
        store: where their tables are.
        shape: (rows, cols) of the raster.

    Returns:
        The graph of whole patches, where they lie, and the first piece of every part.
    """
    builder = PatchGraphBuilder(shape)
    for part in parts:
        tables = read_tables(store.path(part, _TABLES))
        for block, table in zip(part_blocks(part), tables, strict=True):
            builder.add_tables(table, block)
    graph, patchwork = builder.finish()
    firsts = [patchwork.first_node[part_blocks(part)[0]] - 1 for part in parts]
    return graph, patchwork, np.array(firsts, np.int64)


def save_decision(
    store: PartStore,
    place: Part,
    pieces: NDArray[np.uint8],
    firsts: NDArray[np.int64],
    facts: dict[str, float],
) -> None:
    """Keep what becomes of every piece of a patch.

    Args:
        store: where.
        place: the whole raster, as a part.
        pieces: new class of each piece, part by part.
        firsts: the first piece of each part.
        facts: what to tell about it.
    """
    store.save(
        place,
        {_NEW: lambda path: _save(path, pieces), _FIRSTS: lambda path: _save(path, firsts)},
        facts,
    )


def decision_files(store: PartStore, place: Part) -> tuple[Path, Path]:
    """Return where the new class of each piece, and the first piece of each part, are kept."""
    return store.path(place, _NEW), store.path(place, _FIRSTS)


def _save(path: Path, values: NDArray[np.uint8] | NDArray[np.int64]) -> None:
    with path.open("wb") as file:
        np.save(file, values)
