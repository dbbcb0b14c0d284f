"""The pixels of tiles, read from a scene."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Window
from geocity.core.padding import pad_reflect
from geocity.io.rasters import Scene


class SceneTiles:
    """Reads windows of a scene that may reach outside, where they are mirrored.

    Args:
        scene: is closed with this.
        bands: 0-based positions of the bands to read.
    """

    def __init__(self, scene: Scene, bands: Sequence[int]) -> None:
        self._scene, self._bands = scene, bands

    def read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read a window.

        Returns:
            Pixels (bands, rows, cols) as stored, and which are valid (rows, cols).

        Raises:
            ValueError: if the window lies wholly outside.
        """
        inside = window.intersect(self._scene.grid.window)
        if inside is None:
            raise ValueError(f"{window} lies outside a scene of {self._scene.grid.shape}")
        pixels, valid = self._scene.read(inside, self._bands)
        return pad_reflect(pixels, inside, window), pad_reflect(valid, inside, window)

    def close(self) -> None:
        """Close the scene."""
        self._scene.close()
