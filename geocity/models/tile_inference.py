"""Tiles through a network: read ahead, run, blend; one settled block after the other.

Three threads share the work, so that reading and what follows hide behind the network: one reads
and normalises, one runs the network, and the caller's own blends and uses the blocks.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from geocity.core.blending import Blender
from geocity.core.grid import Window
from geocity.core.model_contract import ModelContract
from geocity.core.normalise import normalise
from geocity.core.probabilities import probabilities
from geocity.core.tiles import Tile
from geocity.models.background import Background
from geocity.models.engines import Engine, finite_logits

# Tiles that wait on either side of the network: enough to never keep it waiting.
_AHEAD = 2

# Quarter turns, and whether mirrored first: with the tile as it is, the square's eight symmetries.
_OTHER_VIEWS = tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4))[1:]


class TileSource(Protocol):
    """Gives the pixels of tiles; used, and closed, by one thread."""

    def read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read a window that may reach outside, where it is mirrored.

        Returns:
            Pixels (bands, rows, cols) as stored, and which are valid (rows, cols).
        """

    def close(self) -> None:
        """Close the files."""


@dataclass(frozen=True)
class Block:
    """A settled piece of the result.

    Attributes:
        window: where it lies in the scene.
        layers: probabilities (layers, rows, cols), as `geocity.core.probabilities` gives them.
        valid: which pixels hold data (rows, cols).
        ran: whether its tile went through the network.
    """

    window: Window
    layers: NDArray[np.float32]
    valid: NDArray[np.bool_]
    ran: bool


@dataclass(frozen=True)
class Run:
    """How tiles are run.

    Attributes:
        engine: runs the network.
        contract: what the network expects.
        batch: tiles at a time.
        tta: average the logits of the eight turns and flips of each tile.
        asked: tells whether anybody wants the pixels of a window; tiles nobody asks for are not
            even read.
    """

    engine: Engine
    contract: ModelContract
    batch: int
    tta: bool
    asked: Callable[[Window], bool]


@dataclass
class _Passing:
    """A tile on its way."""

    tile: Tile
    valid: NDArray[np.bool_] | None = None  # of tile.read; None where nothing was read
    pixels: NDArray[np.float32] | None = None  # None once run, or where nothing is to run
    logits: NDArray[np.float32] | None = None


def settled_blocks(
    open_source: Callable[[], TileSource], blender: Blender, run: Run
) -> Iterator[Block]:
    """Run the tiles of a blender and yield the blocks it settles.

    Tiles without a valid pixel, and tiles nobody asks for, never reach the network.

    Args:
        open_source: opens the scene, in the thread that reads it.
        blender: knows the tiles; must be fresh.
        run: how tiles are run.

    Raises:
        ModelError: if the network answers with anything but finite numbers.
    """
    with Background() as background:
        read = background.ahead(_read(open_source, blender, run), _AHEAD + run.batch)
        ran = background.ahead(_predict(read, run), _AHEAD)
        for passing in ran:
            layers = None
            if passing.logits is not None:
                support = blender.support(passing.tile)
                said = passing.logits[(slice(None), *_within(passing.tile, support))]
                layers = probabilities(said, run.contract.temperature)
            settled = blender.add(layers)
            if settled is not None:
                window, scores = settled
                yield Block(window, scores, _valid(passing, window), layers is not None)


def _read(
    open_source: Callable[[], TileSource], blender: Blender, run: Run
) -> Generator[_Passing, None, None]:
    source = open_source()
    try:
        for tile in blender.tiles():
            wanted = blender.support(tile).intersect(blender.region)
            if wanted is None or not run.asked(wanted):
                yield _Passing(tile)
                continue
            pixels, valid = source.read(tile.read)
            if not valid[_within(tile, wanted)].any():
                yield _Passing(tile)
            elif valid.all():
                yield _Passing(tile, valid, normalise(pixels, run.contract))
            else:
                yield _Passing(tile, valid, normalise(pixels, run.contract, valid))
    finally:
        source.close()


def _predict(items: Iterator[_Passing], run: Run) -> Generator[_Passing, None, None]:
    held: list[_Passing] = []
    for item in items:
        held.append(item)
        waiting = sum(one.pixels is not None for one in held)
        # A tile that is not run must not wait for a batch to fill up behind it, nor overtake.
        if waiting in (0, run.batch):
            yield from _run_batch(held, run)
            held = []
    yield from _run_batch(held, run)


def _run_batch(held: list[_Passing], run: Run) -> list[_Passing]:
    full = [one for one in held if one.pixels is not None]
    if full:
        tiles = [one.pixels[None] for one in full if one.pixels is not None]
        batch = tiles[0] if len(tiles) == 1 else np.concatenate(tiles)
        logits = _turned(run.engine, batch) if run.tta else finite_logits(run.engine, batch)
        for one, answer in zip(full, logits, strict=True):
            one.pixels, one.logits = None, answer
    return held


def _turned(engine: Engine, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average the logits over the eight turns and flips of a batch (n, bands, rows, cols)."""
    total = _seen_as(engine, batch, 0, flipped=False)
    for turns, flipped in _OTHER_VIEWS:
        total += _seen_as(engine, batch, turns, flipped=flipped)
    total /= 1 + len(_OTHER_VIEWS)
    return total


def _seen_as(
    engine: Engine, batch: NDArray[np.float32], turns: int, *, flipped: bool
) -> NDArray[np.float32]:
    """Turn and flip tiles, run them, and turn the answer back."""
    seen = np.rot90(batch[..., ::-1] if flipped else batch, turns, axes=(2, 3))
    answer = np.rot90(finite_logits(engine, np.ascontiguousarray(seen)), -turns, axes=(2, 3))
    return np.ascontiguousarray(answer[..., ::-1] if flipped else answer, dtype=np.float32)


def _within(tile: Tile, window: Window) -> tuple[slice, slice]:
    """Return the slices of a window in the array of a tile."""
    return window.shift(-tile.read.row, -tile.read.col).slices


def _valid(passing: _Passing, window: Window) -> NDArray[np.bool_]:
    if passing.valid is None:
        return np.zeros(window.shape, dtype=bool)
    return passing.valid[_within(passing.tile, window)]
