"""How a whole image is cut into patches, and the small copy of its map that is drawn."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.contract import CityContract
from geocity.core.grid import Grid, Window
from geocity.core.tiles import Tile, TilePlan, plan_tiles

logger = logging.getLogger(__name__)

_PREVIEW_PX = 1000


@dataclass(frozen=True)
class ImageLayout:
    """How an image is cut into patches, and on which pixels their maps are stitched.

    Attributes:
        side: of a patch, in pixels of the image.
        step: pixels of the image for one pixel of the map.
        plan: the patches, in pixels of the map.
    """

    side: int
    step: int
    plan: TilePlan

    def window(self, tile: Tile) -> Window:
        """Return the pixels of the image that a patch reads."""
        row, col, rows, cols = (self.step * value for value in tile.read)
        return Window(row, col, rows, cols)


def lay_out_image(
    contract: CityContract, path: str, shape: tuple[int, int], grid: Grid | None
) -> ImageLayout:
    """Cut an image into patches as large on the ground as those of the training.

    Args:
        contract: of the model.
        path: of the image, for messages.
        shape: (rows, cols) of the image.
        grid: where its pixels are; without one they are as large as those of the training.
    """
    side = min(shape)
    cell_m = contract.cell_size_m if grid is None else grid.cell_size_m
    if contract.patch_m is not None and cell_m is not None:
        wanted = max(1, round(contract.patch_m / cell_m))
        if wanted > side:
            logger.warning(
                "%s is %d pixels wide and the model's patches are %d: smaller patches are "
                "looked at, and the answer is worth less.",
                path, side, wanted,
            )  # fmt: skip
        side = min(side, wanted)
    # The map needs no more pixels than the network sees.
    most = max(1, side // contract.input_px)
    step = max(s for s in range(1, most + 1) if side % s == 0)
    rows, cols = (math.ceil(length / step) for length in shape)
    tile = side // step
    return ImageLayout(side, step, plan_tiles((rows, cols), tile, tile // 4))


class Preview:
    """A small copy of the map: every n-th pixel."""

    def __init__(self, layers: Sequence[str], shape: tuple[int, int]) -> None:
        self.step = max(1, math.ceil(max(shape) / _PREVIEW_PX))
        self._layers = tuple(layers)
        self.shape = (math.ceil(shape[0] / self.step), math.ceil(shape[1] / self.step))
        self._values = np.full((len(layers), *self.shape), np.nan, np.float32)

    def take(self, window: Window, values: NDArray[np.float32]) -> None:
        """Take a settled block."""
        rows = slice(-window.row % self.step, None, self.step)
        cols = slice(-window.col % self.step, None, self.step)
        part = values[:, rows, cols]
        top, left = -(-window.row // self.step), -(-window.col // self.step)
        self._values[:, top : top + part.shape[1], left : left + part.shape[2]] = part

    @property
    def maps(self) -> dict[str, NDArray[np.float32]]:
        """Return the maps by layer, NaN where there is no data."""
        return dict(zip(self._layers, self._values, strict=True))

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """Return where the image has no data."""
        found: NDArray[np.bool_] = np.asarray(np.isnan(self._values).any(0), np.bool_)
        return found
