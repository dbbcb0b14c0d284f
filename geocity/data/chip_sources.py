"""What chips are cut from: an image of a scene dataset, and the labels that go with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from geocity.core.burn import burn
from geocity.core.classes import NODATA, ClassTable
from geocity.core.grid import Grid, Window, same_crs
from geocity.core.label_classes import BACKGROUND, lookup_table, table_of
from geocity.core.turn import sample_bilinear, turned_grid, window_around
from geocity.data.labels import LabelDataset, LabelRules
from geocity.data.scenes import SceneDataset
from geocity.errors import InputError
from geocity.io.class_rasters import open_class_raster
from geocity.io.label_layers import is_vector, read_area
from geocity.io.label_rasters import LabelRaster
from geocity.io.staging import PathLike


class LabelSource(Protocol):
    """Whatever gives labels on the pixels of any grid."""

    @property
    def classes(self) -> ClassTable:
        """Return the classes; 0 is background."""

    def burn(self, grid: Grid) -> NDArray[np.uint8]:
        """Return class values (rows, cols), 255 where the class is unknown."""

    def extents(self) -> NDArray[np.float64]:
        """Return boxes (left, bottom, right, top) outside of which nothing has a class.

        Shape (n, 4), in the CRS of the scenes.
        """


class RasterLabels:
    """Labels from a classified raster.

    Attributes:
        classes: background, and the classes that were named; without names the raster's own,
            numbered without gaps.
    """

    def __init__(self, path: PathLike, rules: LabelRules, crs: pyproj.CRS) -> None:
        """Open the raster.

        Raises:
            InputError: if rules are given that only outlines can follow.
            ClassTableError: if it is no class raster.
        """
        given = (rules.class_field, rules.buffer_m, rules.min_overlap, rules.all_touched)
        if any(given):
            raise InputError(
                f"{path} is a classified raster: class field, buffer, minimum overlap and "
                "all-touched are for outlines; choose classes by --class-values 6:slum."
            )
        named = rules.class_values or _own_classes(path)
        self.classes, numbers = table_of(named)
        self._crs = crs
        self._raster = LabelRaster(path, lookup_table(numbers))
        area = rules.labelled_area
        self._known: shapely.Geometry | None = None if area is None else read_area(area, crs)

    def burn(self, grid: Grid) -> NDArray[np.uint8]:
        """Return class values (rows, cols), 255 where the class is unknown."""
        label = self._raster.burn(grid)
        if self._known is not None:
            label[burn([], [], grid, known=[self._known]) == NODATA] = NODATA
        return label

    def extents(self) -> NDArray[np.float64]:
        """Return one box: around the raster, or around everything where its CRS is another."""
        grid = self._raster.grid
        everywhere = (-np.inf, -np.inf, np.inf, np.inf)
        return np.array([grid.bounds if same_crs(grid.crs, self._crs) else everywhere])


def _own_classes(path: PathLike) -> Mapping[str, str]:
    with open_class_raster(path) as raster:
        return {str(c.value): BACKGROUND if c.value == 0 else c.name for c in raster.classes}


def open_labels(path: PathLike, rules: LabelRules, crs: pyproj.CRS) -> LabelSource:
    """Open outlines or a classified raster as labels for scenes of a CRS."""
    if is_vector(path):
        return LabelDataset(path, rules, crs=crs)
    return RasterLabels(path, rules, crs)


@dataclass(frozen=True)
class ChipPixels:
    """A chip in memory.

    Attributes:
        pixels: shape (bands, rows, cols), number type of the scene.
        valid: shape (rows, cols).
        label: shape (rows, cols), 255 where unknown or where the image has no data.
        grid: of the chip.
    """

    pixels: NDArray[Any]
    valid: NDArray[np.bool_]
    label: NDArray[np.uint8]
    grid: Grid


@dataclass(frozen=True)
class ChipSource:
    """One image and its labels.

    Attributes:
        scenes: the dataset.
        position: of the image in ``scenes.images``.
        labels: for this image.
        name: what the chips call it.
        held_out: its chips are the test part.
    """

    scenes: SceneDataset
    position: int
    labels: LabelSource
    name: str
    held_out: bool

    @property
    def grid(self) -> Grid:
        """Return the grid of the image."""
        return self.scenes.images[self.position].grid

    @property
    def time(self) -> object:
        """Return when the image was taken; comparable."""
        return self.scenes.images[self.position].time

    def chip_grid(self, window: Window, angle: float) -> Grid:
        """Return the grid of a chip."""
        return turned_grid(self.grid, window, angle) if angle else self.grid[window]

    def label(self, window: Window, angle: float) -> NDArray[np.uint8]:
        """Return the label of a chip without looking at the image."""
        return self.labels.burn(self.chip_grid(window, angle))

    def chip(self, window: Window, angle: float) -> ChipPixels:
        """Return a chip: image as it is, or bilinear where turned; label from its very source."""
        grid = self.chip_grid(window, angle)
        label = self.labels.burn(grid)
        pixels, valid = self._turned(grid, window, angle) if angle else self._straight(window)
        label[~valid] = NODATA
        return ChipPixels(pixels, valid, label, grid)

    def _straight(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        pixels, valid = self.scenes.read(self.position, window)
        inside = window.intersect(self.grid.window)
        if inside == window or inside is None:
            return pixels, valid
        # Mirrored pixels are context for a tile, and no ground truth for a chip.
        real = np.zeros(window.shape, bool)
        real[inside.shift(-window.row, -window.col).slices] = True
        return pixels, valid & real

    def _turned(
        self, target: Grid, window: Window, angle: float
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        around = window_around(window, angle).intersect(self.grid.window)
        if around is None:
            raise ValueError(f"{window} lies outside the image")
        pixels, valid = self.scenes.read(self.position, around)
        return sample_bilinear(pixels, valid, self.grid[around], target)
