"""The change between class rasters: the streaming half of `geocity.tools.change`."""

import contextlib
import datetime
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from geocity.core.change_cells import CHANGE_CLASSES, GROWTH, LOSS, PERSISTENT
from geocity.core.classes import NODATA
from geocity.core.grid import Window, blocks
from geocity.core.image_shift import ReadGrey
from geocity.core.patch_tables import PART_SHAPE, Read, patch_table
from geocity.core.progress import Progress
from geocity.core.raster_change import (
    ChangePatches,
    ChangeRules,
    ComparedCells,
    RasterDate,
    change_patches,
    compare_cells,
    final_codes,
    only_slum,
    traced,
)
from geocity.core.settlement_history import DatedSettlements, identities_of, settlement_history
from geocity.core.slum_classes import choose_slum_class
from geocity.errors import ClassTableError
from geocity.io.change_batches import change_batch, common_area_batch, gone_batch, settlement_batch
from geocity.io.change_layers import ChangeLayers, ChangePair
from geocity.io.class_rasters import create_class_raster
from geocity.io.history import history, with_step
from geocity.io.image_shifts import MeasuredShift, measure_shifts
from geocity.io.raster_dates import RasterDates
from geocity.io.scratch_rasters import ScratchRaster
from geocity.io.vector_layers import Batch
from geocity.tools.change_options import ChangeOptions

_KINDS = {"growth": GROWTH, "loss": LOSS, "persistent": PERSISTENT}
_COMMON = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A pair of dates compared."""

    cells: ComparedCells
    patches: ChangePatches
    codes: Read


class RasterComparison:
    """Class rasters compared, ready to be written. Use it in a ``with`` block.

    Args:
        paths: the class rasters, from the oldest to the newest.
        dates: when their images were taken.
        options: how they are compared.
        folder: on a disk with room for a byte a cell, date and pair.
        stack: keeps scratch files open until the results are written.
        progress: told how far each step is.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        dates: Sequence[datetime.date],
        options: ChangeOptions,
        folder: Path,
        stack: contextlib.ExitStack,
        progress: Progress,
    ) -> None:
        self._paths, self._dates, self._options = paths, dates, options
        self._progress, self._stack, self._folder = progress, stack, folder
        self._rasters = stack.enter_context(RasterDates(paths, options.area, folder, progress))
        self._shape = self._rasters.grid.shape
        self._rules = ChangeRules(self._slum(), options.tolerance_m, options.min_area_m2)
        self._slum_name = self._rasters.classes.by_value(self._rules.slum).name
        self._states = [self._state(index) for index in range(len(paths))]
        self._pairs = [self._compare(index) for index in range(len(paths) - 1)]
        self._history = settlement_history(
            [state.settlements.area_m2[1:] for state in self._states],
            [pair.cells.overlaps for pair in self._pairs],
            options.history,
        )

    def _slum(self) -> int:
        names = {c.value: c.name for c in self._rasters.classes}
        try:
            return choose_slum_class(names, self._options.slum_class)
        except ValueError as error:
            raise ClassTableError(
                f"The rasters have {error}; say which class to follow (--slum-class)."
            ) from error

    def _state(self, index: int) -> RasterDate:
        read = functools.partial(self._rasters.read, index)
        slum = only_slum(read, self._rules.slum)
        stage = f"settlements {self._dates[index]}"
        ground = self._rasters.ground
        table = patch_table(slum, self._shape, ground, progress=self._progress, stage=stage)
        return RasterDate(read, slum, table)

    def _compare(self, index: int) -> _Pair:
        former, latter = self._states[index : index + 2]
        ground, shape = self._rasters.ground, self._shape
        store = self._stack.enter_context(ScratchRaster(self._folder, shape))
        classes = self._rasters.classes
        cells = compare_cells(
            former, latter, store.write, shape, ground, classes, self._rules, self._progress
        )
        patches = change_patches(
            former, latter, store.read, shape, ground, self._rules, self._progress
        )
        final = self._stack.enter_context(ScratchRaster(self._folder, shape))
        for window in blocks(shape, PART_SHAPE):
            final.write(final_codes(store.read(window), window, patches), window)
        return _Pair(cells, patches, final.read)

    def figures(self) -> list[ChangePair]:
        """Return the figures of each pair of dates."""
        shifts: Sequence[MeasuredShift | None] = [None] * len(self._pairs)
        if self._options.estimate_shift:
            shifts = measure_shifts(
                self._rasters.grid,
                self._rasters.ground.cell_m,
                [_grey(state.slum) for state in self._states],
                self._options.imagery or _named_imagery(self._paths, self._rasters.tags),
                self._options.tolerance_m,
            )
        return [
            self._figures(index, pair, shift)
            for index, (pair, shift) in enumerate(zip(self._pairs, shifts, strict=True))
        ]

    def _figures(self, index: int, pair: _Pair, shift: MeasuredShift | None) -> ChangePair:
        cells, patches = pair.cells, pair.patches
        grid = self._rasters.grid
        return ChangePair(
            from_date=self._dates[index],
            to_date=self._dates[index + 1],
            slum=self._slum_name,
            matrix=cells.matrix,
            growth_m2=patches.area_m2(GROWTH),
            loss_m2=patches.area_m2(LOSS),
            absorbed_growth_m2=cells.absorbed_growth_m2 + patches.area_m2(GROWTH, kept=False),
            absorbed_loss_m2=cells.absorbed_loss_m2 + patches.area_m2(LOSS, kept=False),
            grid={
                "crs": grid.crs.to_string(),
                "cell_size_m": grid.cell_size_m,
                "rows": grid.shape[0],
                "cols": grid.shape[1],
                "transform": list(grid.transform[:6]),
                "cells_of": self._rasters.reference.name,
            },
            shift_m=shift.shift_m if shift else None,
            shift_score=shift.score if shift else None,
        )

    def layers(self, figures: Sequence[ChangePair], step: str) -> ChangeLayers:
        """Return the layers to write; they are traced while they are written."""
        batches: dict[str, Iterable[Batch]] = {kind: self._change_batches(kind) for kind in _KINDS}
        batches["settlements"] = self._settlement_batches()
        batches["common_area"] = self._common_area_batches()
        told = [line for tags in self._rasters.tags for line in history(tags)]
        steps = (*dict.fromkeys(told), step)
        return ChangeLayers(self._rasters.grid.crs, batches, figures, True, steps)

    def write_rasters(self, outs: Sequence[Path], step: str, *, overwrite: bool) -> None:
        """Write the change raster of each pair."""
        for out, pair, dates in zip(
            outs, self._pairs, itertools.pairwise(self._dates), strict=True
        ):
            tags = with_step(self._rasters.tags[-1], step)
            tags = {key: value for key, value in tags.items() if key in _KEPT_TAGS}
            tags |= {"FROM_DATE": dates[0].isoformat(), "TO_DATE": dates[1].isoformat()}
            with create_class_raster(
                out, self._rasters.grid, CHANGE_CLASSES, overwrite=overwrite, tags=tags
            ) as sink:
                for window in blocks(self._shape, PART_SHAPE):
                    sink.write(pair.codes(window), window)

    def _change_batches(self, kind: str) -> Iterator[Batch]:
        transform = self._rasters.grid.transform
        dates = itertools.pairwise(self._dates)
        for pair, (former, latter), when in zip(
            self._pairs, itertools.pairwise(self._history), dates, strict=True
        ):
            table = pair.patches.table
            for polygons in traced(pair.codes, self._shape, _KINDS[kind]):
                if not len(polygons):
                    continue
                patches = table.of_polygons(polygons)
                before, after = pair.patches.before[patches], pair.patches.after[patches]
                identities = identities_of(before, after, former, latter)
                outlines = polygons.outlines().geometries(transform)
                yield change_batch(kind, outlines, table.area_m2[patches], when, identities)

    def _settlement_batches(self) -> Iterator[Batch]:
        for index, date in enumerate(self._dates):
            yield from self._settlements_on(index, self._history[index], date)
            if index:
                yield from self._gone_on(index, date)

    def _settlements_on(
        self, index: int, settlements: DatedSettlements, date: datetime.date
    ) -> Iterator[Batch]:
        state, transform = self._states[index], self._rasters.grid.transform
        for polygons in traced(state.slum, self._shape, _COMMON):
            if len(polygons):
                places = state.settlements.of_polygons(polygons) - 1
                outlines = polygons.outlines().geometries(transform)
                yield settlement_batch(outlines, places, settlements, date, polygons.n_px)

    def _gone_on(self, index: int, date: datetime.date) -> Iterator[Batch]:
        gone, former = self._history[index].gone, self._history[index - 1]
        state, transform = self._states[index - 1], self._rasters.grid.transform
        if not len(gone):
            return
        for polygons in traced(state.slum, self._shape, _COMMON):
            places = state.settlements.of_polygons(polygons) - 1
            lost = np.isin(places, gone)
            if lost.any():
                outlines = polygons.take(lost).outlines().geometries(transform)
                yield gone_batch(outlines, places[lost], former, date, with_pixels=True)

    def _common_area_batches(self) -> Iterator[Batch]:
        def seen(window: Window) -> NDArray[np.uint8]:
            known = self._rasters.read(0, window) != NODATA
            return np.where(known, np.uint8(_COMMON), np.uint8(NODATA))

        transform = self._rasters.grid.transform
        parts = [
            polygon
            for polygons in traced(seen, self._shape, _COMMON)
            for polygon in polygons.outlines().geometries(transform)
        ]
        for dates in itertools.pairwise(self._dates):
            yield common_area_batch(shapely.MultiPolygon(parts), dates, self._rasters.common_m2)


_KEPT_TAGS = ("GEOCITY_HISTORY", "GEOCITY_MODEL", "GEOCITY_MODEL_SHA256", "GEOCITY_VERSION")


def _grey(slum: Read) -> ReadGrey:
    """Return a reader of slum as 1 and the rest as 0."""
    return lambda window: (slum(window) != NODATA).astype(np.float64)


def _named_imagery(paths: Sequence[Path], tags: Sequence[Mapping[str, str]]) -> tuple[Path, ...]:
    """Return the scenes that the rasters say they were made of, if all of them lie beside them."""
    scenes = [
        path.parent / told.get("GEOCITY_SOURCE", "") for path, told in zip(paths, tags, strict=True)
    ]
    return tuple(scenes) if all(scene.is_file() for scene in scenes) else ()
