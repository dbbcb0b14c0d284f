"""Class rasters of several dates on one grid, reduced to the ground that all of them show."""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geocity.core.alignment import finest, shared_window
from geocity.core.area_of_interest import AreaOfInterest
from geocity.core.areas import GroundMeasure
from geocity.core.classes import NODATA, ClassTable, LandClass
from geocity.core.grid import Grid, Window
from geocity.errors import ClassTableError, InputError, NoOverlapError
from geocity.io.aligned_classes import AlignedClasses
from geocity.io.class_rasters import ClassRaster, open_class_raster
from geocity.io.closing import Closing
from geocity.io.gdal_cache import class_cache_bytes, limited_cache
from geocity.io.label_layers import read_area
from geocity.io.staging import PathLike

logger = logging.getLogger(__name__)

_LITTLE = 0.5


@dataclass(frozen=True, slots=True)
class DatesPlan:
    """How dates are read on one grid; it travels to whatever process reads them.

    Attributes:
        paths: the class rasters, absolute.
        grid: the grid that all dates are read on.
        area: outside of which nothing counts.
        reference: the raster whose cells the grid has.
        classes: of all dates together.
        tags: what each raster says about itself.
    """

    paths: tuple[Path, ...]
    grid: Grid
    area: AreaOfInterest | None
    reference: Path
    classes: ClassTable
    tags: tuple[Mapping[str, str], ...]


def plan_dates(paths: Sequence[PathLike], area: PathLike | None) -> DatesPlan:
    """Find the grid on which class rasters can be compared.

    Args:
        paths: the class rasters.
        area: polygons outside of which nothing counts.

    Raises:
        InputError: if a raster cannot be read.
        ClassTableError: if two rasters mean different classes by one value.
        NoOverlapError: if the rasters do not show one place.
    """
    with contextlib.ExitStack() as stack:
        rasters = [stack.enter_context(open_class_raster(path)) for path in paths]
        stack.enter_context(limited_cache(_cache_bytes(rasters)))
        classes = _joint_classes(rasters)
        chosen = finest([raster.grid for raster in rasters])
        grid = _shared_grid(rasters, chosen)
        _tell_grid(rasters, grid, rasters[chosen].path)
        return DatesPlan(
            tuple(Path(path).absolute() for path in paths),
            grid,
            AreaOfInterest(read_area(area, grid.crs), grid) if area else None,
            rasters[chosen].path,
            classes,
            tuple(raster.tags for raster in rasters),
        )


class AlignedDates(Closing):
    """Reads class rasters on one grid.

    A cell counts if every date has a class there, so that the figures of all pairs of dates are
    about the same ground. The others are 255 on every date.

    Args:
        plan: which rasters, and on what grid.
    """

    def __init__(self, plan: DatesPlan) -> None:
        self._stack, self._area = contextlib.ExitStack(), plan.area
        try:
            rasters = [self._stack.enter_context(open_class_raster(path)) for path in plan.paths]
            self._stack.enter_context(limited_cache(_cache_bytes(rasters)))
            self._dates = [AlignedClasses(raster, plan.grid) for raster in rasters]
        except BaseException:
            self._stack.close()
            raise

    def read(self, window: Window) -> tuple[list[NDArray[np.uint8]], NDArray[np.bool_]]:
        """Read a window.

        Returns:
            (rows, cols) class values of each date, 255 where not all show the ground; and where
            each date by itself shows it, (dates, rows, cols).
        """
        dates = [date.read(window) for date in self._dates]
        known = np.stack(dates) != NODATA
        if self._area is not None:
            known &= self._area.mask(window)
        common = known.all(axis=0)
        return [np.where(common, values, np.uint8(NODATA)) for values in dates], known

    def close(self) -> None:
        """Close the rasters."""
        self._stack.close()


def tell_common(plan: DatesPlan, own_m2: Sequence[float], common_m2: float) -> None:
    """Say how much ground all dates show.

    Args:
        plan: the rasters.
        own_m2: what each shows by itself.
        common_m2: what all show.

    Raises:
        NoOverlapError: if that is nothing.
    """
    if common_m2 == 0:
        raise NoOverlapError(
            f"{_listed(plan.paths)} have no ground in common that all of them show; name maps of "
            "the same ground."
        )
    logger.info("All dates show %.2f ha in common; only that counts.", common_m2 / 1e4)
    for path, own in zip(plan.paths, own_m2, strict=True):
        with open_class_raster(path) as raster:
            grid = raster.grid
        whole = grid.cell_area_m2 * grid.shape[0] * grid.shape[1]
        if common_m2 < _LITTLE * min(whole, own):
            logger.warning("That is less than half of what %s shows there.", path.name)


def _cache_bytes(rasters: Sequence[ClassRaster]) -> int:
    return len(rasters) * class_cache_bytes(max(raster.grid.shape[1] for raster in rasters))


def _shared_grid(rasters: Sequence[ClassRaster], chosen: int) -> Grid:
    try:
        window = shared_window(rasters[chosen].grid, [raster.grid for raster in rasters])
        if window is not None:
            grid = rasters[chosen].grid[window]
            GroundMeasure(grid)
            return grid
    except ValueError as error:
        raise InputError(
            f"The rasters cannot be aligned: {error}; assign the right CRS to each."
        ) from error
    paths = [raster.path for raster in rasters]
    raise NoOverlapError(
        f"{_listed(paths)} do not all show one place; name maps of the same ground."
    )


def _tell_grid(rasters: Sequence[ClassRaster], grid: Grid, reference: Path) -> None:
    moved = [raster.path.name for raster in rasters if AlignedClasses(raster, grid).resampled]
    if moved:
        logger.info(
            "The dates are compared on the cells of %s (%.3g m), the smallest; %s by the "
            "nearest cell.",
            reference.name,
            grid.cell_size_m,
            ", ".join(moved),
        )


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


def _listed(paths: Sequence[Path]) -> str:
    names = [path.name for path in paths]
    return f"{', '.join(names[:-1])} and {names[-1]}"
