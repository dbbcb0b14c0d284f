"""A class raster, and the probabilities of its classes, strip by strip from top to bottom."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Window
from geocity.core.probability_tally import PROBABILITY_STEPS
from geocity.core.progress import Progress
from geocity.errors import ClassTableError, GridMismatchError
from geocity.io.class_rasters import ClassRaster, ProbabilityRaster

UNKNOWN = 255

_READ_PIXELS = 8_000_000
_STRIP_PIXELS = 2_000_000

Strip = tuple[NDArray[np.uint8], NDArray[np.uint8] | None]
"""Classes, and their probabilities in steps of 1/254."""


def class_strips(
    source: ClassRaster,
    probability: ProbabilityRaster | None,
    bands: Mapping[int, int],
    progress: Progress,
    stage: str,
    band: Window | None = None,
) -> Iterator[Strip]:
    """Yield a class raster as strips of a few million pixels.

    Args:
        source: an open class raster.
        probability: probabilities on the same grid.
        bands: the 0-based band of each class value; other classes have no probability.
        progress: told of the rows done.
        stage: what to call the work.
        band: some rows of it, in its full width; all if not given.
    """
    band = band or source.grid.window
    rows, cols = band.shape
    block = source.block_shape[0]
    # Whole blocks are read, so that none is decoded twice; they are worked on in thinner strips.
    tall = max(1, _READ_PIXELS // (cols * block)) * block if cols * block < _READ_PIXELS else block
    thin = max(1, _STRIP_PIXELS // cols)
    for top in range(0, rows, tall):
        window = Window(band.row + top, 0, min(tall, rows - top), cols)
        values = source.read(window)
        known = None if probability is None else _quantised(values, probability, bands, window)
        for row in range(0, window.rows, thin):
            part = slice(row, row + thin)
            yield values[part], None if known is None else known[part]
            progress(min(top + row + thin, rows), rows, stage)


def _quantised(
    values: NDArray[np.uint8],
    probability: ProbabilityRaster,
    bands: Mapping[int, int],
    window: Window,
) -> NDArray[np.uint8]:
    known = np.full(values.shape, UNKNOWN, np.uint8)
    for value, band in bands.items():
        inside = values == value
        if inside.any():
            found = np.rint(probability.read(window, band)[inside] * PROBABILITY_STEPS)
            known[inside] = np.nan_to_num(found, nan=UNKNOWN).clip(0, UNKNOWN)
    return known


def bands_of_classes(
    probability: ProbabilityRaster, source: ClassRaster, values: tuple[int, ...]
) -> dict[int, int]:
    """Return the 0-based band with the probability of each class.

    Raises:
        GridMismatchError: if the probabilities lie on another grid.
        ClassTableError: if a class has no band.
    """
    if not probability.grid.same_as(source.grid):
        raise GridMismatchError(
            f"{probability.path} does not lie on the pixels of {source.path}; give the probability "
            "raster that was made together with it."
        )
    names = [name.casefold() for name in probability.class_names]
    bands = {}
    for value in values:
        name = source.classes.by_value(value).name
        if name.casefold() in names:
            bands[value] = names.index(name.casefold())
        elif len(names) == 1 and len(values) == 1:
            bands[value] = 0  # one class, one band: there is nothing to mistake
        else:
            raise ClassTableError(
                f"{probability.path} has no band for the class {name!r}; it has "
                f"{', '.join(probability.class_names)}. Choose among those with --classes."
            )
    return bands
