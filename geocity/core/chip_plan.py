"""Where the chips of a scene lie: whole pixels, counted from the scene's top left corner."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import shapely
from numpy.typing import NDArray

from geocity.core.grid import Grid, Window

EdgeRule = Literal["shift", "drop", "pad"]
"""What becomes of chips that do not fit at the right and lower edge."""


def plan_chips(
    shape: tuple[int, int], size: int, stride: int = 0, edge: EdgeRule = "shift"
) -> tuple[Window, ...]:
    """Lay chips over a scene, row by row from the top left.

    ArcGIS does not document where its chips start, nor what becomes of the rest at the right and
    lower edge. Here chips start at the top left corner, and the edge rule decides about the rest:
    ``shift`` moves the last chip inwards, so that it overlaps its neighbour and the scene is
    covered; ``drop`` leaves the rest out; ``pad`` lets the last chip reach outside. A scene smaller
    than a chip gets one chip that reaches outside, or none with ``drop``.

    Args:
        shape: (rows, cols) of the scene.
        size: side of a chip in pixels.
        stride: pixels from one chip to the next; 0 means the size, so that chips do not overlap.
        edge: the rule for the right and lower edge.

    Returns:
        The windows; no two are equal.

    Raises:
        ValueError: if size or stride are not positive, or the rule is unknown.

    Example:
        >>> plan_chips((300, 500), 256)
        (Window(row=0, col=0, rows=256, cols=256), Window(row=0, col=244, rows=256, cols=256), \
Window(row=44, col=0, rows=256, cols=256), Window(row=44, col=244, rows=256, cols=256))
        >>> len(plan_chips((300, 500), 256, edge="drop"))
        1
    """
    if size < 1 or stride < 0:
        raise ValueError(f"size must be 1 or more and stride 0 or more, got {size} and {stride}")
    if edge not in get_args(EdgeRule):
        raise ValueError(f"edge must be one of {get_args(EdgeRule)}, got {edge!r}")
    rows, cols = (_starts(length, size, stride or size, edge) for length in shape)
    return tuple(Window(row, col, size, size) for row in rows for col in cols)


def _starts(length: int, size: int, stride: int, edge: EdgeRule) -> list[int]:
    starts = list(range(0, length - size + 1, stride))
    covered = starts[-1] + size if starts else 0
    if edge == "drop" or covered >= length:
        return starts
    if edge == "shift":
        return [*starts, max(0, length - size)]
    while covered < length:
        starts.append(starts[-1] + stride if starts else 0)
        covered = starts[-1] + size
    return starts


def chips_inside(
    windows: Sequence[Window], grid: Grid, mask: shapely.Geometry
) -> NDArray[np.bool_]:
    """Tell which chips lie wholly inside a mask, as ArcGIS's mask polygons ask for.

    Args:
        windows: chips on the grid.
        grid: of the scene.
        mask: polygons in the grid's CRS, dissolved; a chip may lie across those that touch.

    Returns:
        One truth value a chip. A chip whose edge lies on the mask's edge is inside.
    """
    shapely.prepare(mask)
    # A hair's breadth smaller: the edge of a mask made from the grid itself must not be lost to
    # float rounding.
    hair = 1e-3
    outlines = [
        shapely.Polygon(
            [
                grid.transform @ (col, row)
                for row, col in (
                    (w.row + hair, w.col + hair),
                    (w.row + hair, w.col_end - hair),
                    (w.row_end - hair, w.col_end - hair),
                    (w.row_end - hair, w.col + hair),
                )
            ]
        )
        for w in windows
    ]
    return np.asarray(shapely.covers(mask, outlines), dtype=bool).reshape(len(windows))
