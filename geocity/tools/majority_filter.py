"""Filter a class raster: the ArcGIS Majority Filter, or the most frequent class of a window."""

import functools
import logging
from pathlib import Path
from typing import Literal

import geocity
from geocity.core.majority import Borders, ClassArray, Neighbors, Threshold
from geocity.core.majority import majority_filter as filter_by_neighbors
from geocity.core.modal import modal_filter
from geocity.core.passes import ClassFilter, Settling
from geocity.core.progress import Progress, silent
from geocity.engine.finish import counts_of, pieces_of
from geocity.engine.job import file_facts, fingerprint
from geocity.engine.plan import plan_parts
from geocity.engine.run import WorkOptions, executor_for, run_parts
from geocity.engine.store import PartStore, parts_folder
from geocity.errors import InputError
from geocity.io.class_rasters import open_class_raster
from geocity.io.history import with_step
from geocity.io.part_rasters import class_raster_of_parts
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.filter_parts import CLASSES, FilterJob, Sweeps

logger = logging.getLogger(__name__)

MAX_PASSES = 1200
"""Where "until stable" gives up."""

_ALONE = WorkOptions()


def majority_filter(
    classes: PathLike,
    *,
    out: PathLike,
    neighbors: Neighbors | None = None,
    threshold: Threshold | None = None,
    passes: int | Literal["stable"] = 1,
    size: int | None = None,
    overwrite: bool = False,
    work: WorkOptions = _ALONE,
    progress: Progress = silent,
) -> Path:
    """Replace cells by the class that most of their neighbours agree on.

    The default is that of ArcGIS: a cell changes where three of its four neighbours are equal. It
    clears specks of one or two cells; for larger ones give a window (`size`) or use `clean`.
    Nodata stays, and the result does not depend on how the raster is cut for the work.

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
        work: who filters the parts of the raster; see `geocity.engine`. Until the result is whole
            they lie in ``<out>.parts``; a run that was ended goes on from them. A range of parts
            only makes sense for few passes, which are made in one round.
        progress: told how far the work is.

    Returns:
        The path of the result.

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
    with open_class_raster(classes) as source:
        grid, table, told_tags = source.grid, source.classes, source.tags
    parts = plan_parts(grid.shape)
    folder = parts_folder(Path(out))
    # Whole sweeps come first, each a round of work; the passes left over are the last round.
    whole = MAX_PASSES if passes == "stable" else passes - 1
    sweeps = whole // one_pass.sweep_passes
    rest = 0 if passes == "stable" else passes - sweeps * one_pass.sweep_passes
    if sweeps and work.part_range is not None:
        raise InputError(
            f"{passes} passes take several rounds, each over the whole of the one before; leave "
            f"out --part-range, or make at most {one_pass.sweep_passes} passes."
        )
    run = fingerprint(geocity.__version__, file_facts(classes), name)
    source_path = Path(classes).absolute()
    told = "1 pass" if passes == 1 else f"{passes} passes"
    with executor_for(work) as crew:
        former = None
        if sweeps:
            plan = Sweeps(source_path, grid, table, one_pass, parts, folder, run)
            former, settling = plan.settle(sweeps, crew, work, progress)
            source_path = plan.raster(former)
            told = _tell(settling) if passes == "stable" else told
        store = former or PartStore(folder, fingerprint(run, passes))
        if rest:
            store = PartStore(folder / "last" if former else folder, fingerprint(run, passes))
            job = FilterJob(source_path, grid, one_pass, rest, None, "filter")
            if not run_parts(job, parts, store, work=work, progress=progress, executor=crew):
                return folder
    tags = with_step(told_tags, f"majority filter: {name}, {told}")
    pieces, counts = pieces_of(store, parts, CLASSES), counts_of(store, parts)
    with class_raster_of_parts(out, pieces, grid, table, counts, overwrite=overwrite, tags=tags):
        pass
    PartStore(folder, run).remove()
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
