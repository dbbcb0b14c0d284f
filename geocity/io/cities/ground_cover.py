"""What is on the ground under a patch: from class rasters or from polygons."""

import logging
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pyproj
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from geocity.core.burn import burn
from geocity.core.cities.salience import UNKNOWN
from geocity.core.classes import Color, default_color
from geocity.core.grid import Grid, same_crs
from geocity.core.label_classes import key_of
from geocity.core.reproject import reproject_outlines
from geocity.errors import InputError
from geocity.io.class_rasters import open_class_raster
from geocity.io.datasets import open_dataset
from geocity.io.staging import PathLike
from geocity.io.valid_pixels import ValidPixels
from geocity.io.vectors import read_polygons

logger = logging.getLogger(__name__)

ELSEWHERE = "other ground"
"""What lies in none of the polygons."""

_MOST_CLASSES = 100


class GroundCover(Protocol):
    """Classes of ground that can be laid under any grid."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the classes, by position."""

    @property
    def colors(self) -> tuple[Color, ...]:
        """Return their colours."""

    def read(self, grid: Grid) -> NDArray[np.uint8]:
        """Return the position of the class of every pixel, 255 where nothing is known."""


class RasterCover:
    """Classes of one or several class rasters, each in its own CRS; the first that knows wins.

    A pixel takes the class at its centre, so that no class is favoured.

    Args:
        paths: class rasters; classes of the same name are one.
    """

    def __init__(self, paths: Sequence[PathLike]) -> None:
        self._paths = [str(path) for path in paths]
        self._tables: list[NDArray[np.uint8]] = []
        names: list[str] = []
        colors: list[Color] = []
        for path in self._paths:
            with open_class_raster(path) as raster:
                classes = raster.classes
            table = np.full(UNKNOWN + 1, UNKNOWN, np.uint8)
            for land_class in classes:
                if land_class.name not in names:
                    names.append(land_class.name)
                    colors.append(land_class.color)
                table[land_class.value] = names.index(land_class.name)
            self._tables.append(table)
        self.names, self.colors = tuple(names), tuple(colors)

    def read(self, grid: Grid) -> NDArray[np.uint8]:
        """Return the position of the class of every pixel, 255 where nothing is known."""
        result = np.full(grid.shape, UNKNOWN, np.uint8)
        for path, table in zip(self._paths, self._tables, strict=True):
            missing = result == UNKNOWN
            if not missing.any():
                break
            result[missing] = table[_warped(path, grid)][missing]
        return result


def _warped(path: str, grid: Grid) -> NDArray[np.uint8]:
    """Return a raster's values on a grid, 255 outside of it."""
    with (
        open_dataset(path) as source,
        WarpedVRT(
            source,
            crs=rasterio.CRS.from_wkt(grid.crs.to_wkt()),
            transform=grid.transform,
            height=grid.shape[0],
            width=grid.shape[1],
            resampling=Resampling.nearest,
            # Beyond the raster there is nothing: alpha says so where nodata cannot.
            add_alpha=source.nodata is None,
        ) as view,
    ):
        values = view.read(1)
        valid = ValidPixels(view, [1]).read([1], grid.shape, Window(0, 0, view.width, view.height))
        known = valid & (values >= 0) & (values < UNKNOWN)
    return np.where(known, values, UNKNOWN).astype(np.uint8)


class PolygonCover:
    """Classes of a polygon layer; what lies in no polygon is "other ground".

    Args:
        path: the layer.
        class_field: holds the class; without one every polygon is of one class, "inside".
    """

    def __init__(self, path: PathLike, class_field: str | None = None) -> None:
        frame = read_polygons(path)
        if class_field is None:
            keys = ["inside"] * len(frame)
        elif class_field not in frame.columns:
            fields = ", ".join(str(c) for c in frame.columns if c != frame.geometry.name)
            raise InputError(
                f"{path} has no field {class_field!r}; name one of {fields} (--class-field)."
            )
        else:
            keys = [key_of(value, class_field) for value in frame[class_field]]
        kinds = sorted(set(keys))
        if len(kinds) > _MOST_CLASSES:
            raise InputError(
                f"The field {class_field!r} of {path} holds {len(kinds)} different values; name "
                f"one with at most {_MOST_CLASSES} kinds of ground (--class-field)."
            )
        self.names = (ELSEWHERE, *kinds)
        self.colors = tuple(default_color(0 if i == 0 else i + 1) for i in range(len(self.names)))
        self._values = np.array([kinds.index(key) + 1 for key in keys])
        self._frame = frame
        self._placed: tuple[pyproj.CRS, NDArray[np.object_], shapely.STRtree] | None = None

    def read(self, grid: Grid) -> NDArray[np.uint8]:
        """Return the position of the class of every pixel."""
        shapes, tree = self._in_crs(grid.crs)
        met = np.sort(tree.query(grid.polygon()))
        return burn(list(shapes[met]), self._values[met].tolist(), grid)

    def _in_crs(self, crs: pyproj.CRS) -> tuple[NDArray[np.object_], shapely.STRtree]:
        if self._placed is None or not same_crs(self._placed[0], crs):
            frame = reproject_outlines(self._frame, crs)
            shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
            self._placed = (crs, shapes, shapely.STRtree(shapes))
        return self._placed[1:]
