"""What is known of every patch of a raster: its first cell, its cells, its area.

Patches are numbered by their first cell, row by row from the top left, which does not depend on how
the raster is cut into blocks. The first cell is also how a traced polygon finds its patch again.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.block_patches import BlockPatches, BlockTables
from geocity.core.grid import Window
from geocity.core.patches import PatchGraphBuilder, Patchwork
from geocity.core.rings import unpack
from geocity.core.traced_polygons import TracedPolygons

Read = Callable[[Window], NDArray[np.uint8]]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PatchTable:
    """The patches of a raster; row 0 stands for nodata and what lies outside.

    Attributes:
        patchwork: where each patch lies.
        first: place of its first cell, row · cols + col, rising; -1 for row 0.
        classes: its class; 255 for row 0.
        cells: how many cells it has.
        area_m2: its area, the sum of those of its cells.
        cols: width of the raster.
    """

    patchwork: Patchwork
    first: Numbers
    classes: NDArray[np.uint8]
    cells: Numbers
    area_m2: NDArray[np.float64]
    cols: int

    def __len__(self) -> int:
        return len(self.first)

    def at(self, first: Numbers) -> Numbers:
        """Return the patches that begin with these cells."""
        return np.searchsorted(self.first, first)


def first_cells(polygons: TracedPolygons, cols: int) -> Numbers:
    """Return the place of the first cell of each polygon in a raster of some columns."""
    if not len(polygons):
        return np.empty(0, np.int64)
    rows, columns = unpack(polygons.rings.corners[polygons.rings.offsets[polygons.offsets[:-1]]])
    return rows * cols + columns


@dataclass(frozen=True, slots=True, eq=False)
class PieceTables:
    """What a patch table needs to know of a block.

    Attributes:
        block: its patches, here pieces, and how they touch.
        first: (pieces + 1,) place of the first cell of each in the whole raster.
        area_m2: (pieces + 1,) area of each.
    """

    block: BlockTables
    first: Numbers
    area_m2: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        block: BlockPatches,
        numbered: Numbers,
        window: Window,
        cell_m2: NDArray[np.float64],
        cols: int,
    ) -> "PieceTables":
        """Measure the pieces of a block.

        Args:
            block: its patches.
            numbered: (rows, cols) the piece of every cell, 0 for none.
            window: where it lies.
            cell_m2: (rows, cols) the area of every cell.
            cols: width of the whole raster.
        """
        count = len(block.classes)
        first = np.full(count, np.iinfo(np.int64).max)
        cells = np.flatnonzero(numbered)
        piece = numbered.ravel()[cells]
        # Where another piece begins along a row: the first cell of a piece is among those.
        begins = np.flatnonzero(np.diff(piece, prepend=0))
        row, col = np.divmod(cells[begins], window.cols)
        np.minimum.at(first, piece[begins], (row + window.row) * cols + col + window.col)
        weights = cell_m2.ravel()[cells]
        area_m2 = np.bincount(piece, weights, count).astype(np.float64, copy=False)
        return cls(BlockTables.of(block), first, area_m2)


class PatchTableBuilder:
    """Makes the patch table of a raster from what is known of its blocks.

    Blocks come in any order in which each is preceded by those above it and to its left.

    Args:
        shape: (rows, cols) of the raster.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._graph = PatchGraphBuilder(shape)
        self._first: list[Numbers] = [np.full(1, -1, np.int64)]
        self._area_m2: list[NDArray[np.float64]] = [np.zeros(1)]

    def add(self, tables: PieceTables, window: Window) -> None:
        """Take what is known of a block."""
        self._graph.add_tables(tables.block, window)
        self._first.append(tables.first[1:])
        self._area_m2.append(tables.area_m2[1:])

    def finish(self) -> PatchTable:
        """Join patches across the seams."""
        graph, patchwork = self._graph.finish()
        first = np.full(len(graph.classes), np.iinfo(np.int64).max)
        np.minimum.at(first, patchwork.patch, np.concatenate(self._first))
        areas = np.concatenate(self._area_m2)
        area_m2 = np.bincount(patchwork.patch, areas, len(first)).astype(np.float64, copy=False)
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return PatchTable(
            Patchwork(patchwork.first_node, rank[patchwork.patch]),
            first[order],
            graph.classes[order],
            graph.cells[order],
            area_m2[order],
            self._shape[1],
        )
