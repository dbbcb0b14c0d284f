"""A filter applied several times over, part by part, exactly as over the whole raster.

A part is read with a halo as wide as its passes reach, and every pass eats its share of the halo.
So a *sweep* over the parts makes a dozen passes at the price of one. Many passes take several
sweeps, each from one store to another; a part where nothing moves any more, nor beside it, is left
out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from geocity.core.grid import Window, blocks
from geocity.core.majority import Borders, ClassArray
from geocity.core.progress import Progress, silent

Read = Callable[[Window], ClassArray]
Write = Callable[[ClassArray, Window], None]

# Whole blocks of our files; large enough for a halo to cost little, small enough for the cache.
PART_SHAPE = (512, 1024)
# A raster that comes back after 2, 3, 4 or 6 passes is the same after twelve, and so is seen to
# come back; and being even, of two states in turn it is always the same one that is looked at.
_SWEEP_PASSES = 12
_SWEEP_REACH = 64


class Store(Protocol):
    """Where the raster is kept from one sweep to the next."""

    def read(self, window: Window) -> ClassArray:
        """Return what was written."""

    def write(self, values: ClassArray, window: Window) -> None:
        """Keep a part."""


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
        read: reads it.
        passes: how many passes were made.
        stable_after: after how many of them nothing changed any more; None if it never rested.
        flips: whether two states follow each other for ever.
        returns: whether a few states follow each other for ever (two included).
        cells: how many cells the last pass changed.
    """

    read: Read
    passes: int
    stable_after: int | None
    flips: bool
    returns: bool
    cells: int


def sweep(
    read: Read,
    write: Write,
    shape: tuple[int, int],
    one_pass: ClassFilter,
    passes: int,
    *,
    progress: Progress = silent,
    stage: str = "filter",
    at_rest: Changes | None = None,
) -> Changes:
    """Filter a raster a few times, part by part.

    Args:
        read: gives a window of the raster, (rows, cols) uint8 with nodata 255.
        write: takes each part of the result.
        shape: (rows, cols) of the whole raster.
        one_pass: the filter.
        passes: how many times to apply it; 0 copies.
        progress: told of each part.
        stage: what to call this work.
        at_rest: parts that `write` need not be given, with what a sweep does to them.

    Returns:
        What happened to each part.
    """
    changes: Changes = dict(at_rest or {})
    parts = list(blocks(shape, PART_SHAPE))
    for done, part in enumerate(parts):
        progress(done, len(parts), stage)
        if part not in changes:
            values, changes[part] = filter_part(read, part, shape, one_pass, passes)
            write(values, part)
    progress(len(parts), len(parts), stage)
    return changes


def settle(
    read: Read,
    stores: tuple[Store, Store],
    shape: tuple[int, int],
    one_pass: ClassFilter,
    sweeps: int,
    *,
    progress: Progress = silent,
) -> Settling:
    """Filter a raster in whole sweeps until it rests, comes back, or the sweeps are used up.

    Args:
        read: gives a window of the raster.
        stores: two places for a raster of this shape; one will hold the result.
        shape: (rows, cols) of the whole raster.
        one_pass: the filter.
        sweeps: at most so many sweeps, at least one.
        progress: told of each part.

    Returns:
        Where the result can be read, and how it came to rest.
    """
    passes = one_pass.sweep_passes
    changes: Changes = {}
    for number in range(sweeps):
        store = stores[number % 2]
        # A store holds the raster of two sweeps ago: what is at rest stands there already.
        at_rest = _at_rest(changes) if number >= 2 else {}
        stage = f"passes {number * passes + 1} to {(number + 1) * passes}"
        changes = sweep(
            read,
            store.write,
            shape,
            one_pass,
            passes,
            progress=progress,
            stage=stage,
            at_rest=at_rest,
        )
        read = store.read
        cells = [sum(column) for column in zip(*(c.cells for c in changes.values()), strict=True)]
        returns = all(change.nothing for change in changes.values())
        flips = all(change.flips for change in changes.values())
        if cells[-1] == 0 or returns or flips:
            break
    stable_after = number * passes + cells.index(0) if 0 in cells else None
    return Settling(read, (number + 1) * passes, stable_after, flips, returns or flips, cells[-1])


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


def _at_rest(changes: Changes) -> Changes:
    """The parts where, as in all parts around them, the last sweep changed nothing in the end.

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
