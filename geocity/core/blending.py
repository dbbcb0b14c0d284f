"""One result without seams: neighbouring tiles faded into each other, in bounded memory.

Around each line where two kept centres meet, both tiles know the pixels on either side of it. There
the result goes over from one to the other along a smooth ramp; everywhere else one tile alone is
right. Three properties follow, and tests hold them:

* Weights are multiples of 1/256 that sum to exactly 1, so whole numbers (an 8-bit image run through
  a model that returns its input) come back bit for bit, and a constant stays that constant up to
  the last border pixel: nothing is divided by a sum of weights that fades out at the scene's edge.
* A pixel mixes at most two tiles each way, added in the order of the plan. The result therefore
  does not depend on batches, nor on which part of the scene is asked for.
* What must wait for a neighbour is a strip below and a strip to the right, not a row of tiles.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Window
from geocity.core.tiles import Tile, TilePlan

WEIGHT_STEPS = 256
"""Weights are whole multiples of one part in this many."""


def fade_in(length: int) -> NDArray[np.float32]:
    """Return the weights of a tile that takes over from its neighbour.

    A raised cosine, rounded to multiples of 1/256, never 0 and never 1. The neighbour fades out
    with ``1 - fade_in(length)``, which is exact.

    Args:
        length: pixels from where the neighbour rules to where this tile does.

    Returns:
        Rising weights, shape (length,).

    Example:
        >>> fade_in(4).tolist()
        [0.0390625, 0.30859375, 0.69140625, 0.9609375]
    """
    centres = (np.arange(length) + 0.5) / max(length, 1)
    steps = np.rint(WEIGHT_STEPS * (1 - np.cos(math.pi * centres)) / 2)
    clipped = np.clip(steps, 1, WEIGHT_STEPS - 1) / WEIGHT_STEPS
    return np.asarray(clipped, dtype=np.float32)


def fade_reach(plan: TilePlan) -> int:
    """Return how far, in pixels, a tile is used beyond its kept centre when tiles are blended.

    The whole padding where it fits; less where tiles overlap so much (padding above a quarter of
    the tile) that more than two would meet: their outer pixels know least and are left out.
    """
    return min(plan.padding, plan.stride // 2)


@dataclass(frozen=True)
class _Axis:
    """Tiles along one axis: where each one counts, where it fades, what it settles.

    Attributes:
        length: pixels of the scene.
        stride: pixels from tile to tile.
        reach: pixels a tile counts beyond its centre.
        tiles: the tiles that are needed, by their place along the axis.
        region: first and one-past-last pixel that is asked for.
    """

    length: int
    stride: int
    reach: int
    tiles: range
    region: tuple[int, int]

    @classmethod
    def over(cls, length: int, stride: int, reach: int, region: tuple[int, int]) -> "_Axis":
        first = max(0, (region[0] - reach) // stride)
        last = min(-(-length // stride) - 1, (region[1] - 1 + reach) // stride)
        return cls(length, stride, reach, range(first, last + 1), region)

    def support(self, tile: int) -> tuple[int, int]:
        """Return the pixels where the tile counts."""
        start = max(0, tile * self.stride - self.reach)
        return start, min(self.length, (tile + 1) * self.stride + self.reach)

    def overlap(self, tile: int) -> int:
        """Return how many pixels at the start of the support are shared with the tile before."""
        if tile == 0:
            return 0
        return min(2 * self.reach, self.length - self.support(tile)[0])

    def settled(self, tile: int) -> tuple[int, int]:
        """Return the pixels that no later tile will touch and no earlier one has settled."""
        start, end = self.support(tile)
        return start, end - self.overlap(tile + 1) if self.has(tile + 1) else end

    def has(self, tile: int) -> bool:
        """Tell whether the scene has such a tile, needed or not."""
        return tile * self.stride < self.length


class Blender:
    """Joins the tiles of a plan, fed one by one, into settled blocks of the result.

    Feed it every tile of :meth:`tiles`, in that order. Each :meth:`add` gives back the block that
    has become final; the blocks of a region cover it exactly once, row of tiles by row of tiles.

    Args:
        plan: the tiles of the whole scene.
        channels: layers of scores per pixel; one is enough for two classes.
        region: the pixels that are wanted (default: all). The blocks of a region equal those pixels
            of the whole scene, bit for bit.
        blend: fade neighbours into each other; without it each pixel comes from the one tile whose
            kept centre it lies in, as ArcGIS does.

    Attributes:
        fed: number of tiles taken so far.
    """

    def __init__(
        self, plan: TilePlan, channels: int, *, region: Window | None = None, blend: bool = True
    ) -> None:
        self.plan = plan
        self.region = region or Window(0, 0, *plan.shape)
        reach = fade_reach(plan) if blend else 0
        top, left, rows, cols = self.region
        self._rows = _Axis.over(plan.shape[0], plan.stride, reach, (top, top + rows))
        self._cols = _Axis.over(plan.shape[1], plan.stride, reach, (left, left + cols))
        self._fade = fade_in(2 * reach)
        self._left = self._cols.support(self._cols.tiles[0])[0]
        width = self._cols.support(self._cols.tiles[-1])[1] - self._left
        shape = (channels, 2 * reach, width)
        self._above = np.zeros(shape, np.float32)  # owed by the row of tiles above, complete
        self._below = np.zeros(shape, np.float32)  # owed to the row of tiles below, growing
        self._beside = np.zeros((channels, 0, 0), np.float32)  # owed to the next tile
        self._channels = channels
        self._order = self._places()
        self._next = next(self._order, None)
        self.fed = 0

    def __len__(self) -> int:
        """Return the number of tiles to feed."""
        return len(self._rows.tiles) * len(self._cols.tiles)

    def tiles(self) -> Iterator[Tile]:
        """Yield the tiles to feed, in order."""
        for row, col in self._places():
            yield self.plan.at(row, col)

    def support(self, tile: Tile) -> Window:
        """Return the pixels that a tile has a say in; elsewhere it need not know anything."""
        row, row_end = self._rows.support(tile.keep.row // self.plan.stride)
        col, col_end = self._cols.support(tile.keep.col // self.plan.stride)
        return Window(row, col, row_end - row, col_end - col)

    def _places(self) -> Iterator[tuple[int, int]]:
        return ((row, col) for row in self._rows.tiles for col in self._cols.tiles)

    def add(self, scores: NDArray[np.float32] | None) -> tuple[Window, NDArray[np.float32]] | None:
        """Take the next tile's scores and give back what they settle.

        Args:
            scores: what the tile says of its :meth:`support`, shape (channels, rows, cols);
                overwritten. None for a tile that was not run because nobody asks for the pixels
                it has a say in: zeros.

        Returns:
            The settled window of the scene and its scores (channels, rows, cols), both cut to the
            region; None when that is empty. They may be a view: use them before the next call.

        Raises:
            ValueError: if the scores have another shape, or every tile has been fed.
        """
        if self._next is None:
            raise ValueError("every tile of the plan has been fed already")
        row, col = self._next
        tile = self.plan.at(row, col)
        support = self.support(tile)
        shape = (self._channels, *support.shape)
        part = np.zeros(shape, np.float32) if scores is None else scores
        if part.shape != shape:
            raise ValueError(f"scores of shape {part.shape} do not fit {tile}, expected {shape}")
        if scores is not None:
            self._weigh(part, row, col)
        block = self._settle(part, row, col)
        self._next = next(self._order, None)
        self.fed += 1
        return block

    def _weigh(self, part: NDArray[np.float32], row: int, col: int) -> None:
        """Fade a tile's own scores at the sides where it has neighbours, in place."""
        rows, cols = part.shape[1:]
        top, left = self._rows.overlap(row), self._cols.overlap(col)
        bottom = self._rows.overlap(row + 1) if self._rows.has(row + 1) else 0
        right = self._cols.overlap(col + 1) if self._cols.has(col + 1) else 0
        fade = self._fade
        part[:, :top] *= fade[:top, None]
        part[:, rows - bottom :] *= 1 - fade[:bottom, None]
        part[:, :, :left] *= fade[:left]
        part[:, :, cols - right :] *= 1 - fade[:right]

    def _settle(
        self, part: NDArray[np.float32], row: int, col: int
    ) -> tuple[Window, NDArray[np.float32]] | None:
        """Add what earlier tiles left, keep what later tiles need, and cut out the rest."""
        (top, _), (left, right) = self._rows.support(row), self._cols.support(col)
        above, beside = self._rows.overlap(row), self._cols.overlap(col)
        if col == self._cols.tiles[0] and row != self._rows.tiles[0]:
            self._above, self._below = self._below, self._above
            self._below[:] = 0
        if row != self._rows.tiles[0]:
            # Columns shared with the tile before got their share of the row above through it.
            skip = beside if col != self._cols.tiles[0] else 0
            own = slice(left + skip - self._left, right - self._left)
            part[:, :above, skip:] += self._above[:, :above, own]
        row_end, col_end = self._rows.settled(row)[1], self._cols.settled(col)[1]
        if row_end - top < part.shape[1]:
            owed = part[:, row_end - top :]
            self._below[:, : owed.shape[1], left - self._left : right - self._left] += owed
        if col != self._cols.tiles[0]:
            part[:, : row_end - top, :beside] += self._beside
        self._beside = part[:, : row_end - top, col_end - left :].copy()
        settled = Window(top, left, row_end - top, col_end - left)
        wanted = settled.intersect(self.region)
        if wanted is None:
            return None
        return wanted, part[(slice(None), *wanted.shift(-top, -left).slices)]
