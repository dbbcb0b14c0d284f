"""Polygons to pixels: labels burned onto a grid."""

from collections.abc import Sequence

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray

from geocity.core.classes import NODATA
from geocity.core.grid import Grid

# Polygons with more corners than this are cut to the window first: handing a city's dissolved
# outline to GDAL for every chip would cost more than burning it.
_CUT_ABOVE = 256


def burn(
    shapes: Sequence[shapely.Geometry],
    values: Sequence[int],
    grid: Grid,
    *,
    all_touched: bool = False,
    min_overlap: float = 0.0,
    known: Sequence[shapely.Geometry] | None = None,
) -> NDArray[np.uint8]:
    """Burn polygons onto a grid as class values.

    A pixel belongs to a polygon when its centre lies inside (with ``all_touched``, when the polygon
    touches it). Where polygons overlap, the later one wins. Pixels in no polygon are background, 0.

    Args:
        shapes: polygons in the grid's CRS, in the order of burning.
        values: class value per polygon, 0 to 255; 255 burns "unknown".
        grid: of the result; it may be turned.
        all_touched: take every pixel that a polygon touches.
        min_overlap: a polygon of which a smaller share than this lies within the grid is left out
            of the label. Its pixels become unknown, 255: they are no background either.
        known: polygons of the labelled area; pixels whose centre lies outside become 255.
            None means that labels are known everywhere.

    Returns:
        uint8 (rows, cols).

    Raises:
        ValueError: if there are not as many values as shapes, or a value is out of range.
    """
    if len(shapes) != len(values):
        raise ValueError(f"{len(shapes)} shapes need as many values, got {len(values)}")
    if any(not 0 <= value <= NODATA for value in values):
        raise ValueError(f"class values must lie between 0 and 255, got {sorted(set(values))}")
    left_out = _left_out(shapes, grid, min_overlap)
    pairs = [
        (_cut(shape, grid), NODATA if out else int(value))
        for shape, value, out in zip(shapes, values, left_out, strict=True)
    ]
    label = _rasterize(pairs, grid, fill=0, all_touched=all_touched)
    if known is not None:
        inside = _rasterize([(_cut(shape, grid), 1) for shape in known], grid, 0, all_touched=False)
        label[inside == 0] = NODATA
    return label


def _rasterize(
    pairs: Sequence[tuple[shapely.Geometry, int]], grid: Grid, fill: int, *, all_touched: bool
) -> NDArray[np.uint8]:
    present = [(shape, value) for shape, value in pairs if not shapely.is_empty(shape)]
    if not present:
        return np.full(grid.shape, fill, np.uint8)
    burned: NDArray[np.uint8] = rasterio.features.rasterize(
        present,
        out_shape=grid.shape,
        transform=grid.transform,
        fill=fill,
        all_touched=all_touched,
        dtype="uint8",
    )
    return burned


def _cut(shape: shapely.Geometry, grid: Grid) -> shapely.Geometry:
    if shapely.get_num_coordinates(shape) <= _CUT_ABOVE:
        return shape
    left, bottom, right, top = grid.bounds
    # Two pixels wider than the window: the cut itself must never show.
    spare = 2 * max(grid.cell_size)
    return shapely.clip_by_rect(shape, left - spare, bottom - spare, right + spare, top + spare)


def _left_out(
    shapes: Sequence[shapely.Geometry], grid: Grid, min_overlap: float
) -> NDArray[np.bool_]:
    if min_overlap <= 0 or not len(shapes):
        return np.zeros(len(shapes), bool)
    whole = shapely.area(shapes)
    inside = shapely.area(shapely.intersection(shapes, grid.polygon()))
    share = np.divide(inside, whole, out=np.ones(len(shapes)), where=whole > 0)
    return np.asarray(share < min_overlap)
