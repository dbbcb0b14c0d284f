"""Cleaning: against GDAL's sieve and scipy's labels on whole arrays, and its memory.

Run: ``python benchmarks/clean.py [FOLDER]``; the folder takes about 100 MB of rasters.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from numpy.typing import NDArray
from rasterio.features import sieve as gdal_sieve
from scipy import ndimage

from benchmarks.class_map import Job, compare_jobs, copy_blocks, report
from geocity.io.class_raster_sinks import create_class_raster
from geocity.io.class_rasters import open_class_raster
from geocity.tools.clean import clean

MIN_AREA_M2, MIN_HOLE_M2 = 64.0, 32.0
CELLS, HOLE_CELLS = 100, 50
REPEATS = 2


Values = NDArray[np.uint8]


def on_whole_array(path: Path, out: Path, clean_array: Callable[[Values], Values]) -> None:
    with open_class_raster(path) as source:
        values = clean_array(source.read(source.grid.window))
        grid, classes = source.grid, source.classes
    with create_class_raster(out, grid, classes, overwrite=True) as sink:
        sink.write(values, grid.window)


def label_and_count(values: Values) -> Values:
    """The usual way: label each class, count, drop what is small to background, fill holes."""
    for value in np.unique(values[(values != 0) & (values != 255)]):
        labels, _ = ndimage.label(values == value)
        small = np.bincount(labels.ravel()) < CELLS
        small[0] = False
        values[small[labels]] = 0
    labels, _ = ndimage.label(values == 0)
    small = np.bincount(labels.ravel()) < HOLE_CELLS
    small[0] = False
    values[small[labels]] = 1
    return values


JOBS: dict[str, Job] = {
    "block copy": copy_blocks,
    "clean": lambda path, out: clean(
        path, out=out, min_area_m2=MIN_AREA_M2, min_hole_m2=MIN_HOLE_M2, overwrite=True
    ),
    "GDAL sieve, whole": lambda path, out: on_whole_array(
        path, out, lambda values: gdal_sieve(values, CELLS, connectivity=4)
    ),
    "scipy label per class, whole": lambda path, out: on_whole_array(path, out, label_and_count),
}


if __name__ == "__main__":
    if len(sys.argv) == 4:
        job, path, out = sys.argv[1:]
        report(lambda: JOBS[job](Path(path), Path(out)))
    else:
        with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as made:
            sides = (4096, 16384)
            compare_jobs(__file__, JOBS, Path(made), sides=sides, repeats=REPEATS)
