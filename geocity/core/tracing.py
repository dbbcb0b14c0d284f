"""Trace the borders of regions in a strip of a class raster, exactly along the pixel edges.

Every turn of a border is found from the four pixels around a corner, by comparing shifted views of
the strip. There are two kinds: a region's pixel stands alone at the corner (a convex turn), or the
region has the other three pixels (a concave one). A turn joins one horizontal and one vertical
edge. Edges of one direction on one line of corners never overlap, so the first start on the line
belongs to the first end, the second to the second, and so on: sorting links all turns, no walking.

Where two pixels of one class meet only at a corner the border hugs each pixel, so that regions are
4-connected; `rings.untouching` mends the rings that touch themselves thereby.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.rings import Corners, Ints, pack

Nodes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Turns:
    """All turns of borders on the corner lines of a strip.

    Turns are numbered by the direction in which the border leaves (south, west, east, north),
    within a direction row by row. Columns of corners count from the left border of the raster.

    Attributes:
        corners: packed corner of each turn.
        cols: its column.
        pixel: flat index, in the strip's values, of the pixel of the region next to the turn.
        leaving: turns that leave south, west, east, north, each row by row.
        arriving: turns that are reached going south, west, east, north, each row by row.
        kissing: pairs of turns of one class that share a corner, shape (2, pairs).
    """

    corners: Corners
    cols: Nodes
    pixel: Nodes
    leaving: tuple[Nodes, Nodes, Nodes, Nodes]
    arriving: tuple[Nodes, Nodes, Nodes, Nodes]
    kissing: Nodes

    def __len__(self) -> int:
        return len(self.corners)


def find_turns(values: NDArray[np.uint8], first_line: int, masked: int) -> Turns:
    """Find every turn of a border between the rows of a strip.

    Args:
        values: classes, shape (lines + 1, cols + 2): the row above the first line of corners, the
            strip, and a column of `masked` on either side.
        first_line: number of the corner line between the first two rows.
        masked: the value that belongs to no region.
    """
    across = values[:, 1:] != values[:, :-1]
    down = values[1:] != values[:-1]
    turning = (across[1:] | across[:-1]) & (down[:, 1:] | down[:, :-1])
    width = values.shape[1]
    lines, cols = np.divmod(np.flatnonzero(turning), width - 1)  # faster than a 2-D nonzero
    at = lines * width + cols
    flat = values.ravel()
    nw, ne, sw, se = flat[at], flat[at + 1], flat[at + width], flat[at + width + 1]
    corners = pack(lines + first_line, cols)
    return _number_turns(corners, cols, at, width, (nw, ne, sw, se), masked)


def _number_turns(
    corners: Corners,
    cols: Nodes,
    at: Nodes,
    width: int,
    around: tuple[NDArray[np.uint8], ...],
    masked: int,
) -> Turns:
    nw, ne, sw, se = around
    top, bottom, left, right = nw == ne, sw == se, nw == sw, ne == se
    has_nw, has_ne, has_sw, has_se = (pixel != masked for pixel in around)
    # Convex turns by the pixel that stands alone; concave ones by the pixel that is missing.
    at_nw, at_ne = has_nw & ~top & ~left, has_ne & ~top & ~right
    at_sw, at_se = has_sw & ~bottom & ~left, has_se & ~bottom & ~right
    no_se, no_sw = has_nw & top & left & ~right, has_nw & top & right & ~left
    no_nw, no_ne = has_se & bottom & right & ~left, has_se & bottom & left & ~right
    # At one corner at most one turn leaves in each direction.
    leaving = (at_se | no_sw, at_sw | no_nw, at_ne | no_se, at_nw | no_ne)
    beside = (width + 1, width, 1, 0)  # the region's pixel: south-east, south-west, …
    where = [np.flatnonzero(flags) for flags in leaving]
    ends = np.cumsum([0] + [len(w) for w in where])
    numbers = [np.cumsum(flags) + (start - 1) for flags, start in zip(leaving, ends, strict=False)]
    south, west, east, north = numbers
    arriving = (
        np.where(at_ne, east, west)[at_ne | no_nw],
        np.where(at_se, south, north)[at_se | no_ne],
        np.where(at_nw, north, south)[at_nw | no_sw],
        np.where(at_sw, west, east)[at_sw | no_se],
    )
    falling, rising = at_nw & at_se & (nw == se), at_ne & at_sw & (ne == sw)
    kissing = np.stack(
        [
            np.concatenate([north[falling], east[rising]]),
            np.concatenate([south[falling], west[rising]]),
        ]
    )
    everywhere = np.concatenate(where)
    return Turns(
        corners=corners[everywhere],
        cols=cols[everywhere],
        pixel=np.concatenate([at[w] + step for w, step in zip(where, beside, strict=True)]),
        leaving=_ranges(ends),
        arriving=arriving,
        kissing=kissing,
    )


def _ranges(ends: Ints) -> tuple[Nodes, Nodes, Nodes, Nodes]:
    south, west, east, north = (np.arange(a, b) for a, b in itertools.pairwise(ends))
    return south, west, east, north


@dataclass(frozen=True, slots=True)
class Ends:
    """Border edges that cross the line above or below a strip.

    Attributes:
        south: nodes whose edge goes south across the line, and their columns.
        north: nodes whose edge goes north across the line, and their columns.
    """

    south: Nodes
    south_cols: Nodes
    north: Nodes
    north_cols: Nodes


def link_turns(turns: Turns, above: Ends, below: Ends, count: int) -> Nodes:
    """Return for every node the next one along its border.

    Args:
        turns: the turns of a strip; their nodes are their numbers.
        above: edges that come from above (going south) or leave upwards (going north).
        below: edges that leave downwards (going south) or come from below (going north).
        count: number of nodes, turns and ends together.

    Returns:
        The next node; -1 for the nodes in ``below.south``, where a border leaves the strip.
    """
    following = np.full(count, -1, np.int64)
    _, west_from, east_from, _ = turns.leaving
    south_to, west_to, east_to, north_to = turns.arriving
    following[west_from] = west_to
    following[east_from] = east_to
    south_from, _, _, north_from = turns.leaving
    # Along a column of corners an edge is a pair too, once the turns are sorted by column.
    # Sorting is stable: within a column they stay in the order of the lines.
    following[_by_column(above.south, above.south_cols, south_from, turns.cols[south_from])] = (
        _by_column(south_to, turns.cols[south_to], below.south, below.south_cols)
    )
    following[_by_column(north_from, turns.cols[north_from], below.north, below.north_cols)] = (
        _by_column(above.north, above.north_cols, north_to, turns.cols[north_to])
    )
    return following


def _by_column(upper: Nodes, upper_cols: Nodes, lower: Nodes, lower_cols: Nodes) -> Nodes:
    nodes = np.concatenate([upper, lower])
    cols = np.concatenate([upper_cols, lower_cols])
    order = np.argsort((cols & 0xFFFF).astype(np.uint16), kind="stable")  # 16 bits: radix sort
    if len(cols) and cols.max() > 0xFFFF:
        order = order[np.argsort((cols[order] >> 16).astype(np.uint16), kind="stable")]
    return nodes[order]
