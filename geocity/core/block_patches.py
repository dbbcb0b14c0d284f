"""The patches of one block of a class raster, found from its runs.

A run is a stretch of equal cells in a row. Patches are cells of one class connected by their edges,
here within a block; `geocity.core.patches` makes them whole across blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geocity.core.classes import NODATA

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
        kind = self.first.dtype
        return Links(table.row.astype(kind), table.col.astype(kind), table.data)

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
        name = connect(self._below.select(self._same), len(run_class))
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

    def repaint(self, values: _Classes, classes: _Classes) -> _Classes:
        """Return the block with other classes for its patches.

        Args:
            values: (rows, cols) the block as it is.
            classes: (patches,) the new class of each patch.
        """
        painted = np.concatenate((self.classes[:1], classes))
        if np.array_equal(painted, self.classes):
            return values
        return np.repeat(painted[self.patch], self._length).reshape(self._shape)


@dataclass(frozen=True, slots=True)
class BlockTables:
    """What the graph needs to know of a block: few numbers, which another process may have found.

    Attributes:
        classes: (patches + 1,) class of each patch of the block; the first is no patch.
        cells: (patches + 1,) their areas.
        links: their common borders.
        edges: the patch of every cell on the top, bottom, left and right line.
    """

    classes: _Classes
    cells: _Numbers
    links: Links
    edges: dict[str, _Numbers]

    @classmethod
    def of(cls, block: BlockPatches) -> "BlockTables":
        """Return the tables of a block."""
        return cls(block.classes, block.cells(), block.links(), block.edges())


def connect(links: Links, count: int) -> _Numbers:
    """Number the connected groups of `count` things from 0 on; thing 0 is in group 0."""
    ones = np.ones(len(links.first), bool)
    graph = coo_array((ones, (links.first, links.second)), shape=(count, count))
    names: _Numbers = connected_components(graph, directed=False)[1].astype(np.int64)
    return names
