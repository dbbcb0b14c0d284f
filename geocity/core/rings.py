"""Many rings of pixel corners in a few flat arrays.

A class raster may hold a million outlines of forty corners; as Python objects they would cost more
time and memory than everything else together. So a corner is one integer (`pack`), rings lie behind
one another in one array, and every function works on all of them at once.

Rows run downwards. A ring goes round with its region on the **left** as seen on screen, so outer
rings turn counter-clockwise and holes clockwise. Rings are stored open: the first corner is not
repeated.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, depth_first_order

Ints = NDArray[np.integer]
Corners = NDArray[np.int64]

_COLUMN_BITS = 32
_COLUMN_MASK = (1 << _COLUMN_BITS) - 1


def pack(rows: Ints, cols: Ints) -> Corners:
    """Return one integer per corner; their order is row by row, from left to right."""
    return (rows.astype(np.int64) << _COLUMN_BITS) | cols


def unpack(corners: Corners) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows and columns of packed corners."""
    return corners >> _COLUMN_BITS, corners & _COLUMN_MASK


@dataclass(frozen=True, slots=True)
class Rings:
    """Closed rings of corners.

    Attributes:
        corners: packed corners of all rings behind one another, the first not repeated.
        offsets: where each ring begins, and the end: shape (rings + 1,).
    """

    corners: Corners
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def none(cls) -> "Rings":
        """Return no rings."""
        return cls(np.empty(0, np.int64), np.zeros(1, np.int64))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Return the number of corners of each ring."""
        return np.diff(self.offsets)

    def take(self, which: Ints | NDArray[np.bool_]) -> "Rings":
        """Return some of the rings, in the order asked for."""
        index = np.flatnonzero(which) if which.dtype == np.bool_ else which
        sizes = self.sizes[index]
        offsets = offsets_of(sizes)
        return Rings(self.corners[ragged_index(self.offsets[index], sizes)], offsets)

    def joined(self, *others: "Rings") -> "Rings":
        """Return these rings and others behind them."""
        parts = [part for part in (self, *others) if len(part)]
        if not parts:
            return Rings.none()
        if len(parts) == 1:
            return parts[0]
        return Rings(
            np.concatenate([part.corners for part in parts]),
            offsets_of(np.concatenate([part.sizes for part in parts])),
        )

    def holding(self, corners: Ints) -> NDArray[np.int64]:
        """Return the ring that each corner, given by its position, belongs to."""
        return np.searchsorted(self.offsets, corners, side="right") - 1

    def owner(self) -> NDArray[np.int64]:
        """Return the ring number of every corner."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def following(self) -> NDArray[np.int64]:
        """Return for every corner the position of the next one in its ring."""
        index = np.arange(1, len(self.corners) + 1)
        index[self.offsets[1:] - 1] = self.offsets[:-1]
        return index

    def signed_areas(self) -> NDArray[np.int64]:
        """Return the area of each ring in pixels: outer rings positive, holes negative."""
        if not len(self):
            return np.empty(0, np.int64)
        rows, cols = unpack(self.corners)
        # Only vertical edges count; a region lies on the left of its edges, rows run downwards.
        steps = rows[self.following()] - rows
        return -np.add.reduceat(cols * steps, self.offsets[:-1])

    def starting_first(self) -> "Rings":
        """Return the same rings, each begun at its topmost corner, the leftmost of those."""
        if not len(self):
            return self
        starts = self.offsets[:-1]
        first = np.minimum.reduceat(self.corners, starts)
        turned = np.flatnonzero(self.corners[starts] != first)
        if not len(turned):
            return self
        corners = self.corners.copy()
        some = self.take(turned)
        at = np.flatnonzero(some.corners == np.repeat(first[turned], some.sizes))
        # A ring that touches itself could pass its first corner twice, but then it is not a ring
        # of a region yet: `untouching` comes before.
        shift = at - some.offsets[:-1]
        position = ragged_index(np.zeros(len(some), np.int64), some.sizes)
        source = (position + np.repeat(shift, some.sizes)) % np.repeat(some.sizes, some.sizes)
        source += np.repeat(some.offsets[:-1], some.sizes)
        corners[ragged_index(starts[turned], some.sizes)] = some.corners[source]
        return Rings(corners, self.offsets)


def offsets_of(sizes: Ints) -> NDArray[np.int64]:
    """Return where stretches of these sizes begin, and the end: shape (sizes + 1,)."""
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def ragged_index(starts: Ints, sizes: Ints) -> NDArray[np.int64]:
    """Return ``start, start + 1 …`` of several stretches behind one another.

    Example:
        >>> ragged_index(np.array([5, 0]), np.array([2, 3])).tolist()
        [5, 6, 0, 1, 2]
    """
    offsets = offsets_of(sizes)
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)


def cycles(following: Ints) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Walk the cycles of a permutation.

    Args:
        following: for each node the next one, a permutation of 0 … n-1.

    Returns:
        The nodes cycle by cycle, each begun at its smallest node and the cycles sorted by it; and
        the offsets of the cycles, shape (cycles + 1,).
    """
    count = len(following)
    if count == 0:
        return np.empty(0, np.int64), np.zeros(1, np.int64)
    nodes = np.arange(count, dtype=np.int32)
    cycle_count, label = connected_components(_graph(following), directed=True, connection="strong")
    first = np.empty(cycle_count, np.int32)
    first[label[::-1]] = nodes[::-1]  # the last to be written is the smallest
    rank = np.argsort(first)
    first = first[rank]
    # Tie the end of each cycle to the start of the next: one walk in C then meets them all.
    before = np.empty(count, np.int32)
    before[following] = nodes
    chained = np.array(following, dtype=np.int32)
    chained[before[first]] = np.roll(first, -1)
    order = depth_first_order(_graph(chained), int(first[0]), return_predecessors=False)
    sizes = np.bincount(label, minlength=cycle_count)[rank]
    return order.astype(np.int64), offsets_of(sizes)


def _graph(following: Ints) -> csr_array:
    count = len(following)
    rows = np.arange(count + 1, dtype=np.int32)
    return csr_array((np.ones(count), following.astype(np.int32), rows), shape=(count, count))


def untouching(rings: Rings) -> tuple[Rings, NDArray[np.int64]]:
    """Cut rings that touch themselves at a corner into rings that do not.

    A region whose pixels meet only at a corner is traced, to begin with, as if the corner were
    open. If both sides turn out to belong to the same region, what lies between them is a hole: the
    two passes through the corner exchange their continuations.

    Returns:
        The rings, and for each the number of the ring it comes from.
    """
    if not len(rings):
        return rings, np.empty(0, np.int64)
    owner = rings.owner()
    order = np.lexsort((rings.corners, owner))
    same = (np.diff(rings.corners[order]) == 0) & (np.diff(owner[order]) == 0)
    one, two = order[:-1][same], order[1:][same]
    following = rings.following()
    following[one], following[two] = following[two], following[one]
    walk, offsets = cycles(following)
    return Rings(rings.corners[walk], offsets), owner[walk[offsets[:-1]]]
