"""A scene to classes: settled blocks of probabilities become rasters."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.blending import Blender
from geocity.core.classes import NODATA
from geocity.core.grid import Window, blocks
from geocity.core.layout import Layout
from geocity.core.probabilities import decide, layers_needed
from geocity.core.probability_tally import PROBABILITY_STEPS
from geocity.core.regrid import Regridder
from geocity.core.strips import Strips
from geocity.models.tile_inference import Run, TileSource, settled_blocks

# Rasters are written in whole blocks of 512, this many rows and columns at a time.
_PIECE = (512, 4096)
# Rows of the target whose mask is read at a time, where it is read apart.
_MASK_ROWS = 256


Take = Callable[[NDArray[np.uint8], Window], None]
"""Takes pixels and where they lie, counted from the region's first one."""


@dataclass(frozen=True)
class Outputs:
    """What is written.

    Attributes:
        classes: takes class values (rows, cols).
        probabilities: takes the probabilities of the classes in `chosen`, if asked for:
            (classes, rows, cols), 0 to 254 for 0 to 1, 255 where there is none.
        chosen: positions of classes in the model's table.
        thresholds: as in `geocity.core.probabilities.decide`.
    """

    classes: Take
    probabilities: Take | None
    chosen: tuple[int, ...]
    thresholds: tuple[float, ...] | None


ValidMask = Callable[[Window], NDArray[np.bool_]]


def classify_region(
    open_source: Callable[[], TileSource],
    layout: Layout,
    run: Run,
    outputs: Outputs,
    *,
    blend: bool,
    valid_mask: ValidMask,
) -> Iterator[tuple[int, int]]:
    """Classify the region of a layout, as a stream, step by step.

    Args:
        open_source: opens the scene at the work's cell size.
        layout: where things are.
        run: how tiles are run; its `asked` is about windows of the work.
        outputs: where results go.
        blend: fade tiles into each other.
        valid_mask: tells which pixels of a window of the target hold data; used only where the
            result is put back on another grid.

    Yields:
        After every tile that settles pixels: how many tiles are done, of how many.
    """
    channels = layers_needed(len(run.contract.classes))
    blender = Blender(layout.plan, channels, region=layout.work_region, blend=blend)
    writer = _Writer(layout, run, outputs)
    regridder = None
    if layout.regrids:
        regridder = Regridder(
            layout.work_region, layout.work.shape, layout.region, layout.ratios, channels
        )
    for block in settled_blocks(open_source, blender, run):
        if regridder is None:
            writer.write(block.window, block.layers, block.valid)
        elif (ready := regridder.add(block.window, block.layers)) is not None:
            _write_masked(writer, *ready, valid_mask)
        yield blender.fed, len(blender)


def _write_masked(
    writer: "_Writer", window: Window, layers: NDArray[np.float32], valid_mask: ValidMask
) -> None:
    for rows in blocks(window.shape, (_MASK_ROWS, window.cols)):
        part = rows.shift(window.row, window.col)
        writer.write(part, layers[(slice(None), *rows.slices)], valid_mask(part))


class _Writer:
    """Turns probabilities into what is stored and gathers it into strips."""

    def __init__(self, layout: Layout, run: Run, outputs: Outputs) -> None:
        self._layout, self._outputs = layout, outputs
        self._values = run.contract.classes.values
        shape = layout.region.shape
        self._classes = Strips(shape, (), np.uint8, piece=_PIECE, write=outputs.classes)
        self._chances: Strips | None = None
        if outputs.probabilities is not None:
            layers, take = (len(outputs.chosen),), outputs.probabilities
            self._chances = Strips(shape, layers, np.uint8, piece=_PIECE, write=take)

    def write(self, window: Window, layers: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        """Write a block of the target."""
        area, region = self._layout.area, self._layout.region
        missing = ~(valid & area.mask(window)) if area is not None else ~valid
        place = window.shift(-region.row, -region.col)
        classes = decide(layers, self._values, self._outputs.thresholds)
        classes[missing] = NODATA
        self._classes.add(classes, place)
        if self._chances is not None:
            chosen = np.stack([self._chance(layers, i) for i in self._outputs.chosen])
            stored = np.rint(chosen * PROBABILITY_STEPS).astype(np.uint8)
            stored[:, missing] = NODATA
            self._chances.add(stored, place)

    def _chance(self, layers: NDArray[np.float32], position: int) -> NDArray[np.float32]:
        chance: NDArray[np.float32]
        if len(layers) == len(self._values):
            chance = layers[position]
        else:
            chance = layers[0] if position == 1 else 1 - layers[0]
        return chance
