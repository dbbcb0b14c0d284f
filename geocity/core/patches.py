"""Patches of a class raster: the connected areas of one class, whole across blocks.

A patch is a set of cells of one class connected by their edges. A raster is read block by block;
each block's patches are found from its runs (stretches of equal cells in a row), and patches of
neighbouring blocks that touch across a seam are joined at the end. What remains is a graph: one
node a patch with class and area, one link a pair of patches with the length of their common border.
Memory holds one block, one row of the raster and these tables, however large the raster is.

Nodata and everything outside the raster are one node, number 0, of class 255.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geocity.core.classes import NODATA
from geocity.core.grid import Window

OUTSIDE = 0
"""The node of nodata and of what lies outside the raster."""

_Classes = NDArray[np.uint8]
_Numbers = NDArray[np.int64]


class Links(NamedTuple):
    """Pairs of patches with the cell edges they share; parallel arrays."""

    first: _Numbers
    second: _Numbers
    length: _Numbers

    def summed(self, count: int) -> "Links":
        """Return each pair of the `count` patches once, the smaller number first."""
        low, high = np.minimum(self.first, self.second), np.maximum(self.first, self.second)
        # A sparse matrix sums what falls on one place, and faster than any sorting of pairs.
        table = coo_array((self.length, (low, high)), shape=(count, count)).tocsr().tocoo()
        return Links(table.row.astype(np.int64), table.col.astype(np.int64), table.data)

    def select(self, which: NDArray[np.bool_]) -> "Links":
        """Return some of the links."""
        place = np.flatnonzero(which)
        return Links(self.first[place], self.second[place], self.length[place])

    def renamed(self, names: _Numbers) -> "Links":
        """Return the links between the new numbers of the patches."""
        return Links(names[self.first], names[self.second], self.length)

    @classmethod
    def joined(cls, parts: Sequence["Links"]) -> "Links":
        """Return all links of some lists of links."""
        if not parts:
            empty = np.zeros(0, np.int64)
            return cls(empty, empty, empty)
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))


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
        names = _connect(self.links.select(equal), len(self.classes))
        count = int(names.max()) + 1
        classes = np.empty(count, np.uint8)
        classes[names] = self.classes
        cells = np.bincount(names, weights=self.cells, minlength=count).astype(np.int64)
        links = self.links.select(~equal).renamed(names).summed(count)
        return PatchGraph(classes, cells, links), names


class BlockPatches:
    """The patches of one block, found from its runs.

    Attributes:
        patch: (runs,) patch of each run, from 1 on; 0 for nodata.
        classes: (patches + 1,) class of each patch.
    """

    def __init__(self, values: _Classes) -> None:
        self._shape = values.shape
        cols = values.shape[1]
        begins = np.empty(values.shape, bool)
        begins[:, 0] = True
        np.not_equal(values[:, 1:], values[:, :-1], out=begins[:, 1:])
        flat = begins.ravel()
        self._start = np.flatnonzero(flat)
        self._length = np.diff(self._start, append=values.size)
        run_class = values.ravel()[self._start]
        # Where a run begins in either of two rows, a new stretch of their common border begins.
        stretch = np.flatnonzero(begins[:-1] | begins[1:])
        upper = np.cumsum(flat[stretch]) - 1
        lower = np.cumsum(flat[stretch + cols]) - 1 + np.count_nonzero(begins[0])
        length = np.diff(stretch, append=values.size - cols)
        self._below = Links(upper, lower, length)
        self._same = run_class[upper] == run_class[lower]
        name = _connect(self._below.select(self._same), len(run_class))
        classes = np.empty(int(name.max()) + 1, np.uint8)
        classes[name] = run_class
        real = classes != NODATA
        self.patch: _Numbers = (np.cumsum(real) * real)[name]
        self.classes: _Classes = np.concatenate((np.array([NODATA], np.uint8), classes[real]))

    def cells(self) -> _Numbers:
        """Return the area of each patch in cells."""
        area = np.bincount(self.patch, weights=self._length, minlength=len(self.classes))
        area[OUTSIDE] = 0
        return area.astype(np.int64)

    def links(self) -> Links:
        """Return the common borders of the patches inside the block."""
        below = self._below.select(~self._same)
        left = np.flatnonzero(self._start[1:] % self._shape[1])
        beside = Links(left, left + 1, np.ones(len(left), np.int64))
        return Links.joined([below, beside]).renamed(self.patch).summed(len(self.classes))

    def edges(self) -> dict[str, _Numbers]:
        """Return the patch of every cell on the block's top, bottom, left and right line."""
        rows, cols = self._shape
        row_begins = np.searchsorted(self._start, np.arange(rows) * cols)
        top, bottom = slice(0, row_begins[1] if rows > 1 else None), slice(row_begins[-1], None)
        return {
            "top": np.repeat(self.patch[top], self._length[top]),
            "bottom": np.repeat(self.patch[bottom], self._length[bottom]),
            "left": self.patch[row_begins],
            "right": self.patch[np.append(row_begins[1:], len(self.patch)) - 1],
        }

    def numbered(self) -> _Numbers:
        """Return the patch of every cell of the block, (rows, cols); 0 for nodata."""
        return np.repeat(self.patch, self._length).reshape(self._shape)

    def paint(self, classes: _Classes) -> _Classes:
        """Return the block (rows, cols) with other classes for its patches."""
        return np.repeat(classes[self.patch], self._length).reshape(self._shape)


class PatchGraphBuilder:
    """Builds the patch graph of a raster from its blocks, given row by row.

    Args:
        shape: (rows, cols) of the raster.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._first_node: dict[Window, int] = {}
        self._classes: list[_Classes] = [np.array([NODATA], np.uint8)]
        self._cells: list[_Numbers] = [np.zeros(1, np.int64)]
        self._links: list[Links] = []
        self._count = 1
        # The lines of cells that the next blocks will touch.
        self._above = _outside(shape[1])
        self._left = _outside(0)

    def add(self, values: _Classes, window: Window) -> None:
        """Take the next block, (rows, cols) uint8 with nodata 255.

        Blocks come in the order of `geocity.core.grid.blocks`.
        """
        block = BlockPatches(values)
        nodes = np.arange(len(block.classes)) + (self._count - 1)
        nodes[OUTSIDE] = OUTSIDE
        self._first_node[window] = self._count
        self._count += len(block.classes) - 1
        self._classes.append(block.classes[1:])
        self._cells.append(block.cells()[1:])
        self._links.append(block.links().renamed(nodes))
        self._sew({side: nodes[patch] for side, patch in block.edges().items()}, window)

    def _sew(self, lines: dict[str, _Numbers], window: Window) -> None:
        cols = window.slices[1]
        left = self._left if window.col else _outside(window.rows)
        if len(left) != window.rows:
            raise ValueError(f"{window} does not follow on the block before it")
        self._links += [_seam(self._above[cols], lines["top"]), _seam(left, lines["left"])]
        if window.row_end == self._shape[0]:
            self._links.append(_seam(lines["bottom"], _outside(window.cols)))
        if window.col_end == self._shape[1]:
            self._links.append(_seam(lines["right"], _outside(window.rows)))
        self._above[cols] = lines["bottom"]
        self._left = lines["right"]

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
        return graph, Patchwork(self._first_node, names)


@dataclass(frozen=True, slots=True)
class Patchwork:
    """Where the patches of a graph lie: enough to paint a block anew when it is read again.

    Attributes:
        first_node: the number of a block's first piece of a patch.
        patch: (pieces,) the patch that a piece belongs to.
    """

    first_node: dict[Window, int]
    patch: _Numbers

    def pieces(self, values: _Classes, window: Window) -> tuple[_Numbers, _Numbers]:
        """Find the pieces of patches that lie in a block.

        Args:
            values: the block as it was when the graph was built.
            window: where it lies.

        Returns:
            (rows, cols) the piece of every cell, counted within the block, 0 for nodata; and
            (pieces,) the patch of the graph that each piece belongs to.
        """
        block = BlockPatches(values)
        first = self.first_node[window]
        patch = self.patch[first : first + len(block.classes) - 1]
        return block.numbered(), np.concatenate(([OUTSIDE], patch))

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
        pieces = self.patch[first : first + len(block.classes) - 1]
        painted = np.concatenate((block.classes[:1], classes[pieces]))
        return values if np.array_equal(painted, block.classes) else block.paint(painted)


def _connect(links: Links, count: int) -> _Numbers:
    """Number the connected groups of `count` things from 0 on; thing 0 is in group 0."""
    ones = np.ones(len(links.first), bool)
    graph = coo_array((ones, (links.first, links.second)), shape=(count, count))
    names: _Numbers = connected_components(graph, directed=False)[1].astype(np.int64)
    return names


def _outside(length: int) -> _Numbers:
    return np.full(length, OUTSIDE, np.int64)


def _seam(one: _Numbers, other: _Numbers) -> Links:
    """Link the patches on two lines of cells that lie side by side."""
    changes = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    start = np.append(0, np.flatnonzero(changes) + 1)
    return Links(one[start], other[start], np.diff(start, append=len(one)))
