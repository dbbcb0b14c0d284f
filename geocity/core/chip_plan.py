"""Where the chips of a scene lie: whole pixels, counted from the scene's top left corner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args, overload

import numpy as np
import shapely
from numpy.typing import NDArray

from geocity.core.grid import Grid, Window

EdgeRule = Literal["shift", "drop", "pad"]
"""What becomes of chips that do not fit at the right and lower edge."""


@dataclass(frozen=True)
class ChipPlan(Sequence[Window]):
    """The chips of a scene, row by row from the top left; counted, not stored.

    Make one with :func:`plan_chips`, which checks its numbers.

    Attributes:
        size: side of a chip in pixels.
        rows: where the rows of chips start, ascending.
        cols: where the columns of chips start, ascending.
    """

    size: int
    rows: tuple[int, ...]
    cols: tuple[int, ...]

    def __len__(self) -> int:
        """Return the number of chips."""
        return len(self.rows) * len(self.cols)

    @overload
    def __getitem__(self, index: int) -> Window: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Window]: ...

    def __getitem__(self, index: int | slice) -> Window | Sequence[Window]:
        """Return a chip (or the chips of a slice) by its place in row-major order."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"chip {index} of {len(self)}")
        row, col = divmod(index % len(self), len(self.cols))
        return Window(self.rows[row], self.cols[col], self.size, self.size)

    def meeting(self, boxes: NDArray[np.float64]) -> list[Window]:
        """Return the chips that meet one of several boxes, in the order of the plan.

        Takes as long as there are boxes and chips that meet them, not as there are chips.

        Args:
            boxes: shape (n, 4), first row, first column, last row and last column, in pixels.

        Example:
            >>> plan_chips((300, 500), 100).meeting(np.array([[0, 90, 50, 110]]))
            [Window(row=0, col=0, rows=100, cols=100), Window(row=0, col=100, rows=100, cols=100)]
        """
        spans = [
            (
                np.searchsorted(np.add(starts, self.size), boxes[:, low], "left"),
                np.searchsorted(starts, boxes[:, low + 2], "right"),
            )
            for low, starts in ((0, self.rows), (1, self.cols))
        ]
        met = {
            row * len(self.cols) + col
            for top, bottom, left, right in zip(*spans[0], *spans[1], strict=True)
            for row in range(top, bottom)
            for col in range(left, right)
        }
        return [self[index] for index in sorted(met)]


def plan_chips(
    shape: tuple[int, int], size: int, stride: int = 0, edge: EdgeRule = "shift"
) -> ChipPlan:
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
        >>> list(plan_chips((300, 500), 256))
        [Window(row=0, col=0, rows=256, cols=256), Window(row=0, col=244, rows=256, cols=256), \
Window(row=44, col=0, rows=256, cols=256), Window(row=44, col=244, rows=256, cols=256)]
        >>> len(plan_chips((300, 500), 256, edge="drop"))
        1
    """
    if size < 1 or stride < 0:
        raise ValueError(f"size must be 1 or more and stride 0 or more, got {size} and {stride}")
    if edge not in get_args(EdgeRule):
        raise ValueError(f"edge must be one of {get_args(EdgeRule)}, got {edge!r}")
    rows, cols = (tuple(_starts(length, size, stride or size, edge)) for length in shape)
    return ChipPlan(size, rows, cols)


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
