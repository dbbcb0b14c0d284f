"""Fewer corners with shared borders kept shared, and large polygons cut into smaller ones."""

import numpy as np
import shapely
from numpy.typing import NDArray

from geocity.core.areas import Outlines
from geocity.core.rings import offsets_of

Polygons = NDArray[np.object_]

MIN_VERTICES = 4


def simplify_coverage(
    outlines: Outlines, cell_m: tuple[float, float], tolerance_m: float
) -> Polygons:
    """Smooth away the pixel steps without opening gaps between neighbours.

    Visvalingam and Whyatt's method on the whole coverage (GEOS coverage simplifier): corners whose
    triangle with their neighbours is smaller than ``tolerance_m²`` go, smallest first, unless lines
    would cross. A border between two polygons is simplified once, for both; where three meet, the
    meeting point stays.

    Args:
        outlines: polygons along the pixel edges that do not overlap.
        cell_m: width and height of a pixel in metres.
        tolerance_m: about how far a border may move.

    Returns:
        Polygons in pixel coordinates, in the same order; all valid.
    """
    noded = with_meeting_points(outlines)
    width_m, height_m = cell_m
    scaled = Outlines(
        noded.cols * width_m, noded.rows * height_m, noded.ring_offsets, noded.polygon_offsets
    )
    simple = shapely.coverage_simplify(scaled.geometries(), tolerance_m)
    in_pixels = shapely.transform(simple, lambda xy: xy / (width_m, height_m))
    return np.asarray(in_pixels, dtype=object)


def with_meeting_points(outlines: Outlines) -> Outlines:
    """Insert, on every straight edge, the corners of other polygons that lie on it.

    The edge of one polygon may run along two others; only where all have a corner at the meeting
    point do their borders consist of the same edges.
    """
    cols, rows = outlines.cols.astype(np.int64), outlines.rows.astype(np.int64)
    level = np.append(np.diff(rows) == 0, False)
    upright = np.append(np.diff(cols) == 0, False)
    ends = outlines.ring_offsets[1:] - 1
    level[ends] = upright[ends] = False
    count = np.zeros(len(cols), np.int64)
    first = np.zeros(len(cols), np.int64)
    # Corners sorted along rows, then along columns: those between two ends of an edge are a range.
    tables: list[NDArray[np.int64]] = []
    for edges, line, place in ((level, rows, cols), (upright, cols, rows)):
        keys = np.unique((line << 32) | place)
        here = (line << 32) | place
        there = np.append(here[1:], 0)
        start = np.searchsorted(keys, np.minimum(here, there)[edges], side="right")
        stop = np.searchsorted(keys, np.maximum(here, there)[edges], side="left")
        count[edges], first[edges] = stop - start, start + sum(len(t) for t in tables)
        tables.append(keys)
    backwards = np.append((np.diff(cols) < 0) | (np.diff(rows) < 0), False)
    return _inserted(outlines, level, count, first, backwards, np.concatenate(tables))


def _inserted(
    outlines: Outlines,
    level: NDArray[np.bool_],
    count: NDArray[np.int64],
    first: NDArray[np.int64],
    backwards: NDArray[np.bool_],
    keys: NDArray[np.int64],
) -> Outlines:
    sizes = count + 1
    edge = np.repeat(np.arange(len(count)), sizes)
    step = np.arange(len(edge)) - offsets_of(sizes)[:-1][edge]  # 0 is the corner itself
    at = np.where(backwards[edge], first[edge] + count[edge] - step, first[edge] + step - 1)
    new = step > 0
    line, place = keys[at[new]] >> 32, keys[at[new]] & 0xFFFFFFFF
    along_row = level[edge[new]]
    cols, rows = outlines.cols[edge], outlines.rows[edge]
    cols[new] = np.where(along_row, place, line)
    rows[new] = np.where(along_row, line, place)
    starts = offsets_of(sizes)
    return Outlines(cols, rows, starts[outlines.ring_offsets], outlines.polygon_offsets)


def dice(polygon: shapely.Polygon, max_vertices: int) -> list[shapely.Polygon]:
    """Cut a polygon along pixel edges until no piece has more vertices than allowed.

    Every cut halves the longer side of the piece's extent, as ArcGIS's Dice does.

    Args:
        polygon: along the pixel edges, in pixel coordinates.
        max_vertices: at least 4; the repeated first vertex does not count.

    Returns:
        The pieces, from top to bottom and left to right within a cut.

    Raises:
        ValueError: if `max_vertices` is below 4.
    """
    if max_vertices < MIN_VERTICES:
        raise ValueError(f"a piece needs at least {MIN_VERTICES} vertices, got {max_vertices}")
    waiting, done = [polygon], []
    while waiting:
        piece = waiting.pop()
        if vertex_count(piece) <= max_vertices:
            done.append(piece)
        else:
            waiting += _halves(piece)[::-1]
    return done


def vertex_count(polygon: shapely.Polygon) -> int:
    """Return the number of vertices, holes included, first ones counted once."""
    return int(shapely.get_num_coordinates(polygon)) - 1 - len(polygon.interiors)


def _halves(polygon: shapely.Polygon) -> list[shapely.Polygon]:
    left, top, right, bottom = polygon.bounds
    if right - left >= bottom - top:
        cut = np.floor((left + right) / 2)
        boxes = shapely.box(left, top, cut, bottom), shapely.box(cut, top, right, bottom)
    else:
        cut = np.floor((top + bottom) / 2)
        boxes = shapely.box(left, top, right, cut), shapely.box(left, cut, right, bottom)
    pieces = shapely.get_parts(shapely.intersection(polygon, np.array(boxes)))
    flat = pieces[shapely.get_type_id(pieces) == shapely.GeometryType.POLYGON]
    # Cuts leave vertices in the middle of straight edges where old seams met.
    return [part for part in shapely.simplify(flat, 0).tolist() if part.area > 0]
