"""The change between polygon layers: the overlay half of `geocity.tools.change`."""

import functools
import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geocity.core.change_matrix import ChangeMatrix
from geocity.core.equal_area import reproject_polygons
from geocity.core.grid import Bounds
from geocity.core.outline_cells import outline_grid, outline_reader
from geocity.core.outline_change import areal, measured, parts_of
from geocity.core.outline_plane import true_areas, working_plane
from geocity.core.settlement_history import settlement_history
from geocity.core.slum_classes import choose_slum_class
from geocity.engine.plan import Part
from geocity.engine.store import PartStore
from geocity.errors import ClassTableError, InputError, NoOverlapError
from geocity.io.change_inputs import DatedMap
from geocity.io.change_layers import ChangeLayers, ChangePair
from geocity.io.image_shifts import MeasuredShift, measure_shifts
from geocity.io.label_layers import read_area
from geocity.io.layer_checks import refuse_no_degrees
from geocity.io.outline_slices import layer_facts
from geocity.io.outline_tables import polygons_of
from geocity.io.usable_polygons import Mending
from geocity.tools.change_options import ChangeOptions
from geocity.tools.change_outline_joining import OrderedOutlines, joined_outlines
from geocity.tools.change_outline_layers import OverlaidChange
from geocity.tools.change_outline_overlay import OutlineRules, OverlayOutlines, on_map
from geocity.tools.change_outline_plan import plan_overlay
from geocity.tools.change_outline_reading import (
    SLUM,
    OutlineLayer,
    PlaceOutlines,
    ReadOutlines,
    plan_slices,
    save_geometry,
)
from geocity.tools.results_in_parts import Crew

logger = logging.getLogger(__name__)

_BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Around the outlines of each date; none where there is none."""

    boxes: tuple[Bounds | None, ...]

    @classmethod
    def of(cls, store: PartStore, slices: Sequence[Part], dates: int) -> "_Bounds":
        found: list[list[list[float]]] = [[] for _ in range(dates)]
        for part in slices:
            bounds = store.facts(part)["bounds"]
            found[part.row].extend([bounds] if bounds else [])
        return cls(tuple(_around(boxes) if boxes else None for boxes in found))

    @property
    def whole(self) -> Bounds:
        return _around([box for box in self.boxes if box is not None])


def _around(boxes: Sequence[Sequence[float]]) -> Bounds:
    left, bottom, right, top = zip(*boxes, strict=True)
    return min(left), min(bottom), max(right), max(top)


class OutlineComparison:
    """Polygon layers compared, ready to be written.

    The overlay is exact, in the CRS of the first layer where that is true to distance, else in the
    UTM zone; results come in the CRS of the first layer.

    Args:
        maps: the layers, from the oldest to the newest.
        options: how they are compared.
        crew: does the work, part by part.
    """

    def __init__(self, maps: Sequence[DatedMap], options: ChangeOptions, crew: Crew) -> None:
        self._maps, self._options, self._crew = maps, options, crew
        self._dates = tuple(each.date for each in maps)
        self._layers = tuple(_layer(each) for each in maps)
        self.crs = self._layers[0].crs
        slices = plan_slices(self._layers)
        if not slices:
            raise InputError(
                "No layer has an outline: there is nothing to compare; check the layers."
            )
        read = crew.run("read", ReadOutlines(self._layers), slices)
        self._plane = self._checked_plane(read, slices)
        self._rules = self._outline_rules(read, slices)
        placed = self._place(read, slices)
        store = crew.result.store("area")
        file = save_geometry(store, slices[0], "area.wkb", self._area)
        plan = plan_overlay(placed, slices, self._rules, crew.result.store("index"))
        self.parts = plan.parts
        job = OverlayOutlines(
            plan.placed, plan.squares, file, len(maps), self._rules, self._plane, self.crs
        )
        self.last_store = crew.run("overlay", job, self.parts)
        self._joined = joined_outlines(self.last_store, self.parts, len(maps))
        self._history = settlement_history(
            [parts.area_m2 for parts in self._joined.settlements],
            self._joined.overlaps,
            options.history,
        )

    def _checked_plane(self, read: PartStore, slices: Sequence[Part]) -> pyproj.CRS:
        """Say what was mended; return the plane for all layers together."""
        bounds = _Bounds.of(read, slices, len(self._maps))
        for row, (each, layer) in enumerate(zip(self._maps, self._layers, strict=True)):
            told = [read.facts(part)["mending"] for part in slices if part.row == row]
            if told:
                sum((Mending(**one) for one in told), Mending()).tell(each.path)
            box = bounds.boxes[row]
            if box is not None:
                refuse_no_degrees(each.path, box, layer.crs)
        box, layer = next(
            (box, layer)
            for box, layer in zip(bounds.boxes, self._layers, strict=True)
            if box is not None
        )
        frame = geopandas.GeoDataFrame(geometry=[shapely.box(*box)], crs=layer.crs)
        try:
            return working_plane(frame if layer.crs == self.crs else frame.to_crs(self.crs))
        except ValueError as error:
            raise InputError(
                f"The outlines cannot be measured: {error}; assign the right CRS to the layers."
            ) from error

    def _outline_rules(self, read: PartStore, slices: Sequence[Part]) -> OutlineRules:
        found = {name for part in slices for name in read.facts(part)["names"]}
        values = dict(enumerate(sorted(found - {_BACKGROUND}) or [SLUM], start=1))
        try:
            slum = values[choose_slum_class(values, self._options.slum_class)]
        except ValueError as error:
            raise ClassTableError(
                f"The layers have {error}; say which class to follow (--slum-class)."
            ) from error
        options = self._options
        names = tuple(sorted({*found, slum}))
        return OutlineRules(names, slum, _BACKGROUND, options.tolerance_m, options.min_area_m2)

    def _place(self, read: PartStore, slices: Sequence[Part]) -> PartStore:
        """Bring all outlines into the plane, and see what ground counts."""
        given, file = self._options.area, None
        if given is not None:
            (self._area,) = areal(np.array([read_area(given, self._plane)], dtype=object))
            store = self._crew.result.store("given area")
            file = save_geometry(store, slices[0], "area.wkb", self._area)
        job = PlaceOutlines(read, self._layers, self._plane, self._rules.names, file)
        store = self._crew.run("place", job, slices)
        bounds = _Bounds.of(store, slices, len(self._maps))
        if given is None:
            self._area = self._seen(bounds)
        for row, each in enumerate(self._maps):
            own = [part for part in slices if part.row == row]
            if own and not any(store.facts(part)["meets"] for part in own):
                raise NoOverlapError(
                    f"{each.title} has no outline in {given}; give the area that was imaged on "
                    "all dates."
                )
        return store

    def _seen(self, bounds: _Bounds) -> BaseGeometry:
        """Return the rectangle that is taken as seen on every date."""
        boxes = zip(self._maps, bounds.boxes, strict=True)
        filled = [(each, shapely.box(*box)) for each, box in boxes if box is not None]
        for (one, box), (other, next_box) in itertools.pairwise(filled):
            if not shapely.intersects(box, next_box):
                raise NoOverlapError(
                    f"The outlines of {one.title} and {other.title} lie apart; name maps of the "
                    "same ground, or say what was imaged (--area)."
                )
        logger.warning(
            "The layers do not say what ground was imaged: the rectangle around all outlines is "
            "taken as seen on every date. Give the imaged area for exact shares (--area)."
        )
        seen: BaseGeometry = shapely.box(*bounds.whole)
        return seen

    def figures(self) -> list[ChangePair]:
        """Return the figures of each pair of dates."""
        count = len(self._dates) - 1
        shifts: Sequence[MeasuredShift | None] = [None] * count
        if self._options.estimate_shift:
            shifts = self._shifts()
        area_m2 = measured(self._area, true_areas(self._plane))
        return [self._figures(pair, area_m2, shifts[pair]) for pair in range(count)]

    def _figures(self, pair: int, area_m2: float, shift: MeasuredShift | None) -> ChangePair:
        changes, table = self._joined.changes[pair], self._joined.matrix_m2[pair].copy()
        table[0, 0] = max(0.0, area_m2 - table.sum())
        growth_m2, loss_m2 = self._joined.absorbed_m2[pair].tolist()
        return ChangePair(
            from_date=self._dates[pair],
            to_date=self._dates[pair + 1],
            slum=self._rules.slum,
            matrix=ChangeMatrix((_BACKGROUND, *self._rules.counted), table),
            growth_m2=float(changes["growth"].area_m2.sum()),
            loss_m2=float(changes["loss"].area_m2.sum()),
            absorbed_growth_m2=growth_m2,
            absorbed_loss_m2=loss_m2,
            grid={"crs": self._plane.to_string(), "how": "exact overlay of outlines"},
            shift_m=shift.shift_m if shift else None,
            shift_score=shift.score if shift else None,
        )

    def _shifts(self) -> list[MeasuredShift | None]:
        grid = outline_grid(self._area, self._plane)
        readers = [
            outline_reader(functools.partial(self._within, parts), grid)
            for parts in self._joined.settlements
        ]
        options = self._options
        return measure_shifts(grid, grid.cell_size, readers, options.imagery, options.tolerance_m)

    def _within(self, outlines: OrderedOutlines, bounds: Bounds) -> NDArray[np.object_]:
        """Return the outlines that may meet a rectangle of the plane."""
        polygons = polygons_of(outlines.wkb(outlines.meeting(bounds)))
        if not len(polygons) or self._plane == self.crs:
            return polygons
        return reproject_polygons(polygons, self.crs, self._plane)

    def layers(self, figures: Sequence[ChangePair], step: str) -> ChangeLayers:
        """Return the layers to write."""
        ground = on_map(parts_of(self._area), self._plane, self.crs)
        whole = shapely.MultiPolygon(ground.tolist())
        found = OverlaidChange(self._dates, self._joined, tuple(self._history), whole)
        return ChangeLayers(self.crs, found.batches(figures), figures, False, (step,))


def _layer(each: DatedMap) -> OutlineLayer:
    """Look at a layer; one with a CRS and no feature means that there was nothing."""
    facts = layer_facts(each.path, each.layer)
    if not facts.features:
        logger.warning("%s has no outline: there was no slum on %s.", each.title, each.date)
    path = each.path.absolute() if each.path.exists() else each.path
    return OutlineLayer(Path(path), each.layer, facts.features, facts.crs)
