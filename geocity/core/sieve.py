"""Sieve: a minimum mapping unit and hole filling, exact for whole patches however large the raster.

A patch is a set of cells of one class connected by their edges; its area does not include its
holes. Two steps, areas first, so that cleaning a cleaned raster changes nothing:

1. **Areas.** Every patch of a class other than background that is smaller than the minimum is
   dissolved. It takes the class with which it shares the longest border, counted over neighbours
   that stay: background and patches that are large enough. A patch whose neighbours all dissolve
   too waits until one of them has its class, and then goes by the neighbours that have theirs; all
   patches that are ready at the same time decide at the same time, so no order of work matters.
   Equal borders: the smallest class value. A patch with no neighbour at all (nodata all around)
   becomes background. So no patch below the minimum is left.
2. **Holes.** Every patch of background smaller than the minimum whose whole border is shared with
   one and the same class takes that class. A hole that touches nodata or the raster's border is
   open: nobody knows how large it is, and it stays.

Nodata never changes.
"""

import math

import numpy as np
from numpy.typing import NDArray

from geocity.core.block_patches import Links
from geocity.core.classes import BACKGROUND, NODATA
from geocity.core.grid import blocks
from geocity.core.patches import PatchGraph, PatchGraphBuilder

_Classes = NDArray[np.uint8]


def cells_for_area(area_m2: float, cell_area_m2: float) -> int:
    """Return the smallest whole number of cells that is no smaller than an area.

    Example:
        >>> cells_for_area(64.0, 0.8 * 0.8), cells_for_area(1.0, 0.64), cells_for_area(0.0, 0.64)
        (100, 2, 0)
    """
    # A hair of tolerance: 0.8 * 0.8 is not 0.64, and 100 such cells are 64 m² all the same.
    return math.ceil(area_m2 / cell_area_m2 * (1 - 1e-9))


def sieve_patches(graph: PatchGraph, *, min_cells: int = 0, min_hole_cells: int = 0) -> _Classes:
    """Decide the class of every patch.

    Args:
        graph: the patches of a whole raster.
        min_cells: patches of fewer cells are dissolved.
        min_hole_cells: enclosed patches of background of fewer cells are filled.

    Returns:
        (patches,) uint8, the new class of each patch.
    """
    classes = _dissolve(graph, min_cells)
    whole, names = PatchGraph(classes, graph.cells, graph.links).merged()
    return _fill(whole, min_hole_cells)[names]


def sieve(
    values: _Classes,
    *,
    min_cells: int = 0,
    min_hole_cells: int = 0,
    block: int | tuple[int, int] = 1024,
) -> _Classes:
    """Sieve an array; the size of the blocks it is read in makes no difference.

    Args:
        values: (rows, cols) uint8 class ids, background 0, nodata 255.
        min_cells: patches of fewer cells are dissolved.
        min_hole_cells: enclosed patches of background of fewer cells are filled.
        block: side, or (rows, cols), of the blocks.

    Returns:
        (rows, cols) uint8.
    """
    if values.dtype != np.uint8 or values.ndim != 2:
        raise ValueError(f"expected a 2-D uint8 array, got {values.ndim}-D {values.dtype}")
    builder = PatchGraphBuilder(values.shape)
    for window in blocks(values.shape, block):
        builder.add(values[window.slices], window)
    graph, patchwork = builder.finish()
    classes = sieve_patches(graph, min_cells=min_cells, min_hole_cells=min_hole_cells)
    out = np.empty_like(values)
    for window in blocks(values.shape, block):
        out[window.slices] = patchwork.paint(values[window.slices], window, classes)
    return out


def _dissolve(graph: PatchGraph, min_cells: int) -> _Classes:
    """Step 1: the class of every patch once the small ones have gone."""
    classes = graph.classes.copy()
    waiting = (classes != BACKGROUND) & (classes != NODATA) & (graph.cells < min_cells)
    first, second, length = graph.links
    both_ways = (graph.links, Links(second, first, length))
    open_links = Links.joined(
        [
            links.select(waiting[links.first] & (classes[links.second] != NODATA))
            for links in both_ways
        ]
    )
    while True:
        ready = open_links.select(~waiting[open_links.second])
        if not len(ready.first):
            break
        patches, chosen = _longest(ready, classes)
        classes[patches] = chosen
        waiting[patches] = False
        open_links = open_links.select(waiting[open_links.first])
    classes[waiting] = BACKGROUND
    return classes


def _longest(links: Links, classes: _Classes) -> tuple[NDArray[np.int64], _Classes]:
    """For every first patch of the links, the class of second patches with the longest border."""
    keys, place = np.unique(links.first * (NODATA + 1) + classes[links.second], return_inverse=True)
    patch, neighbour = keys // (NODATA + 1), (keys % (NODATA + 1)).astype(np.uint8)
    length = np.bincount(place, weights=links.length)
    order = np.lexsort((neighbour, -length, patch))
    first = np.append(True, np.diff(patch[order]) > 0)
    return patch[order][first], neighbour[order][first]


def _fill(graph: PatchGraph, min_hole_cells: int) -> _Classes:
    """Step 2: the class of every patch once the holes are filled."""
    classes = graph.classes.copy()
    first, second, _ = graph.links
    lowest, highest = np.full(len(classes), NODATA), np.zeros(len(classes), int)
    for here, there in ((first, second), (second, first)):
        np.minimum.at(lowest, here, classes[there])
        np.maximum.at(highest, here, classes[there])
    hole = (classes == BACKGROUND) & (graph.cells < min_hole_cells)
    hole &= (lowest == highest) & (highest != NODATA)
    classes[hole] = lowest[hole]
    return classes
