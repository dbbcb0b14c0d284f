"""Comparing outlines in parts, the first two rounds: layers are read, and put into one plane.

The number of a feature is its place among all features of all dates. A slice of a layer is read,
mended and kept; once all of them are, the plane is known, and each is turned into it.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geocity.core.equal_area import reproject_polygons
from geocity.core.grid import Window
from geocity.core.progress import Progress
from geocity.engine.plan import Part
from geocity.engine.store import PartStore
from geocity.io.feature_tables import FeatureTable
from geocity.io.outline_slices import read_slice
from geocity.io.outline_tables import outline_table, polygons_of

OUTLINES = "outlines.arrow"
"""What the outlines of a part are called in their stores."""

SLICE_FEATURES = 20_000
"""Features that a task reads: some ten megabytes of outlines."""

EDGES = ("left", "bottom", "right", "top")
"""Columns with the box of each outline."""

CLASS = "class"
SLUM = "slum"
"""The field that says the class of an outline, and what it is without one."""


@dataclass(frozen=True, slots=True)
class OutlineLayer:
    """A layer to read.

    Attributes:
        path: the file, from wherever one works.
        layer: which of its layers.
        features: how many it has.
        crs: of its coordinates.
    """

    path: Path
    layer: str | None
    features: int
    crs: pyproj.CRS


def plan_slices(layers: Sequence[OutlineLayer], side: int = SLICE_FEATURES) -> tuple[Part, ...]:
    """Return the slices of all layers as parts: the row is the layer; the window, features."""
    slices = [
        Window(number, first, 1, min(side, layer.features - first))
        for number, layer in enumerate(layers)
        for first in range(0, layer.features, side)
    ]
    return tuple(
        Part(index, window.row, window.col // side, window) for index, window in enumerate(slices)
    )


@dataclass(frozen=True, slots=True)
class ReadOutlines:
    """The first round.

    Attributes:
        layers: one a date.
    """

    layers: tuple[OutlineLayer, ...]

    @property
    def stage(self) -> str:
        """Return what the work is called."""
        return "read"

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Read slices and save each."""
        for done, part in enumerate(span):
            hear(done, len(span), self.stage)
            layer, window = self.layers[part.row], part.window
            rows = range(window.col, window.col_end)
            found = read_slice(layer.path, layer.layer, rows, CLASS)
            told = found.names if found.names is not None else (SLUM,) * len(found.polygons)
            names = sorted(set(told))
            codes = np.searchsorted(names, told) if names else np.empty(0, np.int64)
            table = outline_table(found.polygons, {"code": codes.astype(np.int64)})
            facts = {
                "names": names,
                "mending": asdict(found.mending),
                "bounds": _bounds(found.polygons),
            }
            store.save(part, {OUTLINES: table.write}, facts)
            yield part


@dataclass(frozen=True, slots=True)
class PlaceOutlines:
    """The second round.

    Attributes:
        read: where the first round has left its parts.
        layers: one a date.
        plane: to work in.
        names: of the classes of all layers, in order.
        area: file with the ground that counts, as WKB in the plane, if it was given.
    """

    read: PartStore
    layers: tuple[OutlineLayer, ...]
    plane: pyproj.CRS
    names: tuple[str, ...]
    area: Path | None

    @property
    def stage(self) -> str:
        """Return what the work is called."""
        return "place"

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Turn slices into the plane and save each."""
        area = load_geometry(self.area) if self.area is not None else None
        shapely.prepare(area)
        for done, part in enumerate(span):
            hear(done, len(span), self.stage)
            table = FeatureTable.read(self.read.path(part, OUTLINES))
            polygons, own = polygons_of(table.wkb), self.layers[part.row].crs
            if len(polygons) and own != self.plane:
                polygons = reproject_polygons(polygons, own, self.plane)
            polygons = np.asarray(shapely.make_valid(polygons), dtype=object)
            known = [self.names.index(name) for name in self.read.facts(part)["names"]]
            columns = {"code": np.array(known, np.int64)[table.columns["code"]]}
            columns |= dict(zip(EDGES, shapely.bounds(polygons).reshape(-1, 4).T, strict=True))
            facts = {
                "bounds": _bounds(polygons),
                "meets": area is None or bool(shapely.intersects(area, polygons).any()),
            }
            store.save(part, {OUTLINES: outline_table(polygons, columns).write}, facts)
            yield part


def _bounds(polygons: NDArray[np.object_]) -> list[float] | None:
    return shapely.total_bounds(polygons).tolist() if len(polygons) else None


def save_geometry(store: PartStore, place: Part, name: str, geometry: BaseGeometry) -> Path:
    """Keep a geometry for those who work; return the file."""
    write = functools.partial(_write_bytes, content=shapely.to_wkb(geometry))
    store.save(place, {name: write})
    return store.path(place, name)


def load_geometry(path: Path) -> BaseGeometry:
    """Return a geometry that `save_geometry` has kept."""
    geometry: BaseGeometry = shapely.from_wkb(path.read_bytes())
    return geometry


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)
