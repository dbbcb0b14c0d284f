"""Filter a class raster: the ArcGIS Majority Filter, or the most frequent class of a window."""

import contextlib
import functools
import logging
from pathlib import Path
from typing import Literal

from geocity.core.majority import Borders, ClassArray, Neighbors, Threshold
from geocity.core.majority import majority_filter as filter_by_neighbors
from geocity.core.modal import modal_filter
from geocity.core.passes import ClassFilter, Read, Settling, settle, sweep
from geocity.core.progress import Progress, silent
from geocity.errors import InputError
from geocity.io.class_rasters import create_class_raster, open_class_raster
from geocity.io.gdal_cache import class_cache_bytes, limited_cache
from geocity.io.history import with_step
from geocity.io.scratch_rasters import ScratchRaster
from geocity.io.staging import PathLike, fresh_output

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
    folder = fresh_output(out, overwrite=overwrite).parent
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open_class_raster(classes))
        shape = source.grid.shape
        stack.enter_context(limited_cache(class_cache_bytes(shape[1])))
        # Whole sweeps go through scratch rasters; the passes left over go straight to the result.
        whole = MAX_PASSES if passes == "stable" else passes - 1
        sweeps = whole // one_pass.sweep_passes
        rest = 0 if passes == "stable" else passes - sweeps * one_pass.sweep_passes
        read: Read = source.read
        told = "1 pass" if passes == 1 else f"{passes} passes"
        if sweeps:
            scratch = [stack.enter_context(ScratchRaster(folder, shape)) for _ in range(2)]
            settling = settle(
                read, (scratch[0], scratch[1]), shape, one_pass, sweeps, progress=progress
            )
            read = settling.read
            if passes == "stable":
                told = _tell(settling)
        tags = with_step(source.tags, f"majority filter: {name}, {told}")
        with create_class_raster(
            out, source.grid, source.classes, overwrite=overwrite, tags=tags
        ) as sink:
            sweep(read, sink.write, shape, one_pass, rest, progress=progress, stage="filter")
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
