"""What the indicators are made from: slums, coverage and units in one equal-area plane."""

import datetime
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from geocity.core.equal_area import equal_area_crs, reproject_polygons
from geocity.core.indicators import Geometries, SlumsOnDate
from geocity.core.progress import Progress
from geocity.errors import InputError
from geocity.io.named_units import NamedUnits, split_layer
from geocity.io.slum_sources import DatedSlums
from geocity.io.staging import PathLike
from geocity.io.traced_rasters import is_raster, trace_valid
from geocity.io.vectors import read_polygons

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """The equal-area plane, and the units in it.

    Attributes:
        crs: of the plane.
        units: valid polygons.
    """

    crs: pyproj.CRS
    units: Sequence[BaseGeometry]

    @classmethod
    def around(cls, named: NamedUnits, path: PathLike) -> "Plane":
        """Lay the plane around units.

        Raises:
            InputError: if they do not lie on Earth.
        """
        try:
            crs = equal_area_crs(named.frame)
            frame_crs = pyproj.CRS(named.frame.crs)
        except (ValueError, pyproj.exceptions.ProjError) as error:
            raise InputError(
                f"{path} cannot be measured: {error}; assign the right CRS to it."
            ) from error
        geometries = np.asarray(named.frame.geometry.array, dtype=object)
        return cls(crs, [_mended(g) for g in reproject_polygons(geometries, frame_crs, crs)])

    def put_together(self, parts: Iterable[DatedSlums]) -> list[SlumsOnDate]:
        """Bring slums to the plane; what several sources say of one date becomes one."""
        by_date: dict[datetime.date, list[DatedSlums]] = {}
        for part in parts:
            by_date.setdefault(part.date, []).append(part)
        dates = []
        for date in sorted(by_date):
            here = by_date[date]
            if len(here) > 1:
                logger.info("%d sources of %s are put together.", len(here), date)
            outlines = [self._valid(part.outlines, part.crs) for part in here]
            known = [self._valid(p.valid, p.crs) for p in here if p.valid is not None]
            covered = shapely.union_all(np.concatenate(known)) if len(known) == len(here) else None
            dates.append(SlumsOnDate(date, np.concatenate(outlines), covered))
        return dates

    def area(self, polygons: Iterable[BaseGeometry], crs: pyproj.CRS) -> BaseGeometry:
        """Return polygons as one area of the plane."""
        return shapely.union_all(self._valid(np.array(list(polygons), dtype=object), crs))

    def _valid(self, polygons: Geometries, crs: pyproj.CRS) -> Geometries:
        return np.asarray(_mended(reproject_polygons(polygons, crs, self.crs)), dtype=object)


def _mended(geometries: Any) -> Any:
    # Outlines that touch themselves may cross themselves by a hair once they are turned.
    return shapely.make_valid(geometries, method="structure", keep_collapsed=False)


def with_coverage(
    dates: list[SlumsOnDate], covered: Sequence[PathLike], plane: Plane, progress: Progress
) -> list[SlumsOnDate]:
    """Say what ground was looked at on each date.

    Args:
        dates: oldest first.
        covered: scenes or polygons, one for all dates or one each; none: what the sources say.
            Of sources that say it themselves, only what lies in both counts.
        plane: that the dates are in.
        progress: told of the rows of rasters.

    Raises:
        InputError: if their number does not fit, or one cannot be read.
    """
    if not covered:
        unknown = [str(d.date) for d in dates if d.covered is None]
        if unknown:
            logger.warning(
                "The slums of %s do not say what ground was looked at, so a unit without slums may "
                "as well have no imagery; shares are of whole units. Give the scenes or an outline "
                "(--covered).",
                ", ".join(unknown),
            )
        return dates
    if len(covered) not in (1, len(dates)):
        raise InputError(
            f"{len(covered)} coverages were given for {len(dates)} dates; give one for all, or one "
            "for each, oldest first. For several scenes of one date give one layer of "
            "polygons of what they show."
        )
    areas = [_read_coverage(path, plane, progress) for path in covered]
    if len(areas) == 1:
        areas *= len(dates)
    return [
        SlumsOnDate(
            slums.date,
            slums.outlines,
            area if slums.covered is None else shapely.intersection(area, slums.covered),
        )
        for slums, area in zip(dates, areas, strict=True)
    ]


def _read_coverage(path: PathLike, plane: Plane, progress: Progress) -> BaseGeometry:
    if is_raster(path):
        traced = trace_valid(path, progress)
        return plane.area(traced.valid, traced.crs)
    file, layer = split_layer(path)
    frame = read_polygons(file, layer=layer)
    return plane.area(frame.geometry, pyproj.CRS(frame.crs))
