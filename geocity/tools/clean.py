"""Clean a class raster: dissolve small patches and fill small holes, by area."""

import logging
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geocity.core.classes import ClassTable, LandClass, default_color
from geocity.core.grid import Window, blocks
from geocity.core.patches import PatchGraphBuilder, Patchwork
from geocity.core.progress import Progress, silent
from geocity.core.sieve import BACKGROUND, cells_for_area, sieve_patches
from geocity.errors import InputError
from geocity.io.class_rasters import ClassRaster, create_class_raster, open_class_raster
from geocity.io.gdal_cache import class_cache_bytes, limited_cache
from geocity.io.history import with_step
from geocity.io.staging import PathLike, fresh_output

logger = logging.getLogger(__name__)

# Whole blocks of our files, a few at a time: wide enough that seams are few.
_PART_SHAPE = (512, 2048)


def clean(
    classes: PathLike,
    *,
    out: PathLike,
    min_area_m2: float = 0.0,
    min_hole_m2: float = 0.0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Dissolve patches below a minimum mapping unit, then fill small holes.

    A patch (cells of one class connected by their edges) that is smaller than `min_area_m2` and no
    background takes the class with which it shares the longest border; a patch of background that
    is smaller than `min_hole_m2` and wholly enclosed by one class takes that class. Nodata stays.
    `geocity.core.sieve` has the rules in full. The raster is read twice and never held.

    Args:
        classes: the class raster; class 0 is background.
        out: the cleaned class raster to write, a GeoTIFF.
        min_area_m2: the smallest patch to keep, in m²; 0 keeps all.
        min_hole_m2: the smallest hole to keep, in m²; 0 keeps all.
        overwrite: replace what is there.
        progress: told how far the work is.

    Returns:
        The path of the result.

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
    with (
        open_class_raster(classes) as source,
        limited_cache(class_cache_bytes(source.grid.shape[1])),
    ):
        patchwork, new = _decide(source, min_area_m2, min_hole_m2, progress)
        table = _with_background(source.classes) if (new == BACKGROUND).any() else source.classes
        step = f"clean: patches below {min_area_m2:g} m² dissolved, holes below {min_hole_m2:g} m²"
        tags = with_step(source.tags, f"{step} filled")
        with create_class_raster(out, source.grid, table, overwrite=overwrite, tags=tags) as sink:
            for window, values in _parts(source, progress, "write"):
                sink.write(patchwork.paint(values, window, new), window)
    return Path(out)


def _decide(
    source: ClassRaster, min_area_m2: float, min_hole_m2: float, progress: Progress
) -> tuple[Patchwork, NDArray[np.uint8]]:
    """First reading: where the patches lie, and what each of them becomes."""
    builder = PatchGraphBuilder(source.grid.shape)
    for window, values in _parts(source, progress, "find patches"):
        builder.add(values, window)
    graph, patchwork = builder.finish()
    cell_m2 = source.grid.cell_area_m2
    new = sieve_patches(
        graph,
        min_cells=cells_for_area(min_area_m2, cell_m2),
        min_hole_cells=cells_for_area(min_hole_m2, cell_m2),
    )
    filled = (graph.classes == BACKGROUND) & (new != BACKGROUND)
    dissolved = (graph.classes != new) & ~filled
    logger.info(
        "%d of %d patches dissolved (%.0f m²), %d holes filled (%.0f m²).",
        np.count_nonzero(dissolved),
        np.count_nonzero(graph.classes != BACKGROUND) - 1,  # node 0 is nodata
        graph.cells[dissolved].sum() * cell_m2,
        np.count_nonzero(filled),
        graph.cells[filled].sum() * cell_m2,
    )
    return patchwork, new


def _parts(
    source: ClassRaster, progress: Progress, stage: str
) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
    windows = list(blocks(source.grid.shape, _PART_SHAPE))
    for done, window in enumerate(windows):
        progress(done, len(windows), stage)
        yield window, source.read(window)
    progress(len(windows), len(windows), stage)


def _with_background(table: ClassTable) -> ClassTable:
    """Patches that had no neighbour are background now, which the raster may not have had."""
    if BACKGROUND in table.values:
        return table
    background = LandClass(BACKGROUND, "background", default_color(BACKGROUND))
    return ClassTable.of([*table, background])
