"""Slum indicators of wards or other units on several dates: areas, numbers, change.

Everything happens in one equal-area plane (`equal_area`), so planar areas are areas on the ground.

The rules, since each could be otherwise:

- An outline is a settlement. It is counted in the unit that holds most of it, so that the numbers
  of the units add up; slivers below a square metre do not count.
- Ground under several outlines counts once.
- What the imagery does not cover is not known: outlines are cut at its edge, and growth, loss and
  rate are measured on ground that both dates cover. A unit without any imagery has no figures.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

Geometries = NDArray[np.object_]

_SLIVER_M2 = 1.0
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True, eq=False)
class SlumsOnDate:
    """The slums of all units on one date.

    Attributes:
        date: of the image.
        outlines: (settlements,) valid polygons or multipolygons.
        covered: the ground that the imagery shows; None where nobody knows.
    """

    date: datetime.date
    outlines: Geometries
    covered: BaseGeometry | None = None

    def cut(self) -> "SlumsOnDate":
        """Return the same without what lies beyond the imagery."""
        if self.covered is None:
            return self
        return SlumsOnDate(self.date, _cut(self.outlines, self.covered), self.covered)


@dataclass(frozen=True, slots=True)
class Turnover:
    """What became of slums between two dates, on ground that both dates cover.

    Attributes:
        growth_m2: slum now, and not before.
        loss_m2: slum before, and not now.
        before_m2: slum before.
        after_m2: slum now.
        years: between the dates.
    """

    growth_m2: float
    loss_m2: float
    before_m2: float
    after_m2: float
    years: float

    @property
    def annual_rate(self) -> float | None:
        """Return the compound yearly rate; None from nothing, or within one day.

        Example:
            >>> round(Turnover(21.0, 0.0, 100.0, 121.0, 2.0).annual_rate, 9)
            0.1
        """
        if self.before_m2 <= 0 or self.years <= 0:
            return None
        return float((self.after_m2 / self.before_m2) ** (1 / self.years) - 1)


@dataclass(frozen=True, slots=True, eq=False)
class UnitSlums:
    """The slums of one unit on one date.

    Attributes:
        unit_m2: area of the unit.
        seen: the part of the unit that the imagery covers; all of it where nobody knows.
        coverage_known: whether somebody knows.
        slums: the slums in that part, as one geometry.
        settlements: how many are counted here.
        largest_m2: the largest part of a settlement inside the unit.
        outlined_m2: area of all outlines, ground under several counted as often.
        turnover: since the date before; None on the first, and where no ground is on both.
    """

    unit_m2: float
    seen: BaseGeometry
    coverage_known: bool
    slums: BaseGeometry
    settlements: int
    largest_m2: float
    outlined_m2: float
    turnover: Turnover | None = None

    @property
    def seen_m2(self) -> float:
        """Return the area of the part that is seen."""
        return float(self.seen.area)

    @property
    def slum_m2(self) -> float:
        """Return the slum area, ground under several outlines counted once."""
        return float(self.slums.area)


def measure_units(
    units: Sequence[BaseGeometry], dates: Sequence[SlumsOnDate]
) -> list[list[UnitSlums]]:
    """Measure the slums of every unit on every date.

    Args:
        units: valid polygons; where two overlap, both get what lies in both.
        dates: oldest first, in the same equal-area plane.

    Returns:
        For each date, the slums of each unit.
    """
    places = np.array(units, dtype=object)
    shapely.prepare(places)
    result: list[list[UnitSlums]] = []
    for number, slums in enumerate(dates):
        row = _measure_date(places, slums.cut())
        if number:
            days = (slums.date - dates[number - 1].date).days
            row = [_with_turnover(now, result[-1][i], days) for i, now in enumerate(row)]
        result.append(row)
    return result


def _measure_date(units: Geometries, slums: SlumsOnDate) -> list[UnitSlums]:
    parts = _Parts.of(units, slums.outlines)
    counted = parts.counted_in(len(units))
    borders = np.searchsorted(parts.unit, np.arange(1, len(units)))
    of_unit = np.split(np.arange(len(parts.unit)), borders)
    measured = []
    for index, (unit, here) in enumerate(zip(units, of_unit, strict=True)):
        seen = unit if slums.covered is None else _areal(shapely.intersection(unit, slums.covered))
        measured.append(
            UnitSlums(
                unit_m2=float(unit.area),
                seen=seen,
                coverage_known=slums.covered is not None,
                # Settlements mostly lie apart, which this union makes use of.
                slums=shapely.disjoint_subset_union_all(parts.geometry[here]),
                settlements=int(counted[index]),
                largest_m2=float(parts.area_m2[here].max(initial=0.0)),
                outlined_m2=float(parts.area_m2[here].sum()),
            )
        )
    return measured


def _with_turnover(now: UnitSlums, before: UnitSlums, days: int) -> UnitSlums:
    common = None
    if now.coverage_known or before.coverage_known:
        common = shapely.intersection(now.seen, before.seen)
        if common.area <= 0:
            return now
    earlier, later = (
        slums if common is None or shapely.covers(common, slums) else _cut_one(slums, common)
        for slums in (before.slums, now.slums)
    )
    turnover = Turnover(
        growth_m2=float(shapely.difference(later, earlier).area),
        loss_m2=float(shapely.difference(earlier, later).area),
        before_m2=float(earlier.area),
        after_m2=float(later.area),
        years=days / _DAYS_A_YEAR,
    )
    return replace(now, turnover=turnover)


def total_of(units: Sequence[UnitSlums]) -> UnitSlums:
    """Add up units that do not overlap.

    The largest settlement is the largest part of one inside a single unit.
    """
    turnovers = [unit.turnover for unit in units if unit.turnover is not None]
    return UnitSlums(
        unit_m2=sum(unit.unit_m2 for unit in units),
        seen=shapely.MultiPolygon(_polygons([unit.seen for unit in units])),
        coverage_known=all(unit.coverage_known for unit in units),
        slums=shapely.MultiPolygon(_polygons([unit.slums for unit in units])),
        settlements=sum(unit.settlements for unit in units),
        largest_m2=max(unit.largest_m2 for unit in units),
        outlined_m2=sum(unit.outlined_m2 for unit in units),
        turnover=Turnover(
            sum(t.growth_m2 for t in turnovers),
            sum(t.loss_m2 for t in turnovers),
            sum(t.before_m2 for t in turnovers),
            sum(t.after_m2 for t in turnovers),
            turnovers[0].years,
        )
        if turnovers
        else None,
    )


def overlap_share(units: Sequence[BaseGeometry]) -> float:
    """Return how much of the units' area is counted more than once, as a share."""
    summed = float(sum(unit.area for unit in units))
    return 1 - float(shapely.union_all(np.array(units, dtype=object)).area) / summed


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """The parts of settlements inside units; parallel arrays, ordered by unit."""

    settlement: NDArray[np.int64]
    unit: NDArray[np.int64]
    geometry: Geometries
    area_m2: NDArray[np.float64]

    @classmethod
    def of(cls, units: Geometries, outlines: Geometries) -> "_Parts":
        pairs = shapely.STRtree(outlines).query(units, predicate="intersects")
        unit, settlement = pairs[:, np.lexsort((pairs[1], pairs[0]))]
        geometry = outlines[settlement]
        inside = shapely.covers(units[unit], geometry)
        if not inside.all():
            geometry = geometry.copy()
            cut = shapely.intersection(units[unit[~inside]], geometry[~inside])
            geometry[~inside] = [_areal(part) for part in cut]
        area_m2 = shapely.area(geometry)
        kept = area_m2 >= _SLIVER_M2
        return cls(settlement[kept], unit[kept], geometry[kept], area_m2[kept])

    def counted_in(self, units: int) -> NDArray[np.int64]:
        """Return how many settlements have their largest part in each unit."""
        # The largest part of each settlement comes first, of equal ones that of the first unit.
        order = np.lexsort((self.unit, -self.area_m2, self.settlement))
        first = np.unique(self.settlement[order], return_index=True)[1]
        return np.bincount(self.unit[order][first], minlength=units)


def _cut(outlines: Geometries, area: BaseGeometry) -> Geometries:
    shapely.prepare(area)
    inside = shapely.covers(area, outlines)
    parts = outlines.copy()
    parts[~inside] = [_cut_one(outline, area) for outline in outlines[~inside]]
    return np.asarray(parts[shapely.area(parts) > 0])


def _cut_one(geometry: BaseGeometry, area: BaseGeometry) -> BaseGeometry:
    return _areal(shapely.intersection(geometry, area))


def _areal(geometry: BaseGeometry) -> BaseGeometry:
    """Return the polygons of what an intersection leaves; touching lines and points go."""
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    return shapely.MultiPolygon(_polygons([geometry]))


def _polygons(geometries: Sequence[BaseGeometry]) -> list[shapely.Polygon]:
    parts = shapely.get_parts(shapely.get_parts(np.array(geometries, dtype=object)))
    return [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]
