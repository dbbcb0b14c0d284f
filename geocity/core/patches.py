"""Patches of a class raster: the connected areas of one class, whole across blocks.

A patch is a set of cells of one class connected by their edges. A raster is read block by block;
each block's patches are found by `geocity.core.block_patches`, and patches of neighbouring blocks
that touch across a seam are joined at the end. What remains is a graph: one node a patch with class
and area, one link a pair of patches with the length of their common border. Memory holds one block,
one row of the raster and these tables, however large the raster is.

Nodata and everything outside the raster are one node, number 0, of class 255.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.block_patches import OUTSIDE, BlockPatches, BlockTables, Links, connect
from geocity.core.classes import NODATA
from geocity.core.grid import Window

_Classes = NDArray[np.uint8]
_Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PatchGraph:
    """The patches of a raster and their common borders.

    Attributes:
        classes: (patches,) class of each patch; patch 0 is nodata and the outside, class 255.
        cells: (patches,) area of each patch in cells; 0 for patch 0.
        links: each pair of touching patches once, with the cell edges they share.
    """

    classes: _Classes
    cells: _Numbers
    links: Links

    def merged(self) -> tuple["PatchGraph", _Numbers]:
        """Join touching patches of equal class.

        Returns:
            The smaller graph, and (patches,) the new number of each old patch.
        """
        equal = self.classes[self.links.first] == self.classes[self.links.second]
        names = connect(self.links.select(equal), len(self.classes))
        names = names.astype(self.links.first.dtype, copy=False)
        count = int(names.max()) + 1
        classes = np.empty(count, np.uint8)
        classes[names] = self.classes
        cells = np.bincount(names, weights=self.cells, minlength=count).astype(np.int64)
        links = self.links.select(~equal).renamed(names).summed(count)
        return PatchGraph(classes, cells, links), names


class PatchGraphBuilder:
    """Builds the patch graph of a raster from its blocks.

    Blocks come in any order in which each is preceded by those above it and to its left.

    Args:
        shape: (rows, cols) of the raster.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        # Tables of all links are what takes memory: numbers of pieces are kept short if they may.
        self._number: np.dtype[Any] = np.dtype(
            np.int32 if shape[0] * shape[1] < np.iinfo(np.int32).max else np.int64
        )
        self._first_node: dict[Window, int] = {}
        self._classes: list[_Classes] = [np.array([NODATA], np.uint8)]
        self._cells: list[_Numbers] = [np.zeros(1, np.int64)]
        self._links: list[Links] = []
        self._count = 1
        # The lines of cells that the next blocks will touch, and how far down and right they are.
        self._above, self._left = self._outside(shape[1]), self._outside(shape[0])
        self._down, self._right = np.zeros(shape[1], np.int64), np.zeros(shape[0], np.int64)

    def add(self, values: _Classes, window: Window) -> None:
        """Take a block, (rows, cols) uint8 with nodata 255."""
        self.add_tables(BlockTables.of(BlockPatches(values)), window)

    def add_tables(self, block: BlockTables, window: Window) -> None:
        """Take what is known of a block.

        Raises:
            ValueError: if a block above it or to its left is still to come.
        """
        nodes = np.arange(len(block.classes), dtype=self._number) + (self._count - 1)
        nodes[OUTSIDE] = OUTSIDE
        self._first_node[window] = self._count
        self._count += len(block.classes) - 1
        self._classes.append(block.classes[1:])
        self._cells.append(block.cells[1:])
        self._links.append(block.links.renamed(nodes))
        self._sew({side: nodes[patch] for side, patch in block.edges.items()}, window)

    def _sew(self, lines: dict[str, _Numbers], window: Window) -> None:
        rows, cols = window.slices
        if (self._down[cols] != window.row).any() or (self._right[rows] != window.col).any():
            raise ValueError(f"{window} does not follow on the blocks before it")
        self._links += [
            _seam(self._above[cols], lines["top"]),
            _seam(self._left[rows], lines["left"]),
        ]
        if window.row_end == self._shape[0]:
            self._links.append(_seam(lines["bottom"], self._outside(window.cols)))
        if window.col_end == self._shape[1]:
            self._links.append(_seam(lines["right"], self._outside(window.rows)))
        self._above[cols], self._down[cols] = lines["bottom"], window.row_end
        self._left[rows], self._right[rows] = lines["right"], window.col_end

    def finish(self) -> tuple[PatchGraph, "Patchwork"]:
        """Join patches across the seams.

        Returns:
            The graph of whole patches, and where each of them lies.
        """
        pieces = PatchGraph(
            np.concatenate(self._classes),
            np.concatenate(self._cells),
            Links.joined(self._links),
        )
        self._classes, self._cells, self._links = [], [], []
        graph, names = pieces.merged()
        links = Links(*(column.astype(np.int64, copy=False) for column in graph.links))
        graph = PatchGraph(graph.classes, graph.cells, links)
        return graph, Patchwork(self._first_node, names.astype(np.int64, copy=False))

    def _outside(self, length: int) -> NDArray[Any]:
        return np.full(length, OUTSIDE, self._number)


@dataclass(frozen=True, slots=True)
class Patchwork:
    """Where the patches of a graph lie: enough to paint a block anew when it is read again.

    Attributes:
        first_node: the number of a block's first piece of a patch.
        patch: (pieces,) the patch that a piece belongs to.
    """

    first_node: dict[Window, int]
    patch: _Numbers

    def classes_of_pieces(self, classes: _Classes) -> _Classes:
        """Return the class of every piece, in the order in which the blocks came.

        Args:
            classes: (patches,) class of every patch of the graph.
        """
        return classes[self.patch[1:]]

    def of_block(self, window: Window, count: int) -> _Numbers:
        """Return the patch of the graph that each piece in a block belongs to, 0 for no piece.

        Args:
            window: the block.
            count: how many pieces it has.
        """
        first = self.first_node[window]
        return np.concatenate(([OUTSIDE], self.patch[first : first + count]))

    def paint(self, values: _Classes, window: Window, classes: _Classes) -> _Classes:
        """Give the patches of a block other classes.

        Args:
            values: the block as it was when the graph was built.
            window: where it lies.
            classes: (patches,) new class of every patch of the graph.

        Returns:
            (rows, cols) uint8.
        """
        block = BlockPatches(values)
        first = self.first_node[window]
        return block.repaint(values, classes[self.patch[first : first + len(block.classes) - 1]])


def _seam(one: _Numbers, other: _Numbers) -> Links:
    """Link the patches on two lines of cells that lie side by side."""
    changes = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    start = np.append(0, np.flatnonzero(changes) + 1)
    return Links(one[start], other[start], np.diff(start, append=len(one)))
