"""Which parts a raster is cut into, and which of them are computed together. Integers only."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from geocity.core.grid import Window, blocks

PART_SIDE = 2048
"""Side of a part in pixels: four blocks of 512, 4 MB of classes."""

WIDEST_SPAN = 12
"""Most parts that lie side by side in a span: what a stream holds grows with its width."""


@dataclass(frozen=True, slots=True)
class Part:
    """A rectangle of output pixels that is computed, stored and redone by itself.

    Attributes:
        index: its place in reading order.
        row: its row in the lattice of parts.
        col: its column there.
        window: its pixels.
    """

    index: int
    row: int
    col: int
    window: Window

    @property
    def name(self) -> str:
        """Return what its files are called.

        Example:
            >>> Part(0, 12, 3, Window(0, 0, 1, 1)).name
            'r00012_c00003'
        """
        return f"r{self.row:05d}_c{self.col:05d}"


Span = tuple[Part, ...]


def plan_parts(shape: tuple[int, int], side: int = PART_SIDE) -> tuple[Part, ...]:
    """Cut a raster into parts, in reading order; the last ones of a row or column are smaller.

    Args:
        shape: (rows, cols) of the raster.
        side: of a part, in pixels.
    """
    return tuple(
        Part(index, window.row // side, window.col // side, window)
        for index, window in enumerate(blocks(shape, side))
    )


def span_window(span: Sequence[Part]) -> Window:
    """Return the pixels of a span."""
    first, last = span[0].window, span[-1].window
    rows, cols = last.row_end - first.row, last.col_end - first.col
    return Window(first.row, first.col, rows, cols)


def spans(
    parts: Sequence[Part], *, limit: int | None = None, widest: int = WIDEST_SPAN
) -> list[Span]:
    """Join neighbouring parts into rectangles, each to be computed as one stream.

    A span reads pixels around it that its neighbours read too, so few large spans cost least. All
    parts of a raster up to `widest` of them wide become one span.

    Args:
        parts: the parts to compute, any selection of a raster's.
        limit: most parts of a span; None for as many as there are.
        widest: most parts of a span side by side.

    Returns:
        Rectangles that hold every part once, each in reading order.
    """
    rows = [list(row) for _, row in itertools.groupby(sorted(parts, key=_place), key=_row_of)]
    runs = [list(_runs(row)) for row in rows]
    if not runs:
        return []
    longest = max(len(run) for row in runs for run in row)
    width = _best_width(longest, len(rows), limit, widest)
    height = len(rows) if limit is None else max(1, limit // width)
    growing: dict[tuple[int, int], list[Span]] = {}
    done: list[list[Span]] = []
    for row in runs:
        pieces = {_extent(piece): piece for run in row for piece in _cut(run, width)}
        for extent, piece in pieces.items():
            stack = growing.get(extent)
            if stack and stack[-1][0].row + 1 == piece[0].row and len(stack) < height:
                stack.append(piece)
            else:
                growing[extent] = [piece]
                done.append(growing[extent])
    return [tuple(itertools.chain.from_iterable(stack)) for stack in done]


def _best_width(longest: int, rows: int, limit: int | None, widest: int) -> int:
    """Return how many parts wide spans should be so that they read the least around them."""
    most = min(longest, widest)
    if limit is None:
        return most

    def read_twice(width: int) -> float:
        height = min(rows, limit // width)
        return (width < longest) / width + (height < rows) / height

    return min(range(min(most, limit), 0, -1), key=read_twice)


def _place(part: Part) -> tuple[int, int]:
    return part.row, part.col


def _row_of(part: Part) -> int:
    return part.row


def _extent(run: Sequence[Part]) -> tuple[int, int]:
    return run[0].col, run[-1].col


def _runs(row: Sequence[Part]) -> Iterator[Span]:
    """Cut a row where parts are not next to each other."""
    run: list[Part] = []
    for part in row:
        if run and part.col != run[-1].col + 1:
            yield tuple(run)
            run = []
        run.append(part)
    yield tuple(run)


def _cut(run: Span, width: int) -> Iterator[Span]:
    """Cut a run into pieces of about the same length, none longer than `width`."""
    pieces = math.ceil(len(run) / width)
    ends = [len(run) * i // pieces for i in range(pieces + 1)]
    yield from (run[start:end] for start, end in itertools.pairwise(ends))
