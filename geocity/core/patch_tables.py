"""What is known of every patch of a raster: its first cell, its cells, its area.

Patches are numbered by their first cell, row by row from the top left, which does not depend on how
the raster is cut into blocks. The first cell is also how a traced polygon finds its patch again.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.areas import GroundMeasure
from geocity.core.block_patches import OUTSIDE
from geocity.core.grid import Window, blocks
from geocity.core.patches import PatchGraphBuilder, Patchwork
from geocity.core.progress import Progress, silent
from geocity.core.rings import unpack
from geocity.core.traced_polygons import TracedPolygons

Read = Callable[[Window], NDArray[np.uint8]]
Numbers = NDArray[np.int64]

PART_SHAPE = (512, 2048)
"""Whole blocks of our files, wide enough that seams are few."""


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

    def number(self, values: NDArray[np.uint8], window: Window) -> Numbers:
        """Return the patch of every cell of a block, (rows, cols); 0 where there is none."""
        pieces, patches = self.patchwork.pieces(values, window)
        return patches[pieces]

    def of_polygons(self, polygons: TracedPolygons) -> Numbers:
        """Return the patch that each polygon, traced on the same raster, is the outline of."""
        starts = polygons.rings.offsets[polygons.offsets[:-1]]
        rows, cols = unpack(polygons.rings.corners[starts])
        return np.searchsorted(self.first, rows * self.cols + cols)


def patch_table(
    read: Read,
    shape: tuple[int, int],
    ground: GroundMeasure,
    *,
    part: tuple[int, int] = PART_SHAPE,
    progress: Progress = silent,
    stage: str = "find patches",
) -> PatchTable:
    """Find and measure the patches of a raster: cells of one class connected by their edges.

    The raster is read twice and never held.

    Args:
        read: gives a window of it, (rows, cols) uint8; 255 belongs to no patch.
        shape: (rows, cols).
        ground: measures its cells.
        part: (rows, cols) read at a time; makes no difference to the result.
        progress: told of each part.
        stage: what to call this work.
    """
    windows = list(blocks(shape, part))
    builder = PatchGraphBuilder(shape)
    for done, window in enumerate(windows):
        progress(done, 2 * len(windows), stage)
        builder.add(read(window), window)
    graph, patchwork = builder.finish()
    first = np.full(len(graph.classes), shape[0] * shape[1], np.int64)
    area_m2 = np.zeros(len(graph.classes))
    for done, window in enumerate(windows, start=len(windows)):
        progress(done, 2 * len(windows), stage)
        pieces, patches = patchwork.pieces(read(window), window)
        if len(patches) == 1:
            continue
        cells = np.flatnonzero(pieces)
        piece = pieces.ravel()[cells]
        weights = ground.cell_areas(window).ravel()[cells]
        np.add.at(area_m2, patches, np.bincount(piece, weights, len(patches)))
        # Where another piece begins along a row: the first cell of a piece is among those.
        begins = np.flatnonzero(np.diff(piece, prepend=0))
        row, col = np.divmod(cells[begins], window.cols)
        place = (row + window.row) * shape[1] + col + window.col
        np.minimum.at(first, patches[piece[begins]], place)
    progress(2 * len(windows), 2 * len(windows), stage)
    first[OUTSIDE], area_m2[OUTSIDE] = -1, 0.0
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return PatchTable(
        Patchwork(patchwork.first_node, rank[patchwork.patch]),
        first[order],
        graph.classes[order],
        graph.cells[order],
        area_m2[order],
        shape[1],
    )
