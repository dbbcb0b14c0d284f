"""Rasters as outlines: where a class lies, and where there is any imagery. Read as a stream."""

import datetime
from dataclasses import dataclass

import numpy as np
import pyproj
from numpy.typing import NDArray

from geocity.core.classes import NODATA
from geocity.core.grid import Grid, Window
from geocity.core.progress import Progress
from geocity.core.seams import PolygonTracer
from geocity.core.slum_classes import choose_slum_class
from geocity.core.traced_polygons import TracedPolygons
from geocity.errors import ClassTableError
from geocity.io.class_rasters import open_class_raster
from geocity.io.class_strips import class_strips
from geocity.io.gdal_cache import cache_bytes, class_cache_bytes, limited_cache
from geocity.io.image_dates import parse_date
from geocity.io.rasters import open_scene
from geocity.io.staging import PathLike

Geometries = NDArray[np.object_]

_STRIP_ROWS = 512
_SEEN = 1


@dataclass(frozen=True, slots=True, eq=False)
class TracedRaster:
    """Outlines along pixel edges.

    Attributes:
        crs: of the outlines.
        outlines: of the patches of the class that was asked for, 4-connected.
        valid: of the ground that the raster shows.
        date: of the image, where the raster says so.
    """

    crs: pyproj.CRS
    outlines: Geometries
    valid: Geometries
    date: datetime.date | None


def trace_class(path: PathLike, wanted: str | None, progress: Progress) -> TracedRaster:
    """Outline the slums of a class raster and the ground that it knows.

    Args:
        path: the class raster.
        wanted: name or value of the class; None: the one that means slum.
        progress: told of the rows done.

    Raises:
        InputError: if the raster cannot be read.
        ClassTableError: if it does not show which class is meant.
    """
    with open_class_raster(path) as source, limited_cache(class_cache_bytes(source.grid.shape[1])):
        names = {c.value: c.name for c in source.classes}
        try:
            value = choose_slum_class(names, wanted)
        except ValueError as error:
            raise ClassTableError(
                f"{path} has {error}; say which class is slum (--slum-class)."
            ) from error
        slums = _Outliner(source.grid, value)
        valid = _Outliner(source.grid, _SEEN)
        for values, _ in class_strips(source, None, {}, progress, f"Reading {source.path.name}"):
            slums.add(values)
            valid.add(np.where(values == NODATA, np.uint8(NODATA), np.uint8(_SEEN)))
        date = parse_date(source.tags.get("ACQUISITION_DATE", "")) or parse_date(source.path.name)
        return TracedRaster(source.grid.crs, slums.finish(), valid.finish(), date)


def trace_valid(path: PathLike, progress: Progress) -> TracedRaster:
    """Outline the ground that a raster of imagery shows: its valid pixels.

    Args:
        path: anything that `open_scene` opens.
        progress: told of the rows done.

    Raises:
        InputError: if the raster cannot be read.
    """
    with open_scene(path) as scene, limited_cache(cache_bytes(scene, _STRIP_ROWS)):
        rows, cols = scene.grid.shape
        valid = _Outliner(scene.grid, _SEEN)
        for row in range(0, rows, _STRIP_ROWS):
            window = Window(row, 0, min(_STRIP_ROWS, rows - row), cols)
            seen = scene.read(window)[1]
            valid.add(np.where(seen, np.uint8(_SEEN), np.uint8(NODATA)))
            progress(window.row_end, rows, f"Reading {scene.path.name}")
        return TracedRaster(scene.grid.crs, np.empty(0, object), valid.finish(), scene.date)


class _Outliner:
    """Collects the outlines of one class from strips."""

    def __init__(self, grid: Grid, value: int) -> None:
        self._grid = grid
        self._tracer = PolygonTracer(grid.shape[1], (value,), with_probability=False)
        self._found: list[Geometries] = []

    def add(self, values: NDArray[np.uint8]) -> None:
        self._keep(self._tracer.feed(values, None))

    def finish(self) -> Geometries:
        self._keep(self._tracer.finish())
        return np.concatenate([np.empty(0, object), *self._found])

    def _keep(self, traced: TracedPolygons) -> None:
        if len(traced):
            self._found.append(traced.outlines().geometries(self._grid.transform))


def is_raster(path: PathLike) -> bool:
    """Tell whether a name is that of a raster by its suffix; vector layers have others."""
    suffixes = (".tif", ".tiff", ".vrt", ".img", ".jp2", ".png")
    return str(path).lower().endswith(suffixes)
