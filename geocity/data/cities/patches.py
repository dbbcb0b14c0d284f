"""Patches of cities, cut from the raw images when they are asked for."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate
from torch.utils.data import Dataset

from geocity.core.grid import Window
from geocity.data.scenes import SceneDataset
from geocity.io.cities.manifest import CityFolder
from geocity.io.cities.site_images import read_rgb, three_bands

_SCENES_OPEN_AT_MOST = 128
CACHE_BYTES = 512 << 20
"""Of decoded images that each process keeps; seven of 4800 x 4800 pixels."""


def patch_rows(folder: CityFolder, part: str, fold: int = 0) -> list[int]:
    """Return the rows of `folder.patches` that belong to a part of a fold."""
    patches = folder.patches
    chosen = (patches["part"] == part) & (patches["fold"] == fold)
    return [int(row) for row in np.flatnonzero(chosen.to_numpy())]


class CityPatchDataset(Dataset[dict[str, Any]]):
    """Patches with their city, all brought to one number of pixels.

    Georeferenced files are read by window through `SceneDataset`. Other images (JPEG, PNG) can
    only be decoded from their start, so they are decoded whole and the last few kept: patches are
    read fastest image by image.

    A sample is ``image`` (float32, 3 x side_px x side_px, 0 to 255), ``label`` (the city's class),
    ``patch`` (row of `folder.patches`) and ``image_index`` (row of `folder.images`).
    """

    def __init__(
        self,
        folder: CityFolder,
        rows: Sequence[int],
        *,
        side_px: int,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """Choose patches.

        Args:
            folder: the city folder.
            rows: of `folder.patches`, in the order in which they are wanted.
            side_px: side of a sample in pixels. Patches are shrunk with antialiasing or enlarged
                bilinearly to it, so that the same ground always fills the sample.
            cache_bytes: of decoded images to keep.
        """
        self.folder = folder
        self.side_px = side_px
        self._rows = np.asarray(rows, dtype=np.int64)
        chosen = folder.patches.iloc[self._rows]
        self._images = chosen["image"].to_numpy()
        self._labels = chosen["city"].to_numpy()
        self._windows = chosen[["row", "col", "side"]].to_numpy()
        self._by_file = (folder.images["placed"] == "file").to_numpy()
        self._cache_bytes = cache_bytes
        self._decoded: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._scenes: OrderedDict[int, SceneDataset] = OrderedDict()

    @property
    def rows(self) -> list[int]:
        """Return the rows of `folder.patches`, in the order of the samples."""
        return [int(row) for row in self._rows]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Return the class of every sample, for balanced draws."""
        labels: NDArray[np.int64] = self._labels
        return labels

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = int(self._images[index])
        row, col, side = (int(value) for value in self._windows[index])
        pixels = self._read(image, Window(row, col, side, side))
        return {
            "image": _resized(pixels, self.side_px),
            "label": int(self._labels[index]),
            "patch": int(self._rows[index]),
            "image_index": image,
        }

    def _read(self, image: int, window: Window) -> NDArray[Any]:
        if self._by_file[image]:
            pixels, _ = self._scene(image).read(0, window)
            return three_bands(pixels)
        return self._whole(image)[(slice(None), *window.slices)]

    def _scene(self, image: int) -> SceneDataset:
        scene = self._scenes.get(image)
        if scene is None:
            scene = self._scenes[image] = SceneDataset(self.folder.image_path(image))
            if len(self._scenes) > _SCENES_OPEN_AT_MOST:
                self._scenes.popitem(last=False)[1].close()
        self._scenes.move_to_end(image)
        return scene

    def _whole(self, image: int) -> NDArray[np.uint8]:
        pixels = self._decoded.get(image)
        if pixels is None:
            pixels = self._decoded[image] = read_rgb(self.folder.image_path(image))
            while len(self._decoded) > 1 and self._held_bytes() > self._cache_bytes:
                self._decoded.popitem(last=False)
        self._decoded.move_to_end(image)
        return pixels

    def _held_bytes(self) -> int:
        return sum(pixels.nbytes for pixels in self._decoded.values())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_decoded": OrderedDict(), "_scenes": OrderedDict()}


def _resized(pixels: NDArray[Any], side_px: int) -> torch.Tensor:
    image = torch.from_numpy(pixels.astype(np.float32))
    if image.shape[-1] == side_px:
        return image
    resized = interpolate(
        image[None], (side_px, side_px), mode="bilinear", align_corners=False, antialias=True
    )
    return resized[0]
