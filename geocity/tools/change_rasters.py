"""The change between class rasters: the half of `geocity.tools.change` that goes by parts."""

import contextlib
import datetime
import functools
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geocity.core.areas import GroundMeasure
from geocity.core.change_cells import CHANGE_CLASSES, GROWTH, LOSS
from geocity.core.grid import Window
from geocity.core.image_shift import ReadGrey
from geocity.core.raster_change import ChangeRules
from geocity.core.settlement_history import settlement_history
from geocity.core.slum_classes import choose_slum_class
from geocity.engine.finish import counts_of, pieces_of
from geocity.engine.plan import Part, plan_parts
from geocity.engine.store import PartStore
from geocity.errors import ClassTableError
from geocity.io.change_layers import ChangeLayers, ChangePair
from geocity.io.class_rasters import ClassRaster, open_class_raster
from geocity.io.gdal_cache import class_cache_bytes, limited_cache
from geocity.io.history import history, origin, with_step
from geocity.io.image_shifts import MeasuredShift, measure_shifts
from geocity.io.part_rasters import class_raster_of_parts, write_vrt
from geocity.io.raster_dates import DatesPlan, tell_common
from geocity.tools.change_joining import first_pieces, joined_surveys
from geocity.tools.change_options import ChangeOptions
from geocity.tools.change_parts import (
    CHANGE,
    ChangePainting,
    ChangeSurvey,
    OutlineJob,
    date_name,
)
from geocity.tools.change_raster_layers import KINDS, OutlinedBands, OutlinedChange, PaintedPair
from geocity.tools.clean_parts import decision_files, save_decision
from geocity.tools.polygon_bands import band_parts
from geocity.tools.results_in_parts import Crew


class RasterComparison:
    """Class rasters compared, ready to be written.

    Args:
        plan: the class rasters, from the oldest to the newest, and their common grid.
        dates: when their images were taken.
        options: how they are compared.
        crew: does the work, part by part.
    """

    def __init__(
        self,
        plan: DatesPlan,
        dates: Sequence[datetime.date],
        options: ChangeOptions,
        crew: Crew,
    ) -> None:
        self._plan, self._dates, self._options, self._crew = plan, dates, options, crew
        self._ground = GroundMeasure(plan.grid)
        rules = change_rules(plan, options)
        self._slum_name = plan.classes.by_value(rules.slum).name
        self._rules = rules
        self.parts = plan_parts(plan.grid.shape)
        self._bands = band_parts(plan.grid.shape)
        survey = crew.run("survey", ChangeSurvey(plan, rules), self.parts)
        found = joined_surveys(survey, self.parts, plan, rules)
        tell_common(plan, found.own_m2, found.common_m2)
        self._found = found
        self._seen = [self._show(survey, date_name(i)) for i in range(len(dates))]
        self._slums = [
            self._outlines(f"slums_{i}", path, (rules.slum,), f"settlements {dates[i]}")
            for i, path in enumerate(self._seen)
        ]
        self._common = self._outlines("common", self._seen[0], (), "common area")
        self._pairs = [self._paint(survey, i) for i in range(len(dates) - 1)]
        self._history = settlement_history(
            [table.area_m2[1:] for table in found.settlements],
            [pair.cells.overlaps for pair in self._pairs],
            options.history,
        )

    def _show(self, store: PartStore, name: str) -> Path:
        """Show the rasters of parts as one; return its path."""
        path = store.folder / f"whole_{Path(name).stem}.vrt"
        pieces = pieces_of(store, self.parts, name)
        write_vrt(path, pieces, self._plan.grid, 1, lambda _: None)
        return path

    def _outlines(
        self, name: str, raster: Path, values: tuple[int, ...], title: str
    ) -> OutlinedBands:
        job = OutlineJob(raster, self._plan.grid, values, title)
        return OutlinedBands(job, self._bands, self._crew.run(name, job, self._bands))

    def _paint(self, survey: PartStore, index: int) -> PaintedPair:
        """Make the change raster of a pair of dates, in parts, and trace it."""
        cells, patches = self._found.pairs[index]
        new = patches.classes_of_pieces()
        firsts = first_pieces(patches.table.patchwork, self.parts)
        decision, place = self._crew.result.store(f"kept_{index}"), Part(0, 0, 0, self._whole)
        save_decision(decision, place, new, firsts, {})
        files = decision_files(decision, place)
        job = ChangePainting(survey, index, *files)
        store = self._crew.run(f"change_{index}", job, self.parts)
        raster = self._show(store, CHANGE)
        kinds = tuple(sorted(KINDS.values()))
        return PaintedPair(
            cells, patches, store, self._outlines(f"outlines_{index}", raster, kinds, "change")
        )

    @property
    def _whole(self) -> Window:
        return self._plan.grid.window

    @property
    def last_store(self) -> PartStore:
        """Return where the parts of the last change raster are."""
        return self._pairs[-1].store

    def figures(self) -> list[ChangePair]:
        """Return the figures of each pair of dates."""
        shifts: Sequence[MeasuredShift | None] = [None] * len(self._pairs)
        if self._options.estimate_shift:
            with contextlib.ExitStack() as stack:
                shifts = measure_shifts(
                    self._plan.grid,
                    self._ground.cell_m,
                    self._grey(stack),
                    self._options.imagery or _named_imagery(self._plan.paths, self._plan.tags),
                    self._options.tolerance_m,
                )
        return [
            self._figures(index, pair, shift)
            for index, (pair, shift) in enumerate(zip(self._pairs, shifts, strict=True))
        ]

    def _figures(self, index: int, pair: PaintedPair, shift: MeasuredShift | None) -> ChangePair:
        cells, patches = pair.cells, pair.patches
        grid = self._plan.grid
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
                "cells_of": self._plan.reference.name,
            },
            shift_m=shift.shift_m if shift else None,
            shift_score=shift.score if shift else None,
        )

    def _grey(self, stack: contextlib.ExitStack) -> list[ReadGrey]:
        """Return readers of slum as 1 and the rest as 0, one a date."""
        cache = class_cache_bytes(self._plan.grid.shape[1])
        stack.enter_context(limited_cache(len(self._seen) * cache))
        rasters = [stack.enter_context(open_class_raster(path)) for path in self._seen]
        return [functools.partial(_slum_cells, raster, self._rules.slum) for raster in rasters]

    def layers(self, figures: Sequence[ChangePair], step: str) -> ChangeLayers:
        """Return the layers to write; what crosses bands is joined while they are written."""
        outlined = OutlinedChange(
            tuple(self._dates),
            tuple(self._pairs),
            tuple(self._history),
            self._found.settlements,
            tuple(self._slums),
            self._common,
            self._found.common_m2,
        )
        told = [line for tags in self._plan.tags for line in (*origin(tags), *history(tags))]
        steps = (*dict.fromkeys(told), step)
        return ChangeLayers(self._plan.grid.crs, outlined.batches(), figures, True, steps)

    def write_rasters(
        self, outs: Sequence[Path], step: str, stack: contextlib.ExitStack, *, overwrite: bool
    ) -> None:
        """Make the change raster of each pair; they appear when the stack is closed."""
        spans = itertools.pairwise(self._dates)
        for out, pair, dates in zip(outs, self._pairs, spans, strict=True):
            tags = with_step(self._plan.tags[-1], step)
            tags = {key: value for key, value in tags.items() if key in _KEPT_TAGS}
            tags |= {"FROM_DATE": dates[0].isoformat(), "TO_DATE": dates[1].isoformat()}
            stack.enter_context(
                class_raster_of_parts(
                    out,
                    pieces_of(pair.store, self.parts, CHANGE),
                    self._plan.grid,
                    CHANGE_CLASSES,
                    counts_of(pair.store, self.parts),
                    overwrite=overwrite,
                    tags=tags,
                )
            )


_KEPT_TAGS = ("GEOCITY_HISTORY", "GEOCITY_MODEL", "GEOCITY_MODEL_SHA256", "GEOCITY_VERSION")


def change_rules(plan: DatesPlan, options: ChangeOptions) -> ChangeRules:
    """Return what counts as change.

    Raises:
        ClassTableError: if it is not clear which class to follow.
    """
    names = {c.value: c.name for c in plan.classes}
    try:
        slum = choose_slum_class(names, options.slum_class)
    except ValueError as error:
        raise ClassTableError(
            f"The rasters have {error}; say which class is slum (--slum-class)."
        ) from error
    return ChangeRules(slum, options.tolerance_m, options.min_area_m2)


def _slum_cells(raster: ClassRaster, slum: int, window: Window) -> NDArray[np.float64]:
    cells: NDArray[np.float64] = (raster.read(window) == slum).astype(np.float64)
    return cells


def _named_imagery(paths: Sequence[Path], tags: Sequence[Mapping[str, str]]) -> tuple[Path, ...]:
    """Return the scenes that the rasters say they were made of, if all of them lie beside them."""
    scenes = [
        path.parent / told.get("GEOCITY_SOURCE", "") for path, told in zip(paths, tags, strict=True)
    ]
    return tuple(scenes) if all(scene.is_file() for scene in scenes) else ()
