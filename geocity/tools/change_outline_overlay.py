"""Comparing outlines in parts, the third round: the overlay, cell by cell of the plane.

A task takes the groups that belong to its cell (`geocity.core.outline_groups`) and compares them as
if nothing else existed: what they become hangs on nothing else, so no outline is cut, and all cells
together give what one overlay of everything would. Only areas by class are summed up over ground
that is cut at the edges of cells, where there are several classes: a map of all land use is one
group from end to end, and areas of pieces add up.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geocity.core.equal_area import reproject_polygons
from geocity.core.grid import Bounds
from geocity.core.outline_change import (
    OutlineChange,
    by_class,
    compare_outlines,
    overlaps_of,
    overlay_matrix,
    owners,
    parts_of,
)
from geocity.core.outline_plane import Measure, true_areas
from geocity.core.progress import Progress
from geocity.engine.plan import Part
from geocity.engine.store import PartStore
from geocity.io.feature_tables import FeatureTable
from geocity.io.outline_tables import outline_table
from geocity.tools.change_outline_index import OutlineIndex, PlacedOutlines
from geocity.tools.change_outline_reading import EDGES, load_geometry

Numbers = NDArray[np.int64]
Polygons = NDArray[np.object_]

KINDS = ("growth", "loss", "persistent")
"""The layers of pieces of change."""

CHANGE = "change.arrow"
"""What the outlines of a cell, of all layers, are called in their store."""


def layer_number(dates: int, pair: int, kind: str) -> int:
    """Return which layer of a cell holds one kind of change; the first ones are the dates."""
    return dates + pair * len(KINDS) + KINDS.index(kind)


@dataclass(frozen=True, slots=True)
class OutlineRules:
    """How outlines are compared.

    Attributes:
        names: of all classes, in order.
        slum: the one that is followed.
        background: the class that counts as none.
        tolerance_m: how far edges may move.
        min_area_m2: smallest patch of growth or loss that counts.
    """

    names: tuple[str, ...]
    slum: str
    background: str
    tolerance_m: float
    min_area_m2: float

    @property
    def counted(self) -> list[str]:
        """Return the classes of the matrix, but for background."""
        return [name for name in self.names if name != self.background] or [self.slum]


@dataclass(frozen=True, slots=True)
class OverlayOutlines:
    """The third round.

    Attributes:
        placed: the outlines.
        squares: bounds of each cell.
        area: file with the ground that counts.
        dates: how many there are.
        rules: what counts as change.
        plane: that the outlines are in.
        crs: that the results come in.
    """

    placed: PlacedOutlines
    squares: tuple[Bounds, ...]
    area: Path
    dates: int
    rules: OutlineRules
    plane: pyproj.CRS
    crs: pyproj.CRS

    @property
    def stage(self) -> str:
        """Return what the work is called."""
        return "overlay"

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Overlay cells and save each."""
        index, area = self.placed.opened(), load_geometry(self.area)
        measure = true_areas(self.plane)
        shapely.prepare(area)
        for done, part in enumerate(span):
            hear(done, len(span), self.stage)
            slums = self._slums(index, part, area)
            table, overlaps, absorbed = self._compare(slums, measure)
            if len(self.rules.names) > 1:
                classes = self._all_classes(index, part, area)
            else:
                classes = [{self.rules.slum: slum} for slum in slums]
            facts = {
                "overlaps": overlaps,
                "absorbed_m2": absorbed,
                "matrix_m2": self._matrices(classes, measure),
            }
            store.save(part, {CHANGE: table.write}, facts)
            yield part

    def _slums(self, index: OutlineIndex, part: Part, area: BaseGeometry) -> list[Polygons]:
        """Return the slum of each group of a cell, by date."""
        rules, code = self.rules, self.rules.names.index(self.rules.slum)
        own = np.flatnonzero(index.table["cell"] == part.index)
        heads, groups = np.unique(index.table["group"][own], return_inverse=True)
        if code and len(own):
            # What comes before by name takes ground away, and is not changed itself.
            boxes = index.table["box"][own]
            near = index.meeting(_around(boxes))
            near = near[index.table["code"][near] < code]
            tree = shapely.STRtree(np.asarray(shapely.box(*boxes.T), dtype=object))
            met, by = tree.query(np.asarray(shapely.box(*index.table["box"][near].T), dtype=object))
            pairs = np.unique(np.stack([groups[by], near[met]]), axis=1)
            own, groups = np.append(own, pairs[1]), np.append(groups, pairs[0])
        dates, nothing = index.date_of(own), np.full(len(heads), shapely.Polygon(), dtype=object)
        names = np.array(rules.names, dtype=object)[index.table["code"][own]]
        polygons, found = index.polygons(own), []
        for date in range(self.dates):
            now = dates == date
            classes = by_class(names[now], polygons[now], area, groups[now], len(heads))
            found.append(classes.get(rules.slum, nothing))
        return found

    def _all_classes(
        self, index: OutlineIndex, part: Part, area: BaseGeometry
    ) -> list[dict[str, Polygons]]:
        """Return the ground of every class in a cell, by date."""
        met, square = (
            index.meeting(self.squares[part.index]),
            shapely.box(*self.squares[part.index]),
        )
        ground = shapely.intersection(area, square)
        polygons = np.asarray(shapely.intersection(index.polygons(met), square), dtype=object)
        dates = index.date_of(met)
        names = np.array(self.rules.names, dtype=object)[index.table["code"][met]]
        return [
            by_class(names[dates == date], polygons[dates == date], ground)
            for date in range(self.dates)
        ]

    def _matrices(
        self, classes: Sequence[dict[str, Polygons]], measure: Measure
    ) -> list[list[list[float]]]:
        nothing, names = shapely.Polygon(), self.rules.counted
        return [
            overlay_matrix(
                former, latter, nothing, names, self.rules.background, measure
            ).area_m2.tolist()
            for former, latter in itertools.pairwise(classes)
        ]

    def _compare(
        self, slums: Sequence[Polygons], measure: Measure
    ) -> tuple[FeatureTable, list[Any], list[list[float]]]:
        """Return the outlines of all layers, what settlements share, and what was absorbed."""
        rules, settlements = self.rules, [parts_of(slum) for slum in slums]
        layers = [_Layer(parts, measure(parts)) for parts in settlements]
        overlaps, absorbed = [], []
        for pair, (before, after) in enumerate(itertools.pairwise(slums)):
            change = compare_outlines(
                before,
                after,
                tolerance_m=rules.tolerance_m,
                min_area_m2=rules.min_area_m2,
                measure=measure,
            )
            layers += _pieces(change, settlements[pair], settlements[pair + 1], measure)
            absorbed.append([change.absorbed_growth_m2, change.absorbed_loss_m2])
            shared = overlaps_of(settlements[pair], settlements[pair + 1], measure)
            overlaps.append(
                [shared.before.tolist(), shared.after.tolist(), shared.area_m2.tolist()]
            )
        return self._table(layers), overlaps, absorbed

    def _table(self, layers: Sequence["_Layer"]) -> FeatureTable:
        polygons = np.concatenate([layer.polygons for layer in layers])
        sizes = [len(layer.polygons) for layer in layers]
        columns = {
            "layer": np.repeat(np.arange(len(layers)), sizes),
            "area_m2": np.concatenate([layer.area_m2 for layer in layers]),
            "before": np.concatenate([layer.before for layer in layers]),
            "after": np.concatenate([layer.after for layer in layers]),
        }
        columns |= dict(zip(EDGES, shapely.bounds(polygons).reshape(-1, 4).T, strict=True))
        return outline_table(on_map(polygons, self.plane, self.crs), columns)


class _Layer:
    """Outlines of one layer in a cell: of settlements, or of change with what they lie in."""

    def __init__(
        self,
        polygons: Polygons,
        area_m2: NDArray[np.float64],
        before: Numbers | None = None,
        after: Numbers | None = None,
    ) -> None:
        nowhere = np.full(len(polygons), -1, np.int64)
        self.polygons, self.area_m2 = polygons, area_m2
        self.before = nowhere if before is None else before
        self.after = nowhere if after is None else after


def _pieces(
    change: OutlineChange, former: Polygons, latter: Polygons, measure: Measure
) -> list[_Layer]:
    """Return the pieces of change of a pair of dates, by kind."""
    growth, loss, persistent = change.growth, change.loss, change.persistent
    # Growth touches what was there, loss what is left: only where it lies in counts.
    return [
        _Layer(growth, measure(growth), after=owners(growth, latter)),
        _Layer(loss, measure(loss), before=owners(loss, former)),
        _Layer(
            persistent, measure(persistent), owners(persistent, former), owners(persistent, latter)
        ),
    ]


def _around(boxes: NDArray[np.float64]) -> Bounds:
    (left, bottom), (right, top) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return float(left), float(bottom), float(right), float(top)


def on_map(polygons: Polygons, plane: pyproj.CRS, crs: pyproj.CRS) -> Polygons:
    """Return outlines of the plane in the CRS of the results, valid."""
    if not len(polygons) or plane == crs:
        return polygons
    # Corners move by a hair: a very thin piece may then cross itself.
    return np.array(
        [_whole(each) for each in reproject_polygons(polygons, plane, crs)], dtype=object
    )


def _whole(polygon: shapely.Polygon) -> shapely.Polygon:
    """Return a valid polygon: the largest part where one came apart."""
    if polygon.is_valid:
        return polygon
    largest: shapely.Polygon = max(parts_of(shapely.make_valid(polygon)), key=shapely.area)
    return largest
