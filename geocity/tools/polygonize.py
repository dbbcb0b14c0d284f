"""Turn a class raster into polygons: ArcGIS Raster to Polygon, streamed."""

import datetime
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geocity.core.classes import BACKGROUND, ClassTable
from geocity.core.polygon_features import TallyByClass, by_class, on_map, simplified
from geocity.core.progress import Progress, silent
from geocity.core.simplify import MIN_VERTICES
from geocity.engine.run import WorkOptions, run_parts
from geocity.errors import ClassTableError, InputError
from geocity.io.class_rasters import ClassRaster, open_class_raster, open_probability_raster
from geocity.io.class_strips import bands_of_classes
from geocity.io.feature_tables import FeatureTable
from geocity.io.gdal_cache import HEADER_CACHE, limited_cache
from geocity.io.polygon_layers import Told, polygon_batches, polygon_layer
from geocity.io.polygon_styles import dress_polygons
from geocity.io.staging import PathLike, fresh_output
from geocity.io.vector_layers import refuse_unknown_format, write_batches
from geocity.tools.polygon_bands import PolygonJob, band_parts, ground_of
from geocity.tools.results_in_parts import ResultInParts


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
    work: WorkOptions | None = None,
    progress: Progress = silent,
) -> Path:
    """Turn the regions of a class raster into polygons along the pixel edges.

    Pixels belong together where they share an edge (4-connected). Every polygon is valid, and
    burning the polygons gives the raster back. They are numbered by their lowest edge, from north
    to south. Memory holds a band of the raster and what crosses its border, except where neighbours
    are needed: `simplify_m` and ``parts="multi"`` hold all polygons. What is done is kept in parts,
    bands of the raster, beside the result until it is whole.

    Args:
        classes: the class raster.
        out: the layer to write; the suffix chooses the format: .gpkg (with its style inside),
            .shp, .geojson, .fgb, .parquet.
        options: what polygons to make.
        probability: a probability raster on the same grid; gives `prob_mean` and `prob_p10`, exact
            over the pixels of each polygon as it was traced.
        layer: name of the layer; the stem of `out` if not given.
        overwrite: replace what is there.
        work: by whom, and which part of it.
        progress: told how far the work is.

    Returns:
        The path of the result; of the folder of parts where `work` leaves some to others.

    Raises:
        InputError: if a raster, an option or the suffix cannot be used.
        ClassTableError: if a class is not in the raster's table, or has no probability.
        GridMismatchError: if the probabilities lie on another grid.
    """
    _check(options)
    refuse_unknown_format(out)
    fresh_output(out, overwrite=overwrite)
    with open_class_raster(classes) as source, limited_cache(HEADER_CACHE):
        wanted = _wanted_classes(source, options)
        job = _job(source, wanted, probability, options)
        told = Told.of(source, wanted, options.date)
        grid, tags = source.grid, source.tags
    described = polygon_layer(
        layer or Path(out).stem,
        grid,
        told,
        multi=options.parts == "multi",
        simplify_m=options.simplify_m,
        with_probability=probability is not None,
    )
    parts = band_parts(grid.shape)
    work = work or WorkOptions()
    sources = [path for path in (classes, probability) if path is not None]
    result = ResultInParts.of(out, sources, "polygonize", job, parts[0].window)
    store = result.store()
    with result.at_work():
        complete = run_parts(job, parts, store, work=work, progress=progress)
    if not result.is_mine_to_finish(complete, work):
        return result.folder
    dress = functools.partial(
        dress_polygons, layer=described, classes=wanted, tags=tags, date=told.date
    )
    seen = TallyByClass()
    features = _layer(job, job.features(parts, store, seen), seen, options)
    batches = polygon_batches(features, told)
    with result.put_together(store, parts):
        write_batches(out, described, batches, overwrite=overwrite, dress=dress)
    return Path(out)


def _job(
    source: ClassRaster,
    wanted: ClassTable,
    probability: PathLike | None,
    options: PolygonOptions,
) -> PolygonJob:
    ground_of(source.grid)
    found: dict[int, int] = {}
    if probability is not None:
        with open_probability_raster(probability) as likely:
            found = bands_of_classes(likely, source, wanted.values)
    return PolygonJob(
        classes=source.path.absolute(),
        values=wanted.values,
        grid=source.grid,
        probability=None if probability is None else Path(probability).absolute(),
        probability_bands=tuple(found.items()),
        min_area_m2=options.min_area_m2,
        max_vertices=options.max_vertices,
        mapped=options.simplify_m == 0,
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


def _layer(
    job: PolygonJob,
    features: Iterable[FeatureTable],
    seen: TallyByClass,
    options: PolygonOptions,
) -> Iterator[FeatureTable]:
    """Yield the features as they go to the layer, once more what needs all of them at once."""
    if options.simplify_m == 0 and options.parts == "single":
        yield from features
        return
    ground = ground_of(job.grid)
    if options.simplify_m > 0:
        kept = (table.polygon_features() for table in features)
        simple = simplified(kept, ground.cell_m, options.simplify_m)
        mapped = on_map(simple, ground, job.grid.transform)
    else:
        first, *others = (table.mapped_features() for table in features)
        mapped = first.joined(*others)
    if options.parts == "multi":
        mapped = by_class(mapped, seen.tally)
    yield FeatureTable.of(mapped)
