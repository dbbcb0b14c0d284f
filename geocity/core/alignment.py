"""Class rasters on different grids, looked at on one: which grid, and which cell lies where.

Classes cannot be averaged, so a cell takes the class of the cell that its centre lies in (nearest
neighbour). The grid to work on is that of the raster with the **smallest cells**, cut to the ground
that all rasters cover: on it every cell of the coarser rasters is still there, as several cells,
while a coarser grid would pass over three fine cells of four.
"""

import math
from collections.abc import Sequence

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from geocity.core.grid import Grid, Window, same_crs, transformer_between
from geocity.core.lattice import between_nodes
from geocity.errors import GridMismatchError

Cells = NDArray[np.int64]

_STEP = 32
"""Cells between the nodes at which another CRS is asked; between them it is as good as linear."""
_HAIR = 1e-6
"""A centre that lies on an edge up to float noise belongs to the cell behind the edge."""
_SAME_PLACE = 1e-3
_OUTLINE_POINTS = 32


def finest(grids: Sequence[Grid]) -> int:
    """Return which of some grids has the smallest cells.

    Among equals the westernmost wins, then the northernmost, then the first by the name of its CRS,
    so that the order in which rasters are named makes no difference.
    """

    def rank(index: int) -> tuple[float, float, float, str]:
        grid = grids[index]
        left, _, _, top = grid.bounds
        return float(f"{grid.cell_size_m:.6g}"), left, -top, grid.crs.to_wkt()

    return min(range(len(grids)), key=rank)


def shared_window(reference: Grid, others: Sequence[Grid]) -> Window | None:
    """Return the smallest window of a grid that holds all it shares with some others.

    Returns:
        The window, or None where a grid lies apart.
    """
    window: Window | None = reference.window
    for other in others:
        found = reference.window_of_bounds(_bounds_in(other, reference.crs))
        window = window.intersect(found) if window and found else None
    return window


def _bounds_in(grid: Grid, crs: pyproj.CRS) -> tuple[float, float, float, float]:
    if same_crs(grid.crs, crs):
        return grid.bounds
    outline = grid.polygon()
    # An edge that is straight here is a curve there: its middle may reach farther than its ends.
    dense = shapely.segmentize(outline, outline.length / (4 * _OUTLINE_POINTS))
    transformer = transformer_between(grid.crs, crs)
    xs, ys = transformer.transform(*shapely.get_coordinates(dense).T)
    if not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        raise GridMismatchError(
            f"A raster in {grid.crs.name} reaches where {crs.name} is not defined; give maps of "
            "one place, in the CRS of that place."
        )
    return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())


class CellFinder:
    """Finds, for the cells of one grid, the cells of another in which their centres lie.

    Args:
        target: the grid that is asked from.
        source: the grid that is looked in.

    Attributes:
        offset: (rows, cols) from target to source where the cells of both coincide, else None.
    """

    def __init__(self, target: Grid, source: Grid) -> None:
        self._target, self._source = target, source
        self._transformer = None
        if not same_crs(target.crs, source.crs):
            self._transformer = transformer_between(target.crs, source.crs)
        self.offset = self._whole_offset()

    def _whole_offset(self) -> tuple[int, int] | None:
        if self._transformer is not None:
            return None
        rows, cols = self._target.shape
        inverse = ~self._source.transform
        apart = []
        for corner in ((0, 0), (cols, 0), (0, rows), (cols, rows)):
            col, row = inverse @ (self._target.transform @ corner)
            apart.append((row - corner[1], col - corner[0]))
        whole = round(apart[0][0]), round(apart[0][1])
        return whole if max(math.dist(a, whole) for a in apart) <= _SAME_PLACE else None

    def find(self, window: Window) -> tuple[Cells, Cells]:
        """Return the row and the column of the other grid for every cell of a window.

        Both have the shape of the window; a cell outside the other grid has a row or column that
        is below 0 or beyond the last.
        """
        if self.offset is not None:
            down, right = np.meshgrid(
                np.arange(window.row, window.row_end) + self.offset[0],
                np.arange(window.col, window.col_end) + self.offset[1],
                indexing="ij",
            )
            return down, right
        first = window.row // _STEP, window.col // _STEP
        node_rows = np.arange(first[0], (window.row_end - 1) // _STEP + 2) * float(_STEP)
        node_cols = np.arange(first[1], (window.col_end - 1) // _STEP + 2) * float(_STEP)
        source_cols, source_rows = self._at(*np.meshgrid(node_rows, node_cols, indexing="ij"))
        at_rows = (np.arange(window.row, window.row_end) + 0.5) / _STEP - first[0]
        at_cols = (np.arange(window.col, window.col_end) + 0.5) / _STEP - first[1]
        return (
            _whole(between_nodes(source_rows, at_rows, at_cols)),
            _whole(between_nodes(source_cols, at_rows, at_cols)),
        )

    def _at(
        self, rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the column and row, in the other grid, of corners of this one."""
        t = self._target.transform
        xs, ys = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
        if self._transformer is not None:
            xs, ys = self._transformer.transform(xs, ys)
        s = ~self._source.transform
        return s.a * xs + s.b * ys + s.c, s.d * xs + s.e * ys + s.f


def _whole(places: NDArray[np.float64]) -> Cells:
    with np.errstate(invalid="ignore"):
        floors = np.floor(places + _HAIR)
    # Where a CRS is not defined there is no cell.
    return np.where(np.isfinite(floors), floors, -1.0).clip(-1, 2**40).astype(np.int64)
