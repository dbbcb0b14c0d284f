"""Turn a class raster into polygons: ArcGIS Raster to Polygon, streamed."""

import contextlib
import datetime
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geocity.core.areas import GroundMeasure
from geocity.core.classes import ClassTable
from geocity.core.grid import Grid
from geocity.core.polygon_features import (
    MappedFeatures,
    PolygonFeatures,
    TallyByClass,
    by_class,
    diced,
    large_enough,
    on_map,
    simplified,
)
from geocity.core.progress import Progress, silent
from geocity.core.seams import PolygonTracer
from geocity.core.simplify import MIN_VERTICES
from geocity.core.traced_polygons import TracedPolygons
from geocity.errors import ClassTableError, InputError
from geocity.io.class_rasters import ClassRaster, open_class_raster, open_probability_raster
from geocity.io.class_strips import Strip, bands_of_classes, class_strips
from geocity.io.gdal_cache import class_cache_bytes, limited_cache
from geocity.io.polygon_layers import Told, polygon_batches, polygon_layer
from geocity.io.polygon_styles import dress_polygons
from geocity.io.staging import PathLike, fresh_output
from geocity.io.vector_layers import refuse_unknown_format, write_batches

BACKGROUND = 0


@dataclass(frozen=True, slots=True)
class PolygonOptions:
    """What polygons to make.

    Attributes:
        classes: values that become polygons; None: all but background (0).
        simplify_m: 0 keeps the pixel edges exactly; above, corners that stand out by less than
            about so many metres go, shared borders together.
        parts: "single": one feature a polygon; "multi": one feature a class.
        max_vertices: cut polygons with more vertices along pixel edges; None: never.
        min_area_m2: leave smaller polygons out.
        date: when the image was taken; None: what the raster says, if it does.
    """

    classes: tuple[int, ...] | None = None
    simplify_m: float = 0.0
    parts: Literal["single", "multi"] = "single"
    max_vertices: int | None = None
    min_area_m2: float = 0.0
    date: datetime.date | None = None


_DEFAULTS = PolygonOptions()


def polygonize(
    classes: PathLike,
    *,
    out: PathLike,
    options: PolygonOptions = _DEFAULTS,
    probability: PathLike | None = None,
    layer: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Turn the regions of a class raster into polygons along the pixel edges.

    Pixels belong together where they share an edge (4-connected). Every polygon is valid, and
    burning the polygons gives the raster back. They are numbered by their lowest edge, from north
    to south. Memory holds a strip of the raster and what crosses its border, except where
    neighbours are needed: `simplify_m` and ``parts="multi"`` hold all polygons.

    Args:
        classes: the class raster.
        out: the layer to write; the suffix chooses the format: .gpkg (with its style inside),
            .shp, .geojson, .fgb, .parquet.
        options: what polygons to make.
        probability: a probability raster on the same grid; gives `prob_mean` and `prob_p10`, exact
            over the pixels of each polygon as it was traced.
        layer: name of the layer; the stem of `out` if not given.
        overwrite: replace what is there.
        progress: told how far the work is.

    Returns:
        The path of the result.

    Raises:
        InputError: if a raster, an option or the suffix cannot be used.
        ClassTableError: if a class is not in the raster's table, or has no probability.
        GridMismatchError: if the probabilities lie on another grid.
    """
    _check(options)
    refuse_unknown_format(out)
    fresh_output(out, overwrite=overwrite)
    with contextlib.ExitStack() as files:
        source = files.enter_context(open_class_raster(classes))
        files.enter_context(limited_cache(class_cache_bytes(source.grid.shape[1])))
        wanted = _wanted_classes(source, options)
        bands: dict[int, int] = {}
        likely = None
        if probability is not None:
            likely = files.enter_context(open_probability_raster(probability))
            bands = bands_of_classes(likely, source, wanted.values)
        told = Told.of(source, wanted, options.date)
        described = polygon_layer(
            layer or Path(out).stem,
            source.grid,
            told,
            multi=options.parts == "multi",
            simplify_m=options.simplify_m,
            with_probability=likely is not None,
        )
        strips = class_strips(source, likely, bands, progress, "Tracing polygons")
        tracer = PolygonTracer(
            source.grid.shape[1], wanted.values, with_probability=likely is not None
        )
        features = _features(_traced(tracer, strips), source.grid, options)
        dress = functools.partial(
            dress_polygons, layer=described, classes=wanted, tags=source.tags, date=told.date
        )
        return write_batches(
            out, described, polygon_batches(features, told), overwrite=overwrite, dress=dress
        )


def _check(options: PolygonOptions) -> None:
    if options.simplify_m < 0 or options.min_area_m2 < 0:
        raise InputError("Simplification and the smallest area cannot be negative; give 0 or more.")
    if options.max_vertices is None:
        return
    if options.max_vertices < MIN_VERTICES:
        raise InputError(
            f"A polygon cannot have at most {options.max_vertices} vertices; allow "
            f"{MIN_VERTICES} or more."
        )
    if options.parts == "multi":
        raise InputError(
            "A limit on vertices cuts polygons and multi parts join them again; use only one of "
            "the two."
        )


def _wanted_classes(source: ClassRaster, options: PolygonOptions) -> ClassTable:
    table = source.classes
    chosen = options.classes
    if chosen is None:
        chosen = tuple(value for value in table.values if value != BACKGROUND)
    unknown = sorted(set(chosen) - set(table.values))
    if unknown or not chosen:
        there = ", ".join(f"{c.value} ({c.name})" for c in table)
        found = f"no class {unknown[0]}" if unknown else "nothing but background"
        raise ClassTableError(f"{source.path} has {found}; it has {there}. Choose with --classes.")
    return ClassTable.of([table.by_value(value) for value in set(chosen)])


def _traced(tracer: PolygonTracer, strips: Iterable[Strip]) -> Iterator[TracedPolygons]:
    for values, probability in strips:
        yield tracer.feed(values, probability)
    yield tracer.finish()


def _features(
    traced: Iterable[TracedPolygons], grid: Grid, options: PolygonOptions
) -> Iterator[MappedFeatures]:
    try:
        ground = GroundMeasure(grid)
    except ValueError as error:
        raise InputError(
            f"Areas cannot be measured: {error}; assign the right CRS to the class raster."
        ) from error
    by_classes = TallyByClass()
    kept = by_classes.watch(large_enough(traced, ground, options.min_area_m2))
    features: Iterable[PolygonFeatures] = (PolygonFeatures.of(batch) for batch in kept)
    if options.max_vertices is not None:
        features = (diced(batch, options.max_vertices) for batch in features)
    if options.simplify_m > 0:
        features = _all_at_once(features, ground.cell_m, options.simplify_m)
    mapped = (on_map(batch, ground, grid.transform) for batch in features)
    if options.parts == "single":
        return mapped
    return _by_class(mapped, by_classes)


def _all_at_once(
    features: Iterable[PolygonFeatures], cell_m: tuple[float, float], tolerance_m: float
) -> Iterator[PolygonFeatures]:
    yield simplified(features, cell_m, tolerance_m)


def _by_class(mapped: Iterable[MappedFeatures], seen: TallyByClass) -> Iterator[MappedFeatures]:
    first, *others = mapped
    yield by_class(first.joined(*others), seen.tally)
