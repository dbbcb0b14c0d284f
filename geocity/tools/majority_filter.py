"""Filter a class raster: the ArcGIS Majority Filter, or the most frequent class of a window."""

import functools
import logging
from pathlib import Path
from typing import Literal

from geocity.core.majority import Borders, ClassArray, Neighbors, Threshold
from geocity.core.majority import majority_filter as filter_by_neighbors
from geocity.core.modal import modal_filter
from geocity.core.passes import ClassFilter, Settling
from geocity.core.progress import Progress, silent
from geocity.engine.finish import counts_of, pieces_of
from geocity.engine.plan import plan_parts
from geocity.engine.run import WorkOptions, executor_for, run_parts
from geocity.errors import InputError
from geocity.io.class_rasters import open_class_raster
from geocity.io.gdal_cache import HEADER_CACHE, limited_cache
from geocity.io.history import with_step
from geocity.io.part_rasters import class_raster_of_parts
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.filter_parts import CLASSES, FilterJob, Sweeps
from geocity.tools.results_in_parts import ResultInParts

logger = logging.getLogger(__name__)

MAX_PASSES = 1200
"""Where "until stable" gives up."""


def majority_filter(
    classes: PathLike,
    *,
    out: PathLike,
    neighbors: Neighbors | None = None,
    threshold: Threshold | None = None,
    passes: int | Literal["stable"] = 1,
    size: int | None = None,
    overwrite: bool = False,
    work: WorkOptions | None = None,
    progress: Progress = silent,
) -> Path:
    """Replace cells by the class that most of their neighbours agree on.

    The default is that of ArcGIS: a cell changes where three of its four neighbours are equal. It
    clears specks of one or two cells; for larger ones give a window (`size`) or use `clean`.
    Nodata stays, and the result does not depend on how the raster is cut for the work; what is done
    is kept in parts beside it until it is whole.

    Args:
        classes: the class raster.
        out: the filtered class raster to write, a GeoTIFF.
        neighbors: "four" (the default) or "eight".
        threshold: "majority" (the default; 3 of 4, 5 of 8) or "half" (2 of 4, 4 of 8).
        passes: how many times to filter, or "stable": until nothing changes. Some patterns flip
            back and forth for ever; that is noticed and said, and the state after an even number
            of passes is kept.
        size: side in pixels of a square window, odd, 3 to 255: take the most frequent class in it
            (ties: the own class, else the smallest) instead of asking the neighbours.
        overwrite: replace what is there.
        work: by whom, and which part of it; a range of parts serves only few passes, which are
            made in one round.
        progress: told how far the work is.

    Returns:
        The path of the result; of the folder of parts where `work` leaves some to others.

    Raises:
        InputError: if the raster or an option cannot be used.
        OutputExistsError: if the result is there already.
    """
    one_pass, name = _choose_filter(neighbors, threshold, size)
    if passes != "stable" and (not isinstance(passes, int) or passes < 1):
        raise InputError(
            f"passes={passes!r} was given; give a whole number from 1 on, or 'stable'."
        )
    fresh_output(out, overwrite=overwrite)
    work = work or WorkOptions()
    with open_class_raster(classes) as source, limited_cache(HEADER_CACHE):
        grid, table, tags = source.grid, source.classes, source.tags
    # Whole sweeps come first, each a round of work; the passes left over are the last round, which
    # also makes of the parts what the result will take: none are left over of "until stable".
    whole = MAX_PASSES if passes == "stable" else passes - 1
    sweeps = whole // one_pass.sweep_passes
    rest = 0 if passes == "stable" else passes - sweeps * one_pass.sweep_passes
    if sweeps and work.part_range is not None:
        raise InputError(
            f"So many passes ({passes}) take several rounds, each over the whole of the one "
            f"before; leave out --part-range, or make at most {one_pass.sweep_passes} passes."
        )
    result = ResultInParts.of(out, [classes], "majority filter", name)
    parts = plan_parts(grid.shape)
    path, told = result.sources[0], "1 pass" if passes == 1 else f"{passes} passes"
    with result.at_work(), executor_for(work) as crew:
        if sweeps:
            plan = Sweeps(path, grid, one_pass, parts, result)
            settled, settling = plan.settle(sweeps, crew, work, progress)
            path = plan.raster(settled)
            told = _tell(settling) if passes == "stable" else told
        store = result.store("last" if sweeps else "", passes)
        job = FilterJob(path, grid, one_pass, rest, None, "filter" if rest else "write", last=True)
        complete = run_parts(job, parts, store, work=work, progress=progress, executor=crew)
        if not result.is_mine_to_finish(complete, work):
            return result.folder
    tags = with_step(tags, f"majority filter: {name}, {told}")
    pieces, counts = pieces_of(store, parts, CLASSES), counts_of(store, parts)
    with (
        result.put_together(store, parts),
        class_raster_of_parts(out, pieces, grid, table, counts, overwrite=overwrite, tags=tags),
    ):
        pass
    return Path(out)


def _choose_filter(
    neighbors: Neighbors | None, threshold: Threshold | None, size: int | None
) -> tuple[ClassFilter, str]:
    if size is not None:
        if neighbors or threshold:
            raise InputError(
                "A window size was given together with neighbors or threshold; the window has no "
                "use for them, so give either the one or the other."
            )
        if not 3 <= size <= 255 or size % 2 == 0:
            raise InputError(f"size={size} was given; give an odd number of pixels, 3 to 255.")
        return ClassFilter(functools.partial(_modal, size), size // 2), f"window of {size}"
    neighbors, threshold = neighbors or "four", threshold or "majority"
    if neighbors not in ("four", "eight"):
        raise InputError(f"neighbors={neighbors!r} was given; give 'four' or 'eight'.")
    if threshold not in ("majority", "half"):
        raise InputError(f"threshold={threshold!r} was given; give 'majority' or 'half'.")
    step = functools.partial(_by_neighbors, neighbors, threshold)
    return ClassFilter(step, 1), f"{neighbors} neighbours, {threshold}"


def _modal(size: int, values: ClassArray, borders: Borders) -> ClassArray:
    return modal_filter(values, size, borders=borders)


def _by_neighbors(
    neighbors: Neighbors, threshold: Threshold, values: ClassArray, borders: Borders
) -> ClassArray:
    return filter_by_neighbors(values, neighbors=neighbors, threshold=threshold, borders=borders)


def _tell(settling: Settling) -> str:
    """Say how "until stable" ended; returns it for the raster's history."""
    if settling.stable_after is not None:
        logger.info("The map is stable after %d passes.", settling.stable_after)
        return f"stable after {settling.stable_after} passes"
    how = "are still changing"
    if settling.returns:
        how = "flip back and forth" if settling.flips else "come back to the same classes"
        logger.warning(
            "The map does not come to rest: cells %s for ever with every pass (%d at the last "
            "one), as a checkerboard does; the state after %d passes, an even number, is kept.",
            how,
            settling.cells,
            settling.passes,
        )
    else:
        logger.warning(
            "%d cells are still changing after %d passes; that state is kept.",
            settling.cells,
            settling.passes,
        )
    return f"{settling.passes} passes, not stable ({settling.cells} cells {how})"
