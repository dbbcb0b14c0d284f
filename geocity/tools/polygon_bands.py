"""Polygons band by band: what one task does, and how the bands become one layer.

A band is some rows of the raster in its full width, read and traced as a stream. So seams lie in
one direction only, every block of the file is read once, and what crosses a seam is as little as
with square parts of the same area. The polygons that a band holds whole are measured, put on the
map and turned into WKB by whoever traces it; what crosses is joined where the layer is written.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from geocity.core.areas import GroundMeasure
from geocity.core.bands import BandJoiner, bands
from geocity.core.grid import Grid, Window
from geocity.core.polygon_features import (
    PolygonFeatures,
    TallyByClass,
    diced,
    large_enough,
    on_map,
)
from geocity.core.progress import Progress, silent
from geocity.core.seams import PolygonTracer
from geocity.core.traced_polygons import TracedPolygons
from geocity.engine.plan import Part
from geocity.engine.store import PartStore
from geocity.errors import InputError
from geocity.io.band_files import read_borders, write_borders
from geocity.io.class_rasters import ClassRaster, open_class_raster, open_probability_raster
from geocity.io.class_strips import class_strips
from geocity.io.feature_tables import FeatureTable
from geocity.io.gdal_cache import class_cache_bytes, limited_cache

BAND_PIXELS = 8_000_000
"""What a task traces: a second of work, a few MB of polygons."""

_FEATURES, _BORDERS = "features.arrow", "borders.npz"


def band_parts(shape: tuple[int, int], pixels: int = BAND_PIXELS) -> tuple[Part, ...]:
    """Cut a raster into bands, as parts that lie one below the other."""
    return tuple(Part(index, index, 0, window) for index, window in enumerate(bands(shape, pixels)))


@dataclass(frozen=True, slots=True)
class PolygonJob:
    """What is needed to trace any band.

    Attributes:
        classes: the class raster.
        values: the classes that become polygons.
        grid: of the raster.
        probability: raster of probabilities.
        probability_bands: value and 0-based band of each class that has one.
        min_area_m2: smallest polygon that counts.
        max_vertices: cut polygons with more; None: never.
        mapped: put polygons on the map; else they stay in pixels, to be simplified together.
    """

    classes: Path
    values: tuple[int, ...]
    grid: Grid
    probability: Path | None
    probability_bands: tuple[tuple[int, int], ...]
    min_area_m2: float
    max_vertices: int | None
    mapped: bool

    @property
    def stage(self) -> str:
        """Return what the work is called."""
        return "Tracing polygons"

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Trace bands and save each."""
        ground = ground_of(self.grid)
        with contextlib.ExitStack() as files:
            source = files.enter_context(open_class_raster(self.classes))
            files.enter_context(limited_cache(class_cache_bytes(self.grid.shape[1])))
            for done, part in enumerate(span):
                hear(done, len(span), self.stage)
                tracer, seen = self._tracer(source, part.window), TallyByClass()
                traced = seen.watch(self._traced(source, tracer, part.window))
                table = self.table(traced, ground)
                store.save(
                    part,
                    {
                        _FEATURES: table.write,
                        _BORDERS: partial(
                            write_borders, borders=tracer.unfinished(), by_class=seen.tally
                        ),
                    },
                )
                yield part

    def _tracer(self, source: ClassRaster, band: Window) -> PolygonTracer:
        above = source.read(Window(band.row - 1, 0, 1, band.cols))[0] if band.row else None
        return PolygonTracer(
            band.cols,
            self.values,
            with_probability=self.probability is not None,
            above=above,
            first_row=band.row,
        )

    def _traced(
        self, source: ClassRaster, tracer: PolygonTracer, band: Window
    ) -> Iterator[TracedPolygons]:
        with contextlib.ExitStack() as files:
            likely = None
            if self.probability is not None:
                likely = files.enter_context(open_probability_raster(self.probability))
            chosen = dict(self.probability_bands)
            for strip in class_strips(source, likely, chosen, silent, self.stage, band):
                yield tracer.feed(*strip)
        if band.row_end == self.grid.shape[0]:
            yield tracer.finish()

    def table(self, traced: Iterable[TracedPolygons], ground: GroundMeasure) -> FeatureTable:
        """Return polygons as features: large enough, cut, measured and on the map."""
        kept = large_enough(traced, ground, self.min_area_m2)
        features: Iterable[PolygonFeatures] = (PolygonFeatures.of(batch) for batch in kept)
        if self.max_vertices is not None:
            features = (diced(batch, self.max_vertices) for batch in features)
        if not self.mapped:
            return FeatureTable.merged([FeatureTable.of(batch) for batch in features])
        transform = self.grid.transform
        return FeatureTable.merged(
            [FeatureTable.of(on_map(batch, ground, transform)) for batch in features]
        )

    def features(
        self, parts: Sequence[Part], store: PartStore, seen: TallyByClass
    ) -> Iterator[FeatureTable]:
        """Yield the features of all bands, from north to south, with those that cross seams.

        Args:
            parts: all bands, from the top.
            store: where they are.
            seen: sums up probabilities by class.
        """
        ground = ground_of(self.grid)
        joiner = BandJoiner(with_probability=self.probability is not None)
        for part in parts:
            borders, by_class = read_borders(store.path(part, _BORDERS))
            seen.add(by_class)
            crossing = self.table(seen.watch([joiner.add(borders)]), ground)
            own = FeatureTable.read(store.path(part, _FEATURES))
            yield FeatureTable.merged([own, crossing])


def ground_of(grid: Grid) -> GroundMeasure:
    """Return what measures polygons on a grid.

    Raises:
        InputError: if its CRS cannot be turned into longitude and latitude there.
    """
    try:
        return GroundMeasure(grid)
    except ValueError as error:
        raise InputError(
            f"Areas cannot be measured: {error}; assign the right CRS to the class raster."
        ) from error
