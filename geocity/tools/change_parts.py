"""Comparing class rasters in parts: what one task does in each round.

A survey reads the dates and finds all that a part shows by itself: the codes of change, pieces of
settlements and of change, their areas, what overlaps. When every part is there, pieces become
patches in one place. Then parts are painted without the patches that do not count, and bands of the
result are traced.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geocity.core.areas import GroundMeasure
from geocity.core.bands import BandJoiner
from geocity.core.change_cells import absorb_slivers, change_codes, reach_cells
from geocity.core.change_matrix import ChangeMatrixBuilder
from geocity.core.classes import NODATA
from geocity.core.grid import Grid, Window
from geocity.core.patch_tables import first_cells
from geocity.core.probability_tally import ProbabilityTally
from geocity.core.progress import Progress, silent
from geocity.core.raster_change import ChangeRules, SurveyedDate, SurveyedPair, final_codes
from geocity.core.seams import PolygonTracer
from geocity.core.traced_polygons import TracedPolygons
from geocity.engine.finish import counted
from geocity.engine.plan import Part
from geocity.engine.store import PartStore, Write
from geocity.io.band_files import read_borders, write_borders
from geocity.io.change_surveys import BlockSurvey, write_surveys
from geocity.io.class_rasters import open_class_raster
from geocity.io.class_strips import class_strips
from geocity.io.feature_tables import FeatureTable
from geocity.io.gdal_cache import class_cache_bytes, limited_cache
from geocity.io.part_rasters import read_part_raster, write_class_part, write_part_raster
from geocity.io.raster_dates import AlignedDates, DatesPlan
from geocity.tools.clean_parts import part_blocks

SURVEYS, CHANGE = "surveys.npz", "change.tif"
"""What a part's findings, and its pixels of a change raster, are called in their stores."""

_FEATURES, _BORDERS = "features.arrow", "borders.npz"
_COMMON = 1


def date_name(index: int) -> str:
    """Return what a part's classes on a date are called."""
    return f"date_{index}.tif"


def _codes_name(pair: int) -> str:
    return f"codes_{pair}.tif"


@dataclass(frozen=True, slots=True)
class ChangeSurvey:
    """The first round.

    Attributes:
        plan: the dates, and how they are read.
        rules: what counts as change.
    """

    plan: DatesPlan
    rules: ChangeRules

    @property
    def stage(self) -> str:
        """Return what the work is called."""
        return "compare"

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Survey parts and save each."""
        ground, grid = GroundMeasure(self.plan.grid), self.plan.grid
        pairs = len(self.plan.paths) - 1
        with AlignedDates(self.plan) as dates:
            for done, part in enumerate(span):
                hear(done, len(span), self.stage)
                window = part.window
                classes = np.empty((pairs + 1, *window.shape), np.uint8)
                codes = np.empty((pairs, *window.shape), np.uint8)
                surveys = []
                for block in part_blocks(part):
                    inside = (slice(None), *block.shift(-window.row, -window.col).slices)
                    survey, classes[inside], codes[inside] = self._survey(dates, block, ground)
                    surveys.append(survey)
                named = {date_name(i): values for i, values in enumerate(classes)}
                named |= {_codes_name(i): values for i, values in enumerate(codes)}
                writers: dict[str, Write] = {
                    name: functools.partial(write_part_raster, values=values, grid=grid[window])
                    for name, values in named.items()
                }
                writers[SURVEYS] = functools.partial(write_surveys, surveys=surveys)
                store.save(part, writers)
                yield part

    def _survey(
        self, dates: AlignedDates, block: Window, ground: GroundMeasure
    ) -> tuple[BlockSurvey, NDArray[np.uint8], NDArray[np.uint8]]:
        """Return what is known of a block, its classes by date, and its codes by pair."""
        rules, grid = self.rules, self.plan.grid
        reach = reach_cells(rules.tolerance_m, ground.cell_m)
        held = block.pad(reach).intersect(grid.window) or block
        around, known = dates.read(held)
        inside = block.shift(-held.row, -held.col).slices
        classes = [np.ascontiguousarray(values[inside]) for values in around]
        known = known[(slice(None), *inside)]
        cell_m2, cols = ground.cell_areas(block), grid.shape[1]
        found = [SurveyedDate.of(values, rules.slum, block, cell_m2, cols) for values in classes]
        pairs, codes = [], []
        for i in range(len(classes) - 1):
            changed = change_codes(around[i], around[i + 1], rules.slum)
            changed = absorb_slivers(changed, rules.tolerance_m, ground.cell_m)
            codes.append(np.ascontiguousarray(changed[inside]))
            matrix = ChangeMatrixBuilder(self.plan.classes.values)
            matrix.add(classes[i], classes[i + 1], cell_m2)
            pairs.append(
                SurveyedPair.of(
                    codes[-1], (found[i], found[i + 1]), matrix.area_m2, block, cell_m2, cols
                )
            )
        survey = BlockSurvey(
            tuple(date.tables for date in found),
            tuple(pairs),
            float(cell_m2[known.all(axis=0)].sum()),
            tuple((known * cell_m2).sum(axis=(1, 2)).tolist()),
        )
        return survey, np.stack(classes), np.stack(codes)


@dataclass(frozen=True, slots=True)
class ChangePainting:
    """The second round, one for each pair of dates: the change raster.

    Attributes:
        survey: where the first round has left its parts.
        pair: which pair, counted from 0.
        new: file with what every piece of change becomes.
        firsts: file with the first piece of every part.
    """

    survey: PartStore
    pair: int
    new: Path
    firsts: Path

    @property
    def stage(self) -> str:
        """Return what the work is called."""
        return "write change"

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Paint parts and save each."""
        new, firsts = np.load(self.new, mmap_mode="r"), np.load(self.firsts, mmap_mode="r")
        for done, part in enumerate(span):
            hear(done, len(span), self.stage)
            window, first = part.window, int(firsts[part.index])
            codes = read_part_raster(self.survey.path(part, _codes_name(self.pair)))[0]
            for block in part_blocks(part):
                inside = block.shift(-window.row, -window.col).slices
                values = np.ascontiguousarray(codes[inside])
                codes[inside], count = final_codes(values, new[first:])
                first += count
            store.save(
                part, {CHANGE: functools.partial(write_class_part, values=codes)}, counted(codes)
            )
            yield part


@dataclass(frozen=True, slots=True)
class OutlineJob:
    """The third round, one for each raster: outlines of some classes, band by band.

    Attributes:
        raster: a class raster.
        grid: of the raster.
        values: the classes to outline; none for all ground that is known, as one.
        title: what is outlined.
    """

    raster: Path
    grid: Grid
    values: tuple[int, ...]
    title: str

    @property
    def stage(self) -> str:
        """Return what the work is called."""
        return f"outline {self.title}"

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Trace bands and save each."""
        cols = self.grid.shape[1]
        with open_class_raster(self.raster) as source, limited_cache(class_cache_bytes(cols)):
            for done, part in enumerate(span):
                hear(done, len(span), self.stage)
                band = part.window
                above = None
                if band.row:
                    above = self._seen(source.read(Window(band.row - 1, 0, 1, cols)))[0]
                tracer = PolygonTracer(
                    cols, self.values or (_COMMON,), above=above, first_row=band.row
                )
                strips = class_strips(source, None, {}, silent, self.stage, band)
                found = [tracer.feed(self._seen(values)) for values, _ in strips]
                if band.row_end == self.grid.shape[0]:
                    found.append(tracer.finish())
                table = FeatureTable.merged([self._table(polygons) for polygons in found])
                store.save(
                    part,
                    {
                        _FEATURES: table.write,
                        _BORDERS: functools.partial(
                            write_borders,
                            borders=tracer.unfinished(),
                            by_class=ProbabilityTally(),
                        ),
                    },
                )
                yield part

    def _seen(self, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.values:
            return values
        return np.where(values == NODATA, np.uint8(NODATA), np.uint8(_COMMON))

    def _table(self, polygons: TracedPolygons) -> FeatureTable:
        outlines = polygons.outlines().geometries(self.grid.transform)
        columns: dict[str, NDArray[Any]] = {
            "places": polygons.places(),
            "values": polygons.values,
            "n_px": polygons.n_px,
            "first": first_cells(polygons, self.grid.shape[1]),
        }
        return FeatureTable(columns, pa.array(shapely.to_wkb(outlines), pa.binary()))

    def outlines(self, bands: Sequence[Part], store: PartStore) -> Iterator[FeatureTable]:
        """Yield the outlines of all bands from north to south, with those that cross seams."""
        joiner = BandJoiner()
        for part in bands:
            borders, _ = read_borders(store.path(part, _BORDERS))
            own = FeatureTable.read(store.path(part, _FEATURES))
            yield FeatureTable.merged([own, self._table(joiner.add(borders))])
