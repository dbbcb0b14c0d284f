"""Growth, loss and persistence of drawn outlines, by exact overlay.

All outlines are in one plane in metres (`core.outline_plane`); what is measured there adds up. The
tolerance means what it means for cells (`core.change_cells`): growth counts where it is farther
than *t* from what was slum before, or within *t* of growth that is.

Outlines are overlaid group by group (`core.outline_groups`), each group by itself: what comes out
of one does not depend, not by a last bit, on which others are worked on together with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geocity.core.change_matrix import ChangeMatrix
from geocity.core.outline_plane import Measure
from geocity.core.settlement_history import Overlaps

Numbers = NDArray[np.int64]
Polygons = NDArray[np.object_]

_PLANE: Measure = shapely.area
_CRUMB_M2 = 1e-3
"""Pieces below a few square centimetres are what float arithmetic leaves along a shared edge."""
_ARC_SLACK = 1.01
"""A buffer is drawn with chords: a hundredth more makes up for what they cut off its arcs."""
_HAIR_M = 1e-3
"""Outlines that lie no farther apart than this may touch after all, once their corners move."""


@dataclass(frozen=True, slots=True, eq=False)
class OutlineChange:
    """What happened between two dates.

    Attributes:
        growth: polygons, slum after and not before.
        loss: polygons, slum before and not after.
        persistent: polygons, slum on both dates.
        absorbed_growth_m2: growth that the tolerance or the smallest area leaves out.
        absorbed_loss_m2: the same of loss.
    """

    growth: Polygons
    loss: Polygons
    persistent: Polygons
    absorbed_growth_m2: float
    absorbed_loss_m2: float


def by_class(
    names: Sequence[str],
    polygons: Polygons,
    area: BaseGeometry,
    groups: Numbers | None = None,
    count: int = 1,
) -> dict[str, Polygons]:
    """Dissolve the outlines of each class inside an area; no two results overlap.

    Where outlines of different classes overlap, the class that comes first by name has the ground.

    Args:
        names: class of each polygon.
        polygons: valid polygons.
        area: the ground that counts; quicker if it was prepared.
        groups: group of each polygon, from 0 on; all are one by default.
        count: of groups.

    Returns:
        For each class the ground of each group.
    """
    groups = np.zeros(len(polygons), np.int64) if groups is None else groups
    found: dict[str, Polygons] = {}
    taken: Polygons = np.full(count, shapely.Polygon(), dtype=object)
    labels, present = np.asarray(names, dtype=object), sorted(set(names))
    for name in present:
        which = labels == name
        whole = _dissolved(polygons[which], groups[which], count)
        inside = areal(shapely.difference(_within(whole, area), taken))
        found[name] = inside
        if name != present[-1]:
            taken = np.asarray(shapely.union(taken, inside), dtype=object)
    return found


def _dissolved(polygons: Polygons, groups: Numbers, count: int) -> Polygons:
    """Return the union of the polygons of each group."""
    dissolved: Polygons = np.full(count, shapely.Polygon(), dtype=object)
    order = np.argsort(groups, kind="stable")
    ends = np.searchsorted(groups[order], np.arange(count + 1))
    for group in np.flatnonzero(np.diff(ends)):
        dissolved[group] = shapely.union_all(polygons[order[ends[group] : ends[group + 1]]])
    return dissolved


def _within(geometries: Polygons, area: BaseGeometry) -> Polygons:
    """Return what of each geometry lies in an area, those that do so wholly as they are."""
    result = geometries.copy()
    crossing = ~shapely.covers(area, geometries)
    result[crossing] = shapely.intersection(geometries[crossing], area)
    return result


def areal(geometries: Polygons, least_m2: float = 0.0) -> Polygons:
    """Return each geometry without the lines and points that an overlay may leave.

    Args:
        geometries: anything.
        least_m2: smaller parts are left out too.
    """
    parts, owner = shapely.get_parts(geometries, return_index=True)
    leaves, inner = shapely.get_parts(parts, return_index=True)
    kept = shapely.get_type_id(leaves) == shapely.GeometryType.POLYGON
    kept &= shapely.area(leaves) > least_m2
    result: Polygons = np.full(len(geometries), shapely.Polygon(), dtype=object)
    shapely.multipolygons(leaves[kept], indices=owner[inner[kept]], out=result)
    return result


def parts_of(geometry: Polygons | BaseGeometry, least_m2: float = 0.0) -> Polygons:
    """Return the polygons of geometries from north to south, then from west to east.

    Args:
        geometry: anything, one or several.
        least_m2: smaller ones are left out.
    """
    parts = shapely.get_parts(shapely.get_parts(geometry))
    parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    parts = parts[shapely.area(parts) > max(least_m2, 0.0)]
    boxes = shapely.bounds(parts)
    order = np.lexsort((boxes[:, 0], -boxes[:, 3])) if len(parts) else np.empty(0, np.int64)
    return np.asarray(parts[order], dtype=object)


def compare_outlines(
    before: Polygons,
    after: Polygons,
    *,
    tolerance_m: float = 0.0,
    min_area_m2: float = 0.0,
    measure: Measure = _PLANE,
) -> OutlineChange:
    """Overlay two dates.

    Args:
        before: what was slum, in each group.
        after: what is slum.
        tolerance_m: how far edges may lie apart without being change.
        min_area_m2: smallest patch of growth or loss that counts.
        measure: gives areas in m².
    """
    growth, absorbed_growth_m2 = _counting(before, after, tolerance_m, min_area_m2, measure)
    loss, absorbed_loss_m2 = _counting(after, before, tolerance_m, min_area_m2, measure)
    persistent = parts_of(shapely.intersection(before, after), _CRUMB_M2)
    return OutlineChange(growth, loss, persistent, absorbed_growth_m2, absorbed_loss_m2)


def reach_m(tolerance_m: float) -> float:
    """Return how far apart outlines can lie, of whichever date, and yet decide about each other."""
    return tolerance_m * _ARC_SLACK + _HAIR_M


def _counting(
    old: Polygons,
    new: Polygons,
    tolerance_m: float,
    min_area_m2: float,
    measure: Measure,
) -> tuple[Polygons, float]:
    """Return what is in the new one and not in the old one, and the area left out."""
    raw = np.asarray(shapely.difference(new, old), dtype=object)
    raw, old = raw[~shapely.is_empty(raw)], old[~shapely.is_empty(raw)]
    kept = raw
    if tolerance_m > 0:
        far = shapely.difference(raw, shapely.buffer(old, tolerance_m, quad_segs=16))
        core = areal(np.asarray(far, dtype=object), _CRUMB_M2)
        around = shapely.buffer(core, tolerance_m * _ARC_SLACK, quad_segs=16)
        kept = np.asarray(shapely.intersection(raw, around), dtype=object)
    parts = parts_of(kept, _CRUMB_M2)
    # Areas are measured, limits are round numbers: a hair below counts as equal.
    parts = parts[measure(parts) >= min_area_m2 * (1 - 1e-9)]
    left_out_m2 = measured(raw, measure) - float(measure(parts).sum())
    # What float arithmetic leaves is neither absorbed nor anything else.
    return parts, left_out_m2 if tolerance_m or min_area_m2 or left_out_m2 > _CRUMB_M2 else 0.0


def measured(geometry: Polygons | BaseGeometry, measure: Measure) -> float:
    """Return the area of all polygons of geometries together."""
    return float(measure(parts_of(geometry)).sum())


def overlay_matrix(
    before: Mapping[str, Polygons],
    after: Mapping[str, Polygons],
    area: BaseGeometry,
    names: Sequence[str],
    background: str,
    measure: Measure = _PLANE,
) -> ChangeMatrix:
    """Return the from-to matrix of outlines by class; what no class has is background.

    Args:
        before: outlines by class, from `by_class`.
        after: the same for the second date.
        area: the ground that counts.
        names: all classes but background.
        background: what to call the rest.
        measure: gives areas in m².
    """
    empty: Polygons = np.array([shapely.Polygon()], dtype=object)
    size = len(names) + 1
    table = np.zeros((size, size))
    for i, one in enumerate(names, start=1):
        for j, other in enumerate(names, start=1):
            shared = shapely.intersection(before.get(one, empty), after.get(other, empty))
            table[i, j] = measured(shared, measure)
    for i, name in enumerate(names, start=1):
        # What goes to or comes from no class is the rest, so that the sums are exact.
        was_m2 = measured(before.get(name, empty), measure)
        is_m2 = measured(after.get(name, empty), measure)
        table[i, 0] = max(0.0, was_m2 - table[i, 1:].sum())
        table[0, i] = max(0.0, is_m2 - table[1:, i].sum())
    table[0, 0] = max(0.0, measured(area, measure) - table.sum())
    return ChangeMatrix((background, *names), table)


def overlaps_of(before: Polygons, after: Polygons, measure: Measure = _PLANE) -> Overlaps:
    """Return where the settlements of two dates overlap."""
    first, second = shapely.STRtree(after).query(before, predicate="intersects")
    area_m2 = measure(np.asarray(shapely.intersection(before[first], after[second])))
    real = area_m2 > _CRUMB_M2
    return Overlaps.summed([Overlaps(first[real], second[real], area_m2[real])])


def owners(pieces: Polygons, settlements: Polygons) -> NDArray[np.int64]:
    """Return the settlement that each piece lies in, or -1."""
    found = np.full(len(pieces), -1, np.int64)
    points = shapely.point_on_surface(pieces)
    piece, settlement = shapely.STRtree(settlements).query(points, predicate="intersects")
    found[piece] = settlement
    return found
