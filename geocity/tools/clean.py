"""Clean a class raster: dissolve small patches and fill small holes, by area."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from geocity.core.classes import BACKGROUND, ClassTable, LandClass, default_color
from geocity.core.grid import Grid
from geocity.core.progress import Progress, silent
from geocity.core.sieve import cells_for_area, sieve_patches
from geocity.engine.finish import counts_of, pieces_of
from geocity.engine.plan import Part, plan_parts
from geocity.engine.run import WorkOptions, executor_for, run_parts
from geocity.engine.store import PartStore
from geocity.errors import InputError
from geocity.io.class_rasters import open_class_raster
from geocity.io.gdal_cache import HEADER_CACHE, limited_cache
from geocity.io.history import with_step
from geocity.io.part_rasters import class_raster_of_parts
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.clean_parts import (
    CLASSES,
    PaintJob,
    SurveyJob,
    decision_files,
    graph_of_parts,
    save_decision,
)
from geocity.tools.results_in_parts import ResultInParts

logger = logging.getLogger(__name__)


def clean(
    classes: PathLike,
    *,
    out: PathLike,
    min_area_m2: float = 0.0,
    min_hole_m2: float = 0.0,
    overwrite: bool = False,
    work: WorkOptions | None = None,
    progress: Progress = silent,
) -> Path:
    """Dissolve patches below a minimum mapping unit, then fill small holes.

    A patch (cells of one class connected by their edges) that is smaller than `min_area_m2` and no
    background takes the class with which it shares the longest border; a patch of background that
    is smaller than `min_hole_m2` and wholly enclosed by one class takes that class. Nodata stays.
    `geocity.core.sieve` has the rules in full. The raster is read twice and never held; what is
    done is kept in parts beside the result until it is whole.

    Args:
        classes: the class raster; class 0 is background.
        out: the cleaned class raster to write, a GeoTIFF.
        min_area_m2: the smallest patch to keep, in m²; 0 keeps all.
        min_hole_m2: the smallest hole to keep, in m²; 0 keeps all.
        overwrite: replace what is there.
        work: by whom, and which part of it; a range of parts is one of the first reading, and who
            completes that does the rest.
        progress: told how far the work is.

    Returns:
        The path of the result; of the folder of parts where `work` leaves some to others.

    Raises:
        InputError: if the raster or an option cannot be used.
        OutputExistsError: if the result is there already.
    """
    for name, value in (("min_area", min_area_m2), ("min_hole", min_hole_m2)):
        if not (math.isfinite(value) and value >= 0):
            raise InputError(f"{name}={value} was given; give an area in m², 0 or more.")
    if not (min_area_m2 or min_hole_m2):
        raise InputError("Nothing to do: give a smallest area, a smallest hole, or both, in m².")
    fresh_output(out, overwrite=overwrite)
    work = work or WorkOptions()
    with open_class_raster(classes) as source, limited_cache(HEADER_CACHE):
        grid, table, tags = source.grid, source.classes, source.tags
    limits = _Limits(min_area_m2, min_hole_m2)
    result = ResultInParts.of(out, [classes], "clean", limits)
    parts = plan_parts(grid.shape)
    with result.at_work(), executor_for(work) as crew:
        survey, job = result.store("patches"), SurveyJob(result.sources[0])
        complete = run_parts(job, parts, survey, work=work, progress=progress, executor=crew)
        if not result.is_mine_to_finish(complete, work):
            return result.folder
        decision = _decision(result, survey, parts, grid, limits)
        painted = result.store("painted")
        paint = PaintJob(result.sources[0], *decision_files(decision, _whole(grid)))
        everything = replace(work, part_range=None)
        run_parts(paint, parts, painted, work=everything, progress=progress, executor=crew)
    facts = decision.facts(_whole(grid))
    _tell(facts)
    tags = with_step(tags, f"clean: {limits}")
    with (
        result.put_together(painted, parts),
        class_raster_of_parts(
            out,
            pieces_of(painted, parts, CLASSES),
            grid,
            _with_background(table) if facts["background"] else table,
            counts_of(painted, parts),
            overwrite=overwrite,
            tags=tags,
        ),
    ):
        pass
    return Path(out)


@dataclass(frozen=True, slots=True)
class _Limits:
    min_area_m2: float
    min_hole_m2: float

    def __str__(self) -> str:
        return (
            f"patches below {self.min_area_m2:g} m² dissolved, holes below {self.min_hole_m2:g} m²"
            " filled"
        )


def _whole(grid: Grid) -> Part:
    """Return the raster as a part: what is decided once for all."""
    return Part(0, 0, 0, grid.window)


def _decision(
    result: ResultInParts, survey: PartStore, parts: Sequence[Part], grid: Grid, limits: _Limits
) -> PartStore:
    """Decide what each patch becomes, or find that a former run has; return where it is kept."""
    store = result.store("decision")
    if store.done(_whole(grid)):
        return store
    graph, patchwork, firsts = graph_of_parts(parts, survey, grid.shape)
    cell_m2 = grid.cell_area_m2
    new = sieve_patches(
        graph,
        min_cells=cells_for_area(limits.min_area_m2, cell_m2),
        min_hole_cells=cells_for_area(limits.min_hole_m2, cell_m2),
    )
    filled = (graph.classes == BACKGROUND) & (new != BACKGROUND)
    dissolved = (graph.classes != new) & ~filled
    facts = {
        "background": bool((new == BACKGROUND).any()),
        "dissolved": int(np.count_nonzero(dissolved)),
        "patches": int(np.count_nonzero(graph.classes != BACKGROUND)) - 1,  # node 0 is nodata
        "dissolved_m2": float(graph.cells[dissolved].sum() * cell_m2),
        "filled": int(np.count_nonzero(filled)),
        "filled_m2": float(graph.cells[filled].sum() * cell_m2),
    }
    save_decision(store, _whole(grid), patchwork.classes_of_pieces(new), firsts, facts)
    return store


def _tell(facts: Mapping[str, Any]) -> None:
    logger.info(
        "%d of %d patches dissolved (%.0f m²), %d %s filled (%.0f m²).",
        facts["dissolved"],
        facts["patches"],
        facts["dissolved_m2"],
        facts["filled"],
        "hole" if facts["filled"] == 1 else "holes",
        facts["filled_m2"],
    )


def _with_background(table: ClassTable) -> ClassTable:
    """Patches that had no neighbour are background now, which the raster may not have had."""
    if BACKGROUND in table.values:
        return table
    background = LandClass(BACKGROUND, "background", default_color(BACKGROUND))
    return ClassTable.of([*table, background])
