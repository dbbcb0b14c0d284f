"""Class rasters of several dates on one grid, reduced to the ground that all of them show."""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geocity.core.alignment import finest, shared_window
from geocity.core.area_of_interest import AreaOfInterest
from geocity.core.areas import GroundMeasure
from geocity.core.classes import NODATA, ClassTable, LandClass
from geocity.core.grid import Window, blocks
from geocity.core.patch_tables import PART_SHAPE
from geocity.core.progress import Progress
from geocity.errors import ClassTableError, InputError, NoOverlapError
from geocity.io.aligned_classes import AlignedClasses
from geocity.io.class_rasters import ClassRaster, open_class_raster
from geocity.io.closing import Closing
from geocity.io.gdal_cache import class_cache_bytes, limited_cache
from geocity.io.label_layers import read_area
from geocity.io.scratch_rasters import ScratchRaster
from geocity.io.staging import PathLike

logger = logging.getLogger(__name__)

_LITTLE = 0.5


class RasterDates(Closing):
    """Class rasters, aligned: every date is read on the same grid, from a scratch file.

    A cell counts if every date has a class there, so that the figures of all pairs of dates are
    about the same ground. The others are 255 on every date.

    Args:
        paths: the class rasters.
        area: polygons outside of which nothing counts.
        folder: for scratch files, one byte a cell and date.
        progress: told of each part.

    Attributes:
        grid: the grid that all dates are read on.
        ground: measures its cells.
        reference: the raster whose cells it has.
        classes: of all dates together.
        tags: what each raster says about itself.
        common_m2: the area that all dates show.

    Raises:
        InputError: if a raster cannot be read.
        ClassTableError: if two rasters mean different classes by one value.
        NoOverlapError: if there is no ground that all dates show.
    """

    def __init__(
        self, paths: Sequence[PathLike], area: PathLike | None, folder: Path, progress: Progress
    ) -> None:
        self._stack = contextlib.ExitStack()
        try:
            rasters = [self._stack.enter_context(open_class_raster(path)) for path in paths]
            widest = max(raster.grid.shape[1] for raster in rasters)
            self._stack.enter_context(limited_cache(len(paths) * class_cache_bytes(widest)))
            self.tags: list[Mapping[str, str]] = [raster.tags for raster in rasters]
            self.classes = _joint_classes(rasters)
            self._place(rasters)
            self._scratch = [
                self._stack.enter_context(ScratchRaster(folder, self.grid.shape)) for _ in paths
            ]
            self.common_m2 = self._align(rasters, area, progress)
        except BaseException:
            self._stack.close()
            raise

    def read(self, date: int, window: Window) -> NDArray[np.uint8]:
        """Read a window of one date, (rows, cols) class values."""
        return self._scratch[date].read(window)

    def _place(self, rasters: Sequence[ClassRaster]) -> None:
        chosen = finest([raster.grid for raster in rasters])
        self.reference = rasters[chosen].path
        try:
            window = shared_window(rasters[chosen].grid, [raster.grid for raster in rasters])
            if window is None:
                raise NoOverlapError(
                    f"{_listed(rasters)} do not all show one place; name maps of the same ground."
                )
            self.grid = rasters[chosen].grid[window]
            self.ground = GroundMeasure(self.grid)
        except ValueError as error:
            if isinstance(error, NoOverlapError):
                raise
            raise InputError(
                f"The rasters cannot be aligned: {error}; assign the right CRS to each."
            ) from error

    def _align(
        self, rasters: Sequence[ClassRaster], area: PathLike | None, progress: Progress
    ) -> float:
        """Write each date to its scratch file; return the area that all of them show."""
        aligned = [AlignedClasses(raster, self.grid) for raster in rasters]
        self._tell_grid(rasters, aligned)
        wanted = AreaOfInterest(read_area(area, self.grid.crs), self.grid) if area else None
        common_m2, own_m2 = 0.0, np.zeros(len(rasters))
        windows = list(blocks(self.grid.shape, PART_SHAPE))
        for done, window in enumerate(windows):
            progress(done, len(windows), "align")
            dates = [source.read(window) for source in aligned]
            known = np.stack(dates) != NODATA
            if wanted is not None:
                known &= wanted.mask(window)
            cell_m2 = self.ground.cell_areas(window)
            own_m2 += (known * cell_m2).sum(axis=(1, 2))
            common = known.all(axis=0)
            common_m2 += float(cell_m2[common].sum())
            for values, scratch in zip(dates, self._scratch, strict=True):
                scratch.write(np.where(common, values, np.uint8(NODATA)), window)
        progress(len(windows), len(windows), "align")
        if common_m2 == 0:
            raise NoOverlapError(
                f"{_listed(rasters)} have no ground in common that all of them show; name maps of "
                "the same ground."
            )
        self._tell_common(rasters, own_m2, common_m2)
        return common_m2

    def _tell_grid(self, rasters: Sequence[ClassRaster], aligned: Sequence[AlignedClasses]) -> None:
        moved = [
            raster.path.name
            for raster, source in zip(rasters, aligned, strict=True)
            if source.resampled
        ]
        if moved:
            logger.info(
                "The dates are compared on the cells of %s (%.3g m), the smallest; %s by the "
                "nearest cell.",
                self.reference.name,
                self.grid.cell_size_m,
                ", ".join(moved),
            )

    @staticmethod
    def _tell_common(
        rasters: Sequence[ClassRaster], own_m2: NDArray[np.float64], common_m2: float
    ) -> None:
        logger.info("All dates show %.2f ha in common; only that counts.", common_m2 / 1e4)
        for raster, own in zip(rasters, own_m2, strict=True):
            whole = raster.grid.cell_area_m2 * raster.grid.shape[0] * raster.grid.shape[1]
            if common_m2 < _LITTLE * min(whole, own):
                logger.warning("That is less than half of what %s shows there.", raster.path.name)

    def close(self) -> None:
        """Close the rasters and give the scratch files up."""
        self._stack.close()


def _joint_classes(rasters: Sequence[ClassRaster]) -> ClassTable:
    """Return the classes of all rasters; a value without a name takes the one it has elsewhere."""
    found: dict[int, tuple[LandClass, Path]] = {}
    for raster in rasters:
        for land_class in raster.classes:
            known = found.get(land_class.value)
            if known is None or _nameless(known[0]):
                found[land_class.value] = land_class, raster.path
            elif not _nameless(land_class) and not _same_name(known[0], land_class):
                raise ClassTableError(
                    f"The value {land_class.value} means {known[0].name!r} in {known[1].name} and "
                    f"{land_class.name!r} in {raster.path.name}; reclassify one of them first."
                )
    return ClassTable.of([land_class for land_class, _ in found.values()])


def _nameless(land_class: LandClass) -> bool:
    return land_class.name == f"class {land_class.value}"


def _same_name(one: LandClass, other: LandClass) -> bool:
    return one.name.casefold() == other.name.casefold()


def _listed(rasters: Sequence[ClassRaster]) -> str:
    names = [raster.path.name for raster in rasters]
    return f"{', '.join(names[:-1])} and {names[-1]}"
