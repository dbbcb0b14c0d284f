"""The change between maps of two or more dates: growth, loss, and the history of settlements."""

import contextlib
import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geocity.core.progress import Progress, silent
from geocity.engine.job import file_facts
from geocity.engine.run import WorkOptions, executor_for
from geocity.errors import InputError
from geocity.io.change_inputs import DatedMap, dated_maps
from geocity.io.change_layers import ChangePair, write_change, write_report
from geocity.io.image_shifts import refuse_unusable_imagery
from geocity.io.raster_dates import plan_dates
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.change_options import ChangeOptions
from geocity.tools.results_in_parts import Crew, ResultInParts

if TYPE_CHECKING:
    from geocity.tools.change_scenes import ScenesToCompare

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """What a comparison made.

    Attributes:
        out: the GeoPackage with the layers and the from-to matrix.
        report: the figures as JSON, beside it.
        rasters: a change raster for each pair of dates, from rasters and scenes.
    """

    out: Path
    report: Path
    rasters: tuple[Path, ...]


def change(
    maps: Sequence[PathLike],
    *,
    out: PathLike,
    model: PathLike | None = None,
    options: ChangeOptions | None = None,
    overwrite: bool = False,
    work: WorkOptions | None = None,
    progress: Progress | None = None,
) -> ChangeResult:
    """Compare maps of two or more dates: each date with the next, settlements over all of them.

    The GeoPackage gets the layers `growth`, `loss` and `persistent` (patches of change),
    `settlements` (every settlement on every date with an identity that stays, and what became of
    it; the rules are those of `geocity.core.settlement_history`), `common_area`, and the table
    `matrix` (m² from class to class). Beside it lie the same figures as `<name>.json` and, from
    rasters, a change raster `<name>_<from>_<to>.tif` a pair.

    Only ground that **all** dates show counts, so that the figures of all pairs speak of the same
    ground; its size is told. The matrix is raw: its rows sum to the areas before, its columns to
    those after. `growth_m2` and `loss_m2` are what counts as change under tolerance and smallest
    area; what these leave out is `absorbed_m2`, so that growth + absorbed growth + persistent is
    the area after, and loss + absorbed loss + persistent the area before.

    Class rasters are compared on the grid with the smallest cells (`geocity.core.alignment`), the
    others by the nearest cell. Polygon layers are overlaid exactly, in a plane in metres; areas are
    those on the ellipsoid. Memory does not grow with either, and what is done is kept in parts
    beside the GeoPackage until it is whole.

    Args:
        maps: class rasters, polygon layers or, with a model, scenes; from the oldest to the newest.
        out: the GeoPackage to write.
        model: classifies the scenes, all alike; the class rasters are filtered and cleaned as
            `map` does and kept as `<name>_classes_<date>.tif`. A run that was stopped goes on
            where it was.
        options: how.
        overwrite: replace results that are there.
        work: who compares the parts (and classifies scenes); a comparison takes several rounds, so
            there are no slices.
        progress: told how far each step is.

    Returns:
        What was made.

    Raises:
        InputError: if an input or an option cannot be used.
        NoOverlapError: if the maps do not show one place.
        ClassTableError: if it is not clear which class to follow.
        OutputExistsError: if a result is there already.
    """
    options, progress = options or ChangeOptions(), progress or silent
    work = work or WorkOptions()
    if work.part_range is not None:
        raise InputError(
            "A comparison takes several rounds, each over the whole of the one before; leave out "
            "--part-range."
        )
    target = Path(out)
    if target.suffix.lower() != ".gpkg":
        raise InputError(f"{out} is no GeoPackage; a change has several layers, so name a .gpkg.")
    if model is None:  # with one, a former run may have left results that are to be replaced
        fresh_output(target, overwrite=overwrite)
    dated = dated_maps(maps, options.layers, options.dates)
    if options.estimate_shift:
        refuse_unusable_imagery(options.imagery, len(dated))
    scenes = _scenes(dated, model, target, work)
    overwrite = overwrite or (scenes is not None and scenes.journal.resumed)
    outputs = _outputs(dated, target, options, overwrite)
    with contextlib.ExitStack() as stack:
        paths = [each.path for each in dated]
        if scenes is not None:
            paths = stack.enter_context(scenes.classified(work, progress, overwrite=overwrite))
            if options.estimate_shift and not options.imagery:
                options = replace(options, imagery=tuple(each.path for each in dated))
        if dated[0].is_raster:
            figures = _compare_rasters(paths, dated, outputs, options, work, progress)
        else:
            figures = _compare_outlines(dated, outputs, options, work, progress)
        settings = _settings(figures, options)
        write_report(outputs.report, figures, settings, overwrite=overwrite)
    _tell(figures)
    return ChangeResult(target, outputs.report, outputs.rasters)


def _scenes(
    dated: Sequence[DatedMap], model: PathLike | None, target: Path, work: WorkOptions
) -> "ScenesToCompare | None":
    """Return the scenes to classify, if a model is there to do it."""
    if model is None:
        return None
    if not dated[0].is_raster:
        raise InputError("A model classifies scenes; polygon layers are compared without one.")
    from geocity.tools.change_scenes import ScenesToCompare

    return ScenesToCompare.of(dated, model, target, work)


def _outputs(
    dated: Sequence[DatedMap], target: Path, options: ChangeOptions, overwrite: bool
) -> "Outputs":
    """Return what will be written, once it is clear that it may be."""
    spans = itertools.pairwise(each.date for each in dated) if dated[0].is_raster else ()
    rasters = tuple(target.with_name(f"{target.stem}_{a}_{b}.tif") for a, b in spans)
    report = target.with_suffix(".json")
    for path in (target, report, *rasters):
        fresh_output(path, overwrite=overwrite)
    return Outputs(target, report, rasters, _step(dated, options), overwrite)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a comparison writes.

    Attributes:
        layers: the GeoPackage.
        report: the figures.
        rasters: a change raster for each pair of dates; none of outlines.
        step: what was done, for their history.
        overwrite: whether they may replace others.
    """

    layers: Path
    report: Path
    rasters: tuple[Path, ...]
    step: str
    overwrite: bool


def _compare_rasters(
    paths: Sequence[Path],
    dated: Sequence[DatedMap],
    outputs: Outputs,
    options: ChangeOptions,
    work: WorkOptions,
    progress: Progress,
) -> list[ChangePair]:
    from geocity.tools.change_rasters import RasterComparison, change_rules

    dates = [each.date for each in dated]
    plan = plan_dates(paths, options.area)
    area = plan.area.wkb if plan.area is not None else b""
    rules = change_rules(plan, options)
    result = ResultInParts.of(outputs.layers, paths, "change", plan.grid, area, rules)
    with result.at_work(), executor_for(work) as executor:
        crew = Crew(result, executor, work, progress)
        compared = RasterComparison(plan, dates, options, crew)
        figures = compared.figures()
    with result.put_together(compared.last_store, compared.parts), contextlib.ExitStack() as stack:
        compared.write_rasters(outputs.rasters, outputs.step, stack, overwrite=outputs.overwrite)
        layers = compared.layers(figures, outputs.step)
        write_change(outputs.layers, layers, overwrite=outputs.overwrite)
    return figures


def _compare_outlines(
    dated: Sequence[DatedMap],
    outputs: Outputs,
    options: ChangeOptions,
    work: WorkOptions,
    progress: Progress,
) -> list[ChangePair]:
    from geocity.tools.change_outlines import OutlineComparison

    paths = [each.path for each in dated]
    area = file_facts(options.area) if options.area is not None else None
    rules = options.slum_class, options.tolerance_m, options.min_area_m2
    names = tuple(each.layer for each in dated)
    result = ResultInParts.of(outputs.layers, paths, "change of outlines", names, area, rules)
    with result.at_work(), executor_for(work) as executor:
        compared = OutlineComparison(dated, options, Crew(result, executor, work, progress))
        figures = compared.figures()
    with result.put_together(compared.last_store, compared.parts):
        layers = compared.layers(figures, outputs.step)
        write_change(outputs.layers, layers, overwrite=outputs.overwrite)
    return figures


def _step(dated: Sequence[DatedMap], options: ChangeOptions) -> str:
    inputs = ", ".join(f"{each.title} ({each.date})" for each in dated)
    return (
        f"change: {inputs}; tolerance {options.tolerance_m:g} m, smallest area "
        f"{options.min_area_m2:g} m2"
    )


def _settings(figures: Sequence[ChangePair], options: ChangeOptions) -> dict[str, Any]:
    return {
        "class": figures[0].slum,
        "tolerance_m": options.tolerance_m,
        "min_area_m2": options.min_area_m2,
        "grown_share": options.grown_share,
        "grown_m2": options.grown_m2,
    }


def _tell(figures: Sequence[ChangePair]) -> None:
    for pair in figures:
        logger.info(
            "%s to %s: %s %.2f ha became %.2f ha; growth %.2f ha, loss %.2f ha, absorbed %.2f ha.",
            pair.from_date,
            pair.to_date,
            pair.slum,
            pair.matrix.before_m2(pair.slum) / 1e4,
            pair.matrix.after_m2(pair.slum) / 1e4,
            pair.growth_m2 / 1e4,
            pair.loss_m2 / 1e4,
            (pair.absorbed_growth_m2 + pair.absorbed_loss_m2) / 1e4,
        )
