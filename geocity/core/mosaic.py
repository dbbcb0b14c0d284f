"""Scenes that share one pixel lattice and touch are one image."""

from collections.abc import Sequence
from dataclasses import dataclass

from geocity.core.grid import Grid, Window, same_crs

# Whole-pixel offsets are accepted up to this share of a pixel: files round their origins.
_LATTICE_TOLERANCE = 0.01


@dataclass(frozen=True)
class Mosaic:
    """Scenes side by side on one grid.

    Attributes:
        grid: the smallest grid that covers them all, on the lattice of the first.
        members: (position of the scene, its window on the grid), in the order of the scenes;
            where scenes overlap the earlier one is on top.
    """

    grid: Grid
    members: tuple[tuple[int, Window], ...]


def lattice_window(grid: Grid, other: Grid) -> Window | None:
    """Return the window of another grid in whole pixels of this one.

    Returns:
        The window, which may lie outside; None where CRS, cell size or pixel phase differ, so that
        pixels do not lie on pixels.
    """
    if not same_crs(grid.crs, other.crs):
        return None
    inverse = ~grid.transform
    col, row = inverse @ (other.transform @ (0, 0))
    end_col, end_row = inverse @ (other.transform @ (other.shape[1], other.shape[0]))
    window = Window(round(row), round(col), *other.shape)
    apart = (row - window.row, col - window.col, end_row - window.row_end, end_col - window.col_end)
    return window if max(abs(a) for a in apart) <= _LATTICE_TOLERANCE else None


def group_mosaics(grids: Sequence[Grid]) -> tuple[Mosaic, ...]:
    """Put scenes that lie on one lattice and touch or overlap into one image each.

    Nothing is resampled: a scene whose pixels do not fall on those of its neighbour stays alone.

    Args:
        grids: of the scenes.

    Returns:
        The images, in the order of their first scenes; every scene is in exactly one.
    """
    groups: list[list[int]] = []
    for position, grid in enumerate(grids):
        joined = [g for g in groups if any(_touch(grids[member], grid) for member in g)]
        merged = sorted([position, *(member for group in joined for member in group)])
        groups = [g for g in groups if g not in joined] + [merged]
    return tuple(_mosaic(grids, group) for group in sorted(groups))


def _touch(grid: Grid, other: Grid) -> bool:
    window = lattice_window(grid, other)
    return window is not None and window.intersect(grid.window.pad(1)) is not None


def _mosaic(grids: Sequence[Grid], group: Sequence[int]) -> Mosaic:
    first = grids[group[0]]
    windows = [lattice_window(first, grids[member]) for member in group]
    # Touching neighbours share the lattice, yet a long chain may drift: round each one by itself.
    placed = [
        window or _nearest_window(first, grids[member])
        for window, member in zip(windows, group, strict=True)
    ]
    row, col = min(w.row for w in placed), min(w.col for w in placed)
    rows = max(w.row_end for w in placed) - row
    cols = max(w.col_end for w in placed) - col
    members = [
        (member, window.shift(-row, -col)) for member, window in zip(group, placed, strict=True)
    ]
    return Mosaic(first[Window(row, col, rows, cols)], tuple(members))


def _nearest_window(grid: Grid, other: Grid) -> Window:
    col, row = ~grid.transform @ (other.transform @ (0, 0))
    return Window(round(row), round(col), *other.shape)
