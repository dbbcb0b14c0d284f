"""Which outlines have to be looked at together, and in which order of work.

The plane is cut into square *cells*, quartered until few features are centred in each. Outlines
whose boxes lie within a reach of each other are *linked*; whatever is linked, directly or through
others, is a **group**. What becomes of a group hangs on nothing outside of it, so groups can be
overlaid apart from each other, and no outline is ever cut.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Boxes = NDArray[np.float64]
Numbers = NDArray[np.int64]
Square = tuple[float, float, float]
"""West and south edge, and side, in metres."""

_LEAST_SIDE_M = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class OutlineCell:
    """A square of the plane.

    Attributes:
        square: where it is. It holds what lies on its west and south edges, not on the others.
        centred: features whose box is centred in it.
        meeting: features whose box meets it.
    """

    square: Square
    centred: Numbers
    meeting: Numbers

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Return west, south, east and north edge."""
        left, bottom, side = self.square
        return left, bottom, left + side, bottom + side


def plan_cells(boxes: Boxes, most: int) -> list[OutlineCell]:
    """Cut the plane into squares, row by row of ever smaller quarters.

    Their edges lie on multiples of powers of two, whatever the features are: a feature more or
    less moves none.

    Args:
        boxes: (features, 4) west, south, east and north edge of each, in metres.
        most: features that may be centred in a cell; more only if they crowd within a metre.

    Returns:
        Cells that cover all features and do not overlap.
    """
    if not len(boxes):
        return []
    left, bottom = boxes[:, :2].min(axis=0)
    right, top = boxes[:, 2:].max(axis=0)
    side = 2.0 ** np.ceil(np.log2(max(right - left, top - bottom, _LEAST_SIDE_M)))
    # Twice as large, so that it holds them wherever they lie on the lattice.
    root = (float(left // side * side), float(bottom // side * side), float(2 * side))
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return list(_quartered(root, np.arange(len(boxes)), boxes, centres, most))


def _quartered(
    square: Square, near: Numbers, boxes: Boxes, centres: NDArray[np.float64], most: int
) -> Iterator[OutlineCell]:
    left, bottom, side = square
    corner, found = np.array([left, bottom]), boxes[near]
    meets = (found[:, :2] <= corner + side).all(axis=1) & (found[:, 2:] >= corner).all(axis=1)
    meeting = near[meets]
    if not len(meeting):
        return
    at = centres[meeting]
    centred = meeting[((at >= corner) & (at < corner + side)).all(axis=1)]
    if len(centred) <= most or side <= _LEAST_SIDE_M:
        yield OutlineCell(square, centred, meeting)
        return
    half = side / 2
    for south in (bottom + half, bottom):
        for west in (left, left + half):
            yield from _quartered((west, south, half), meeting, boxes, centres, most)


def groups_of(boxes: Boxes, linked: NDArray[np.bool_], reach_m: float, most: int) -> Numbers:
    """Find the groups.

    Args:
        boxes: (features, 4) as for `plan_cells`.
        linked: which features link; the others are in no group.
        reach_m: boxes that lie no farther apart than this are linked.
        most: features to look at in one go, about.

    Returns:
        (features,) the first feature of the group that each is in; -1 for those in none.
    """
    members = np.flatnonzero(linked)
    wide = boxes[members] + np.array([-1, -1, 1, 1]) * (reach_m / 2)
    firsts, seconds = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for cell in plan_cells(wide, most):
        found = np.asarray(shapely.box(*wide[cell.meeting].T), dtype=object)
        pairs = shapely.STRtree(found).query(found, predicate="intersects")
        label = _components(pairs[0], pairs[1], len(found))
        # A chain through a group says as much as all its pairs.
        _, heads = np.unique(label, return_index=True)
        firsts.append(cell.meeting)
        seconds.append(cell.meeting[heads[label]])
    label = _components(np.concatenate(firsts), np.concatenate(seconds), len(members))
    _, heads = np.unique(label, return_index=True)
    groups = np.full(len(boxes), -1, np.int64)
    groups[members] = members[heads[label]] if len(members) else members
    return groups


def _components(first: Numbers, second: Numbers, count: int) -> Numbers:
    links = coo_array((np.ones(len(first), np.bool_), (first, second)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)
