"""Where pixels are: windows of whole pixels, and grids that put them on Earth.

Conventions, stated once: rows before columns; pixel (0, 0) is the top-left one and the point (0, 0)
of a transform is the top-left *corner* of that pixel. An origin is never rounded.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyproj
import shapely
from affine import Affine

from geocity.errors import MissingCRSError


class Window(NamedTuple):
    """A rectangle of whole pixels; it may reach outside the raster it speaks of."""

    row: int
    col: int
    rows: int
    cols: int

    @property
    def row_end(self) -> int:
        """Return the row just below the window."""
        return self.row + self.rows

    @property
    def col_end(self) -> int:
        """Return the column just right of the window."""
        return self.col + self.cols

    @property
    def shape(self) -> tuple[int, int]:
        """Return (rows, cols)."""
        return self.rows, self.cols

    @property
    def slices(self) -> tuple[slice, slice]:
        """Return the slices that cut this window out of an array (rows, cols)."""
        return slice(self.row, self.row_end), slice(self.col, self.col_end)

    def intersect(self, other: "Window") -> "Window | None":
        """Return the common part, or None where there is none."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        rows = min(self.row_end, other.row_end) - row
        cols = min(self.col_end, other.col_end) - col
        return Window(row, col, rows, cols) if rows > 0 and cols > 0 else None

    def contains(self, other: "Window") -> bool:
        """Tell whether the other window lies wholly inside this one."""
        return (
            self.row <= other.row
            and self.col <= other.col
            and other.row_end <= self.row_end
            and other.col_end <= self.col_end
        )

    def pad(self, pixels: int) -> "Window":
        """Return the window grown by some pixels on every side."""
        return Window(
            self.row - pixels, self.col - pixels, self.rows + 2 * pixels, self.cols + 2 * pixels
        )

    def shift(self, rows: int, cols: int) -> "Window":
        """Return the window moved down and right."""
        return Window(self.row + rows, self.col + cols, self.rows, self.cols)


Bounds = tuple[float, float, float, float]
"""(left, bottom, right, top) in the units of a CRS."""


@dataclass(frozen=True, slots=True)
class Grid:
    """CRS, affine and shape: everything there is to know about where the pixels of a raster are.

    Attributes:
        crs: coordinate reference system.
        transform: from (column, row) to (x, y); (0, 0) is the top-left corner of the raster.
        shape: (rows, cols).
    """

    crs: pyproj.CRS
    transform: Affine
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise ValueError(f"a grid needs at least one row and one column, got {self.shape}")

    @property
    def window(self) -> Window:
        """Return the window of the whole grid."""
        return Window(0, 0, *self.shape)

    def __getitem__(self, window: Window) -> "Grid":
        """Return the grid of a window, which may reach outside."""
        origin = Affine.translation(window.col, window.row)
        return Grid(self.crs, self.transform @ origin, window.shape)

    @property
    def bounds(self) -> Bounds:
        """Return (left, bottom, right, top); exact for north-up grids, an envelope for others."""
        rows, cols = self.shape
        corners = [self.transform @ (c, r) for c, r in ((0, 0), (cols, 0), (0, rows), (cols, rows))]
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def cell_size(self) -> tuple[float, float]:
        """Return the width and height of a pixel in CRS units, both positive."""
        t = self.transform
        return math.hypot(t.a, t.d), math.hypot(t.b, t.e)

    @property
    def is_north_up(self) -> bool:
        """Tell whether rows run from north to south and columns from west to east, unrotated."""
        t = self.transform
        return t.b == 0 and t.d == 0 and t.a > 0 and t.e < 0

    @property
    def is_metric(self) -> bool:
        """Tell whether the CRS is projected; its units may be metres or feet."""
        return bool(self.crs.is_projected)

    @property
    def cell_size_m(self) -> float:
        """Return the side in metres of a square as large as one pixel, at the grid's centre."""
        width, height = self._cell_metres()
        return math.sqrt(width * height)

    @property
    def cell_area_m2(self) -> float:
        """Return the area of one pixel in m², at the grid's centre."""
        width, height = self._cell_metres()
        return width * height

    def _cell_metres(self) -> tuple[float, float]:
        width, height = self.cell_size
        if self.crs.is_projected:
            unit = self.crs.axis_info[0].unit_conversion_factor if self.crs.axis_info else 1.0
            return width * unit, height * unit
        if not self.crs.is_geographic:
            return width, height  # engineering CRS: metres is the only sensible reading
        rows, cols = self.shape
        lon, lat = self.transform @ (cols / 2, rows / 2)
        lat = min(max(lat, -89.999), 89.999)
        geod = self.crs.get_geod() or pyproj.Geod(ellps="WGS84")
        _, _, east = geod.inv(lon, lat, lon + width, lat)
        _, _, north = geod.inv(lon, lat - height / 2, lon, lat + height / 2)
        return east, north

    def with_cell_size(self, metres: float) -> "Grid":
        """Return a north-up grid with the same top-left corner and square pixels of another size.

        It covers at least the same ground; the last row and column may reach beyond it.
        """
        if not metres > 0:
            raise ValueError(f"a cell size must be positive, got {metres}")
        width_m, height_m = self._cell_metres()
        width, height = self.cell_size
        step_x, step_y = metres * width / width_m, metres * height / height_m
        left, bottom, right, top = self.bounds
        # A hair of tolerance keeps an exact multiple from gaining a row to float rounding.
        rows = max(1, math.ceil((top - bottom) / step_y - 1e-6))
        cols = max(1, math.ceil((right - left) / step_x - 1e-6))
        return Grid(self.crs, Affine(step_x, 0, left, 0, -step_y, top), (rows, cols))

    def coarser(self, step: int, shape: tuple[int, int]) -> "Grid":
        """Return a grid of pixels ``step`` times as wide and high, from the same first corner."""
        return Grid(self.crs, self.transform @ Affine.scale(step), shape)

    def window_of_bounds(self, bounds: Bounds) -> Window | None:
        """Return the smallest window of whole pixels that covers the bounds, cut to the grid.

        Args:
            bounds: (left, bottom, right, top) in the grid's CRS.

        Returns:
            The window, or None where the bounds miss the grid.
        """
        left, bottom, right, top = bounds
        inverse = ~self.transform
        corners = [
            inverse @ (x, y)
            for x, y in ((left, top), (right, top), (left, bottom), (right, bottom))
        ]
        cols, rows = [c for c, _ in corners], [r for _, r in corners]
        # Bounds that lie on a pixel edge up to float noise must not take in a further pixel.
        first_row, first_col = math.floor(min(rows) + 1e-6), math.floor(min(cols) + 1e-6)
        last_row, last_col = math.ceil(max(rows) - 1e-6), math.ceil(max(cols) - 1e-6)
        covering = Window(first_row, first_col, last_row - first_row, last_col - first_col)
        return covering.intersect(self.window)

    def polygon(self) -> shapely.Polygon:
        """Return the outline of the grid in its own CRS."""
        rows, cols = self.shape
        corners = ((0, 0), (cols, 0), (cols, rows), (0, rows))
        return shapely.Polygon([self.transform @ corner for corner in corners])

    def same_as(self, other: "Grid", tolerance: float = 1e-3) -> bool:
        """Tell whether two grids put every pixel at the same place, up to a fraction of a pixel."""
        if self.shape != other.shape or not same_crs(self.crs, other.crs):
            return False
        rows, cols = self.shape
        corners = np.array([(0, 0), (cols, 0), (0, rows), (cols, rows)], dtype=float)
        inverse = ~self.transform
        apart = [
            math.dist(inverse @ (other.transform @ tuple(corner)), tuple(corner))
            for corner in corners
        ]
        return max(apart) <= tolerance


def same_crs(first: pyproj.CRS, second: pyproj.CRS) -> bool:
    """Tell whether two CRS mean the same, whatever the spelling and the axis order."""
    return first == second or first.equals(second, ignore_axis_order=True)


def transformer_between(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer:
    """Return what turns (x, y) of one CRS into (x, y) of another.

    Raises:
        MissingCRSError: if nothing leads from one to the other.
    """
    try:
        return pyproj.Transformer.from_crs(source, target, always_xy=True)
    except pyproj.exceptions.ProjError as error:
        local, other = (target, source) if target.geodetic_crs is None else (source, target)
        raise MissingCRSError(
            f"Nothing leads from {local.name!r}, a local system that lies nowhere on Earth, to "
            f"{other.name!r}; georeference the file that is in {local.name!r} first."
        ) from error


def blocks(shape: tuple[int, int], size: int | tuple[int, int]) -> Iterator[Window]:
    """Yield the windows that cut a raster into blocks, row by row; the last ones may be smaller."""
    block_rows, block_cols = (size, size) if isinstance(size, int) else size
    rows, cols = shape
    for row in range(0, rows, block_rows):
        for col in range(0, cols, block_cols):
            yield Window(row, col, min(block_rows, rows - row), min(block_cols, cols - col))
