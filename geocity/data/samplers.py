"""Grid samplers that count whole pixels.

TorchGeo's `GridGeoSampler` counts in map units from the lower left corner: it drops scenes smaller
than a tile without a word, and float rounding gives one scene in five a row of tiles too many.
This subclass plans windows on the pixels of each image, from its top left corner, and yields
them as the same geographic slices, so that any data loader takes them. The slices name their image
too (`ImageQuery`): where two images lie close together, one tile meets both.
"""

import abc
import bisect
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import shapely
from torchgeo.datasets import GeoDataset
from torchgeo.samplers import GridGeoSampler

from geocity.core.grid import Grid
from geocity.core.tiles import Tile, plan_tiles
from geocity.data.scene_queries import ImageQuery
from geocity.data.scenes import SceneDataset


class PixelGridSampler(GridGeoSampler):
    """Windows of whole pixels, image by image, as geographic slices; see its subclass.

    Args:
        dataset: scenes, or ``scenes & labels``; windows always follow the pixels of the scenes.
        size: side of a window in pixels.
        stride: pixels from one window to the next.
        roi: polygons in the CRS of the scenes; windows whose kept part misses them are left out.
        toi: only images of this time.
    """

    def __init__(
        self,
        dataset: GeoDataset,
        size: int,
        stride: int,
        roi: shapely.Geometry | None = None,
        toi: "pd.Interval[pd.Timestamp] | None" = None,
    ) -> None:
        scenes = _scenes_of(dataset)
        super().__init__(scenes, size=size, stride=stride)
        self.size_px, self.stride_px = size, stride
        # (image, its time, its windows): planned once, stored where a region thins them out.
        self._plans = [
            (position, image.time, _meeting(self._plan(image.grid), image.grid, roi))
            for position, image in enumerate(scenes.images)
            if toi is None or image.time.overlaps(toi)
        ]
        self._grids = [image.grid for image in scenes.images]
        self._ends = list(itertools.accumulate(len(tiles) for _, _, tiles in self._plans))
        self.length = self._ends[-1] if self._ends else 0

    @abc.abstractmethod
    def _plan(self, grid: Grid) -> Sequence[Tile]:
        """Return the windows of an image."""

    def windows(self, index: int) -> Tile:
        """Return what a sample reads and what it answers for, in pixels of its image."""
        plan, place = self._find(index)
        return self._plans[plan][2][place]

    def image_of(self, index: int) -> int:
        """Return the position of a sample's image in ``scenes.images``."""
        return self._plans[self._find(index)[0]][0]

    def _find(self, index: int) -> tuple[int, int]:
        if not 0 <= index < self.length:
            raise IndexError(f"sample {index} of {self.length}")
        plan = bisect.bisect_right(self._ends, index)
        return plan, index - (self._ends[plan - 1] if plan else 0)

    def __iter__(self) -> Iterator[ImageQuery]:
        for position, time, tiles in self._plans:
            when = slice(time.left, time.right)
            for tile in tiles:
                left, bottom, right, top = self._grids[position][tile.read].bounds
                yield ImageQuery((slice(left, right), slice(bottom, top), when), position)


class PaddedGridGeoSampler(PixelGridSampler):
    """Overlapping tiles for inference: squares with padding around a kept centre.

    Every pixel of an image lies in the kept centre of exactly one tile; a scene smaller than a tile
    has one. What a tile reads beyond the scene, `SceneDataset` mirrors. Row by row.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> from torchgeo.datasets import stack_samples
        >>> scenes = SceneDataset("sample_data/scene_2025.tif")
        >>> sampler = PaddedGridGeoSampler(scenes, size=1024, padding=64)
        >>> sampler.windows(0).keep
        Window(row=0, col=0, rows=896, cols=896)
        >>> loader = DataLoader(scenes, batch_size=2, sampler=sampler, collate_fn=stack_samples)
        >>> next(iter(loader))["image"].shape
        torch.Size([2, 3, 1024, 1024])
    """

    def __init__(
        self,
        dataset: GeoDataset,
        size: int,
        padding: int = 0,
        roi: shapely.Geometry | None = None,
        toi: "pd.Interval[pd.Timestamp] | None" = None,
    ) -> None:
        """Plan the tiles.

        Raises:
            ValueError: if the padding leaves no centre to keep.
            TypeError: if the dataset holds no `SceneDataset`.
        """
        self.padding = padding
        if padding < 0 or 2 * padding >= size:
            raise ValueError(
                f"padding {padding} must be 0 or more and below half the tile ({size})"
            )
        super().__init__(dataset, size, size - 2 * padding, roi, toi)

    def _plan(self, grid: Grid) -> Sequence[Tile]:
        return plan_tiles(grid.shape, self.size_px, self.padding)


def _scenes_of(dataset: GeoDataset) -> SceneDataset:
    """Return the scenes of a dataset, or of ``scenes & labels``: labels never set the pixels."""
    for candidate in (dataset, *getattr(dataset, "datasets", ())):
        if isinstance(candidate, SceneDataset):
            return candidate
    raise TypeError(f"the sampler needs a SceneDataset, or scenes & labels, got {type(dataset)}")


def _meeting(tiles: Sequence[Tile], grid: Grid, roi: shapely.Geometry | None) -> Sequence[Tile]:
    if roi is None:
        return tiles
    shapely.prepare(roi)
    kept = [grid[tile.keep].polygon() for tile in tiles]
    # Touching along an edge is no meeting: no pixel lies in it.
    met = np.asarray(shapely.intersects(roi, kept)) & ~np.asarray(shapely.touches(roi, kept))
    return list(itertools.compress(tiles, met))
