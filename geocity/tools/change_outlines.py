"""The change between polygon layers: the overlay half of `geocity.tools.change`."""

import datetime
import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geocity.core.equal_area import turned
from geocity.core.outline_cells import outline_grid, outline_reader
from geocity.core.outline_change import (
    OutlineChange,
    areal,
    by_class,
    compare_outlines,
    overlaps_of,
    overlay_matrix,
    owners,
    parts_of,
)
from geocity.core.outline_plane import true_areas, working_plane
from geocity.core.settlement_history import DatedSettlements, identities_of, settlement_history
from geocity.core.slum_classes import choose_slum_class
from geocity.errors import ClassTableError, InputError, NoOverlapError
from geocity.io.change_batches import change_batch, common_area_batch, gone_batch, settlement_batch
from geocity.io.change_inputs import DatedMap
from geocity.io.change_layers import ChangeLayers, ChangePair
from geocity.io.image_shifts import MeasuredShift, measure_shifts
from geocity.io.label_layers import read_area
from geocity.io.layer_checks import refuse_no_crs
from geocity.io.vector_layers import Batch
from geocity.io.vectors import read_polygons
from geocity.tools.change_options import ChangeOptions

logger = logging.getLogger(__name__)

Polygons = NDArray[np.object_]

_BACKGROUND, _SLUM = "background", "slum"
_CLASS_FIELD = "class"
_KINDS = ("growth", "loss", "persistent")


@dataclass(frozen=True, slots=True, eq=False)
class _Outlines:
    """The outlines of one date."""

    title: str
    polygons: Polygons
    names: tuple[str, ...]


class OutlineComparison:
    """Polygon layers compared, ready to be written.

    The overlay is exact, in the CRS of the first layer where that is true to distance, else in the
    UTM zone; results come in the CRS of the first layer.

    Args:
        maps: the layers, from the oldest to the newest.
        options: how they are compared.
    """

    def __init__(self, maps: Sequence[DatedMap], options: ChangeOptions) -> None:
        self._dates = [each.date for each in maps]
        self._options = options
        frames = [_read(each) for each in maps]
        self.crs = pyproj.CRS(frames[0].crs)
        self._plane = _plane(frames)
        self._measure = true_areas(self._plane)
        outlines = [
            _outlines(each, frame, self._plane) for each, frame in zip(maps, frames, strict=True)
        ]
        self._area = self._common_area(outlines)
        self._classes = [
            by_class(date.names, date.polygons, self._area)
            if len(date.polygons)
            else dict[str, BaseGeometry]()
            for date in outlines
        ]
        names = sorted({name for date in outlines for name in date.names} - {_BACKGROUND})
        self._slum = self._slum_name(names or [_SLUM])
        self._names = names or [self._slum]
        self._slums = [classes.get(self._slum, shapely.Polygon()) for classes in self._classes]
        self._settlements = [parts_of(slum) for slum in self._slums]
        self._changes = [
            compare_outlines(
                before,
                after,
                tolerance_m=options.tolerance_m,
                min_area_m2=options.min_area_m2,
                measure=self._measure,
            )
            for before, after in itertools.pairwise(self._slums)
        ]
        self._history = settlement_history(
            [self._measure(parts) for parts in self._settlements],
            [overlaps_of(*pair, self._measure) for pair in itertools.pairwise(self._settlements)],
            options.history,
        )

    def _slum_name(self, names: Sequence[str]) -> str:
        values = dict(enumerate(names, start=1))
        try:
            return values[choose_slum_class(values, self._options.slum_class)]
        except ValueError as error:
            raise ClassTableError(
                f"The layers have {error}; say which class to follow (--slum-class)."
            ) from error

    def _common_area(self, outlines: Sequence[_Outlines]) -> BaseGeometry:
        """Return the ground that counts, in the plane of the overlay."""
        if self._options.area is not None:
            area = read_area(self._options.area, self._plane)
            for date in outlines:
                if len(date.polygons) and not shapely.intersects(area, date.polygons).any():
                    raise NoOverlapError(
                        f"{date.title} has no outline in {self._options.area}; give the area that "
                        "was imaged on all dates."
                    )
            return areal(area)
        boxes = [shapely.box(*shapely.total_bounds(o.polygons)) for o in outlines if len(o.names)]
        for (one, box), (other, next_box) in itertools.pairwise(
            zip([o for o in outlines if len(o.names)], boxes, strict=True)
        ):
            if not shapely.intersects(box, next_box):
                raise NoOverlapError(
                    f"The outlines of {one.title} and {other.title} lie apart; name maps of the "
                    "same ground, or say what was imaged (--area)."
                )
        logger.warning(
            "The layers do not say what ground was imaged: the rectangle around all outlines is "
            "taken as seen on every date. Give the imaged area for exact shares (--area)."
        )
        return shapely.box(*shapely.total_bounds(np.array(boxes, dtype=object)))

    def figures(self) -> list[ChangePair]:
        """Return the figures of each pair of dates."""
        shifts: Sequence[MeasuredShift | None] = [None] * len(self._changes)
        if self._options.estimate_shift:
            shifts = self._shifts()
        pairs = itertools.pairwise(zip(self._dates, self._classes, strict=True))
        return [
            self._figures(former, latter, change, shift)
            for (former, latter), change, shift in zip(pairs, self._changes, shifts, strict=True)
        ]

    def _figures(
        self,
        former: tuple[datetime.date, Mapping[str, Any]],
        latter: tuple[datetime.date, Mapping[str, Any]],
        change: OutlineChange,
        shift: MeasuredShift | None,
    ) -> ChangePair:
        return ChangePair(
            from_date=former[0],
            to_date=latter[0],
            slum=self._slum,
            matrix=overlay_matrix(
                former[1], latter[1], self._area, self._names, _BACKGROUND, self._measure
            ),
            growth_m2=float(self._measure(change.growth).sum()),
            loss_m2=float(self._measure(change.loss).sum()),
            absorbed_growth_m2=change.absorbed_growth_m2,
            absorbed_loss_m2=change.absorbed_loss_m2,
            grid={"crs": self._plane.to_string(), "how": "exact overlay of outlines"},
            shift_m=shift.shift_m if shift else None,
            shift_score=shift.score if shift else None,
        )

    def _shifts(self) -> list[MeasuredShift | None]:
        grid = outline_grid(self._area, self._plane)
        readers = [outline_reader(parts, grid) for parts in self._settlements]
        options = self._options
        return measure_shifts(grid, grid.cell_size, readers, options.imagery, options.tolerance_m)

    def layers(self, figures: Sequence[ChangePair], step: str) -> ChangeLayers:
        """Return the layers to write."""
        batches: dict[str, Iterable[Batch]] = {kind: self._change_batches(kind) for kind in _KINDS}
        batches["settlements"] = self._settlement_batches()
        batches["common_area"] = self._common_area_batches(figures)
        return ChangeLayers(self.crs, batches, figures, False, (step,))

    def _change_batches(self, kind: str) -> Iterator[Batch]:
        states = zip(self._dates, self._settlements, self._history, strict=True)
        for change, (former, latter) in zip(self._changes, itertools.pairwise(states), strict=True):
            pieces: Polygons = getattr(change, kind)
            before, after = owners(pieces, former[1]), owners(pieces, latter[1])
            # Growth touches what was there, loss what is left: only where it lies in counts.
            before, after = (
                np.full(len(pieces), -1) if kind == "growth" else before,
                np.full(len(pieces), -1) if kind == "loss" else after,
            )
            identities = identities_of(before, after, former[2], latter[2])
            dates = former[0], latter[0]
            yield change_batch(kind, self._on_map(pieces), self._measure(pieces), dates, identities)

    def _settlement_batches(self) -> Iterator[Batch]:
        former: tuple[Polygons, DatedSettlements] | None = None
        for date, parts, settlements in zip(
            self._dates, self._settlements, self._history, strict=True
        ):
            yield settlement_batch(self._on_map(parts), np.arange(len(parts)), settlements, date)
            if former is not None:
                gone = settlements.gone
                outlines = self._on_map(former[0][gone])
                yield gone_batch(outlines, gone, former[1], date, with_pixels=False)
            former = parts, settlements

    def _common_area_batches(self, figures: Sequence[ChangePair]) -> Iterator[Batch]:
        whole = shapely.MultiPolygon(self._on_map(parts_of(self._area)).tolist())
        for pair in figures:
            dates = pair.from_date, pair.to_date
            yield common_area_batch(whole, dates, pair.matrix.total_m2)

    def _on_map(self, polygons: Polygons) -> Polygons:
        if not len(polygons) or self._plane == self.crs:
            return polygons
        back = turned(polygons, self._plane, self.crs)
        # Corners move by a hair: a very thin piece may then cross itself.
        return np.array([_whole(each) for each in back], dtype=object)


def _read(each: DatedMap) -> geopandas.GeoDataFrame:
    """Read a layer; one with a CRS and no feature means that there was nothing."""
    if each.path.suffix.lower() not in (".parquet", ".geoparquet"):
        about = pyogrio.read_info(each.path, layer=each.layer, force_feature_count=True)
        if about["features"] == 0:
            refuse_no_crs(each.path, about["crs"])
            logger.warning("%s has no outline: there was no slum on %s.", each.title, each.date)
            return geopandas.GeoDataFrame(geometry=[], crs=about["crs"])
    return read_polygons(each.path, layer=each.layer)


def _plane(frames: Sequence[geopandas.GeoDataFrame]) -> pyproj.CRS:
    """Return the plane for all layers together, that of the first one where it can be."""
    frame = next((frame for frame in frames if len(frame)), None)
    if frame is None:
        raise InputError("No layer has an outline: there is nothing to compare; check the layers.")
    if frame is not frames[0]:
        frame = frame.to_crs(pyproj.CRS(frames[0].crs))
    try:
        return working_plane(frame)
    except ValueError as error:
        raise InputError(
            f"The outlines cannot be measured: {error}; assign the right CRS to the layers."
        ) from error


def _whole(polygon: shapely.Polygon) -> shapely.Polygon:
    """Return a valid polygon: the largest part where one came apart."""
    if polygon.is_valid:
        return polygon
    largest: shapely.Polygon = max(parts_of(shapely.make_valid(polygon)), key=shapely.area)
    return largest


def _outlines(each: DatedMap, frame: geopandas.GeoDataFrame, plane: pyproj.CRS) -> _Outlines:
    own = pyproj.CRS(frame.crs)
    if own != plane and (own.geodetic_crs is None) != (plane.geodetic_crs is None):
        raise InputError(
            f"{each.title} is in {own.name}, which nothing relates to the Earth as the other "
            "layers are; assign the right CRS to it."
        )
    polygons = np.asarray(frame.geometry.array, dtype=object)
    if len(polygons) and own != plane:
        polygons = turned(polygons, own, plane)
    names = [_SLUM] * len(frame)
    if _CLASS_FIELD in frame.columns:
        names = [str(name) for name in frame[_CLASS_FIELD]]
    return _Outlines(each.title, shapely.make_valid(polygons), tuple(names))
