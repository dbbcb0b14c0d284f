"""Regions of a class raster as polygons along the pixel edges, many at a time."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geocity.core.areas import Outlines
from geocity.core.probability_tally import ProbabilityTally
from geocity.core.rings import Rings, offsets_of, ragged_index, unpack

_COLUMN_FLIP = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class TracedPolygons:
    """Regions as polygons along the pixel edges.

    They are sorted by their lowest edge and along it from left to right, which does not depend on
    how the raster was cut; the outer ring of each comes first.

    Attributes:
        values: class of each polygon.
        n_px: its pixels.
        rings: all rings, by polygon.
        offsets: where the rings of each polygon begin, and the end.
        tally: the probabilities of their pixels, by polygon; None if nobody asked.
    """

    values: NDArray[np.uint8]
    n_px: NDArray[np.int64]
    rings: Rings
    offsets: NDArray[np.int64]
    tally: ProbabilityTally | None = None

    def __len__(self) -> int:
        return len(self.values)

    def places(self) -> NDArray[np.int64]:
        """Return the lowest edge of each polygon as a number: rising, and no two are equal."""
        if not len(self):
            return np.empty(0, np.int64)
        lowest = np.maximum.reduceat(self.rings.corners ^ _COLUMN_FLIP, self.rings.offsets[:-1])
        return lowest[self.offsets[:-1]]

    def with_tally(self, tally: ProbabilityTally) -> "TracedPolygons":
        """Return the polygons with the probabilities of their pixels."""
        return replace(self, tally=tally)

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "TracedPolygons":
        """Return some of the polygons, each at most once, in the order asked for."""
        index = np.flatnonzero(which) if which.dtype == np.bool_ else which.astype(np.int64)
        sizes = np.diff(self.offsets)[index]
        return TracedPolygons(
            self.values[index],
            self.n_px[index],
            self.rings.take(ragged_index(self.offsets[index], sizes)),
            offsets_of(sizes),
            None if self.tally is None else self.tally.restricted(index, len(self)),
        )

    def outlines(self) -> Outlines:
        """Return the polygons in pixel coordinates, rings closed."""
        sizes = self.rings.sizes + 1
        index = ragged_index(self.rings.offsets[:-1], sizes)
        ring_offsets = offsets_of(sizes)
        index[ring_offsets[1:] - 1] = self.rings.offsets[:-1]
        rows, cols = unpack(self.rings.corners[index])
        return Outlines(
            cols.astype(np.float64), rows.astype(np.float64), ring_offsets, self.offsets
        )


def assemble(
    rings: Rings, regions: NDArray[np.int64], values: NDArray[np.uint8]
) -> tuple[TracedPolygons, NDArray[np.int64]]:
    """Put the rings of complete regions together to polygons.

    Args:
        rings: outer rings and holes in any order, none touching itself.
        regions: region number of each ring.
        values: class of each region, by its number.

    Returns:
        The polygons, and the region of each.
    """
    rings = rings.starting_first()
    areas = rings.signed_areas()
    is_hole = areas < 0
    starts = rings.offsets[:-1]
    outer = np.flatnonzero(~is_hole)
    position = np.zeros(len(values), np.int64)
    if len(rings):
        # The lowest corner, and of those the leftmost: no two regions share it.
        position[regions[outer]] = np.maximum.reduceat(rings.corners ^ _COLUMN_FLIP, starts)[outer]
    order = np.lexsort((rings.corners[starts], is_hole, position[regions]))
    owner = regions[order]
    first = np.flatnonzero(~is_hole[order])
    members = owner[first]
    offsets = np.append(first, len(order))
    n_px = np.add.reduceat(areas[order], first) if len(first) else np.empty(0, np.int64)
    return TracedPolygons(values[members], n_px, rings.take(order), offsets), members
