"""The pixels of tiles, read through TorchGeo: a scene dataset and its padded grid sampler."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Window
from geocity.core.tiles import TilePlan
from geocity.data.samplers import PaddedGridGeoSampler
from geocity.data.scenes import SceneDataset
from geocity.io.staging import PathLike


class DatasetTiles:
    """Reads the tiles that a `PaddedGridGeoSampler` lays over one scene.

    Args:
        path: of the scene.
        plan: the tiles; the sampler makes the same.
        bands: names of the bands to read, or None for all.
        cell_size_m: see the scene with pixels of this size.

    Raises:
        ValueError: if the sampler lays other tiles over the scene.
    """

    def __init__(
        self,
        path: PathLike,
        plan: TilePlan,
        *,
        bands: Sequence[str] | None = None,
        cell_size_m: float | None = None,
    ) -> None:
        self._scenes = SceneDataset(path, cell_size_m=cell_size_m, bands=bands, as_stored=True)
        self.sampler = PaddedGridGeoSampler(self._scenes, size=plan.tile, padding=plan.padding)
        if len(self.sampler) != len(plan) or self.sampler.windows(len(plan) - 1) != plan[-1]:
            raise ValueError(f"the sampler's {len(self.sampler)} tiles are not those of {plan}")

    def read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read a window that may reach outside, where it is mirrored.

        Returns:
            Pixels (bands, rows, cols) as stored, and which are valid (rows, cols).
        """
        return self._scenes.read(0, window)

    def close(self) -> None:
        """Close the scene."""
        self._scenes.close()
