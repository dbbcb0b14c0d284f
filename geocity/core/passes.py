"""A filter applied several times over, part by part, exactly as over the whole raster.

A part is read with a halo as wide as its passes reach, and every pass eats its share of the halo.
So a *sweep* over the parts makes a dozen passes at the price of one. Many passes take several
sweeps, each over the result of the one before; a part where nothing moves any more, nor beside it,
is taken over as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from geocity.core.grid import Window, blocks
from geocity.core.majority import Borders, ClassArray

Read = Callable[[Window], ClassArray]
Write = Callable[[ClassArray, Window], None]

# Whole blocks of our files; large enough for a halo to cost little, small enough for the cache.
PART_SHAPE = (512, 1024)
# A raster that comes back after 2, 3, 4 or 6 passes is the same after twelve, and so is seen to
# come back; and being even, of two states in turn it is always the same one that is looked at.
_SWEEP_PASSES = 12
_SWEEP_REACH = 64


@dataclass(frozen=True, slots=True)
class ClassFilter:
    """One pass of a filter on class rasters.

    Attributes:
        step: called with an array and its `Borders`; returns it filtered, without the halo.
        reach: how many pixels away a cell's neighbours lie.
    """

    step: Callable[[ClassArray, Borders], ClassArray]
    reach: int

    @property
    def sweep_passes(self) -> int:
        """Return the number of passes that one sweep makes, an even one."""
        return max(2, min(_SWEEP_PASSES, _SWEEP_REACH // self.reach // 2 * 2))


@dataclass(frozen=True, slots=True)
class Change:
    """What a sweep did to a part.

    Attributes:
        cells: how many cells each pass changed.
        flips: whether the part is again what it was two passes before the end.
        nothing: whether it is again what it was before the sweep.
    """

    cells: tuple[int, ...]
    flips: bool
    nothing: bool


Changes = dict[Window, Change]


@dataclass(frozen=True, slots=True)
class Settling:
    """Where whole sweeps have brought a raster.

    Attributes:
        passes: how many passes were made.
        stable_after: after how many of them nothing changed any more; None if it never rested.
        flips: whether two states follow each other for ever.
        returns: whether a few states follow each other for ever (two included).
        cells: how many cells the last pass changed.
    """

    passes: int
    stable_after: int | None
    flips: bool
    returns: bool
    cells: int

    @classmethod
    def after(cls, sweeps: int, changes: Changes) -> "Settling":
        """Sum up what the last of some sweeps did to all parts of a raster."""
        cells = [sum(column) for column in zip(*(c.cells for c in changes.values()), strict=True)]
        before = (sweeps - 1) * len(cells)
        flips = all(change.flips for change in changes.values())
        returns = flips or all(change.nothing for change in changes.values())
        stable_after = before + cells.index(0) if 0 in cells else None
        return cls(before + len(cells), stable_after, flips, returns, cells[-1])

    @property
    def is_over(self) -> bool:
        """Tell whether further sweeps would bring nothing new."""
        return self.cells == 0 or self.returns


def sweep(
    read: Read,
    write: Write,
    window: Window,
    shape: tuple[int, int],
    one_pass: ClassFilter,
    passes: int,
    at_rest: Changes | None = None,
) -> Changes:
    """Filter a window of a raster a few times, part by part.

    Args:
        read: gives a window of the raster, (rows, cols) uint8 with nodata 255.
        write: takes each part of the result.
        window: what to filter; it begins where a part of the raster does.
        shape: (rows, cols) of the whole raster.
        one_pass: the filter.
        passes: how many times to apply it; 0 copies.
        at_rest: parts that need only be copied, with what a sweep does to them.

    Returns:
        What happened to each part.
    """
    changes: Changes = {}
    for part in (place.shift(window.row, window.col) for place in blocks(window.shape, PART_SHAPE)):
        if at_rest is not None and part in at_rest:
            values, changes[part] = read(part), at_rest[part]
        else:
            values, changes[part] = filter_part(read, part, shape, one_pass, passes)
        write(values, part)
    return changes


def filter_part(
    read: Read, part: Window, shape: tuple[int, int], one_pass: ClassFilter, passes: int
) -> tuple[ClassArray, Change]:
    """Filter one part of a raster.

    Returns:
        (rows, cols) uint8, equal to that window of the whole raster filtered `passes` times; and
        what changed.
    """
    held = part.pad(one_pass.reach * passes).intersect(Window(0, 0, *shape)) or part
    borders = Borders(
        held.row == 0, held.row_end == shape[0], held.col == 0, held.col_end == shape[1]
    )
    values = read(held)
    states = [values[part.shift(-held.row, -held.col).slices]]
    cells = []
    for _ in range(passes):
        rows, cols = borders.core(held.shape, one_pass.reach)
        held = Window(
            held.row + rows.start,
            held.col + cols.start,
            rows.stop - rows.start,
            cols.stop - cols.start,
        )
        values = one_pass.step(values, borders)
        states = [*states[:1], *states[-2:], values[part.shift(-held.row, -held.col).slices]]
        cells.append(int(np.count_nonzero(states[-1] != states[-2])))
    flips = passes >= 2 and bool(np.array_equal(states[-1], states[-3]))
    nothing = not any(cells) or bool(np.array_equal(states[-1], states[0]))
    return states[-1], Change(tuple(cells), flips, nothing)


def parts_at_rest(changes: Changes) -> Changes:
    """Return the parts where, as in all around them, the last sweep changed nothing in the end.

    The next sweep will do to them what the last one did: what lies beyond the parts around them is
    farther away than a sweep reaches.
    """
    rows, cols = PART_SHAPE
    moving = {(p.row // rows, p.col // cols) for p, change in changes.items() if not change.nothing}
    around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return {
        part: change
        for part, change in changes.items()
        if not any((part.row // rows + i, part.col // cols + j) in moving for i, j in around)
    }
