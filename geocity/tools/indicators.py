"""Slum area, settlements, growth and people, by ward and date."""

import datetime
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import shapely

from geocity.core.indicator_rows import ALL_UNITS, Interval, Row, UnitPeople, indicator_row
from geocity.core.indicators import (
    SlumsOnDate,
    UnitSlums,
    measure_units,
    overlap_share,
    total_of,
)
from geocity.core.progress import Progress, silent
from geocity.errors import InputError, NoOverlapError
from geocity.io.image_dates import year_in
from geocity.io.indicator_tables import refuse_other_formats, write_indicators
from geocity.io.named_units import NamedUnits, read_units
from geocity.io.population import count_people
from geocity.io.slum_intervals import SlumIntervals, read_intervals
from geocity.io.slum_sources import read_slums
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.indicator_inputs import Plane, with_coverage

logger = logging.getLogger(__name__)

_OVERLAP_TOLD = 1e-4
_OVERLAP_OF_SLUMS = 0.01
_SAME_AREA = 0.01
_PEOPLE_TOLD = 0.99


@dataclass(frozen=True, slots=True)
class IndicatorOptions:
    """How the inputs are read.

    Attributes:
        unit_field: field with the names of the units; None: the one that is called so.
        slum_class: name or value of the class that means slum, where there are several.
        dates: of the images, one for each slum source; none: what the sources say.
        population: people per cell: one raster for all dates, or one a date.
        covered: what the imagery covers, polygons or the scenes themselves: one for all dates, or
            one a date; class rasters say it themselves.
        assessments: ``assessment.json`` of the maps; give the slum area its interval.
    """

    unit_field: str | None = None
    slum_class: str | None = None
    dates: tuple[datetime.date, ...] = ()
    population: tuple[PathLike, ...] = ()
    covered: tuple[PathLike, ...] = ()
    assessments: tuple[PathLike, ...] = ()


_DEFAULTS = IndicatorOptions()


def indicators(
    slums: Sequence[PathLike],
    *,
    units: PathLike,
    out: PathLike,
    options: IndicatorOptions = _DEFAULTS,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Tell how much slum there is in each ward on each date, and how many people live there.

    The columns and the rules behind them are told in ``<stem>.md`` beside the table: true areas,
    ground under several outlines counted once, a settlement counted where most of it lies, growth
    and loss on ground that both dates cover, and an empty cell where nobody can know. With
    population the share of people is a proxy for UN SDG indicator 11.1.1 (UN-Habitat, metadata
    11-01-01): it shows where slums are, not which households lack water, sanitation, space, a
    durable house or secure tenure.

    Args:
        slums: polygon layers (``file.gpkg|layername=x`` where there are several, or a field `date`
            with several dates) and class rasters. Sources of one date are put together.
        units: polygons with names, in any CRS.
        out: the table, .csv or .gpkg.
        options: how the inputs are read.
        overwrite: replace what is there.
        progress: told how far the work is.

    Returns:
        The path of the table.

    Raises:
        InputError: if an input or an option cannot be used.
        NoOverlapError: if no slum and no imagery lies in the units.
        OutputExistsError: if the table is there already.
    """
    refuse_other_formats(out)
    fresh_output(out, overwrite=overwrite)
    _check(slums, options)
    named = read_units(units, options.unit_field)
    plane = Plane.around(named, units)
    intervals = [read_intervals(path, options.slum_class) for path in options.assessments]
    parts = [
        part
        for number, path in enumerate(slums)
        for part in read_slums(
            path,
            wanted=options.slum_class,
            date=options.dates[number] if options.dates else None,
            progress=progress,
        )
    ]
    dates = with_coverage(plane.put_together(parts), options.covered, plane, progress)
    _refuse_elsewhere(dates, plane, slums, units)
    rows, remarks = _Table(named, plane, dates).rows(options.population, intervals, progress)
    total = shapely.union_all(np.asarray(named.frame.geometry.array, dtype=object))
    shapes = geopandas.GeoDataFrame(
        {"unit": [*named.names, ALL_UNITS]},
        geometry=[*named.frame.geometry, total],
        crs=named.frame.crs,
    )
    return write_indicators(out, rows, shapes, remarks=remarks, overwrite=overwrite)


def _check(slums: Sequence[PathLike], options: IndicatorOptions) -> None:
    if not slums:
        raise InputError("No slum layer was given; name one or more layers or class rasters.")
    if options.dates and len(options.dates) != len(slums):
        raise InputError(
            f"{len(options.dates)} dates were given for {len(slums)} slum sources; give one for "
            "each, in the same order."
        )


def _refuse_elsewhere(
    dates: Sequence[SlumsOnDate], plane: Plane, slums: Sequence[PathLike], units: PathLike
) -> None:
    everywhere = shapely.union_all(np.array(plane.units, dtype=object))
    grounds = [d.outlines if d.covered is None else np.array([d.covered]) for d in dates]
    if not any(shapely.intersects(everywhere, ground).any() for ground in grounds):
        raise NoOverlapError(
            f"{', '.join(Path(p).name for p in slums)} and {units} do not meet anywhere; are they "
            "of the same city?"
        )


class _Table:
    """Measures, counts people, and tells it in rows."""

    def __init__(self, named: NamedUnits, plane: Plane, dates: Sequence[SlumsOnDate]) -> None:
        self._names, self._plane, self._dates = named.names, plane, dates
        self._remarks: list[str] = []

    def rows(
        self,
        population: Sequence[PathLike],
        intervals: Sequence[SlumIntervals],
        progress: Progress,
    ) -> tuple[list[Row], list[str]]:
        measured = self._measured()
        rows: list[Row] = []
        for number, (slums, units) in enumerate(zip(self._dates, measured, strict=True)):
            progress(number, len(measured), "Measuring units")
            self._tell_overlaps(slums.date, units[-1])
            people: list[UnitPeople | None] = [None] * len(units)
            if population:
                raster = self._population_of(slums.date, number, population)
                people = list(self._people(raster, units))
            told = _intervals_of(intervals, slums.date, units[-1].slum_m2, len(self._dates))
            rows += [
                indicator_row(name, slums.date, unit, who, told.get(name))
                for name, unit, who in zip([*self._names, ALL_UNITS], units, people, strict=True)
            ]
        progress(len(measured), len(measured), "Measuring units")
        return rows, self._remarks

    def _measured(self) -> list[list[UnitSlums]]:
        """Return the units of each date, the total behind them."""
        places = self._plane.units
        measured = measure_units(places, self._dates)
        share = overlap_share(places)
        if share < _OVERLAP_TOLD:
            return [[*units, total_of(units)] for units in measured]
        self._remark(
            f"{share:.1%} of the units' area lies in more than one unit: the units add up to more "
            "than the total, which counts all ground once."
        )
        whole = measure_units([shapely.union_all(np.array(places, dtype=object))], self._dates)
        return [[*units, *total] for units, total in zip(measured, whole, strict=True)]

    def _tell_overlaps(self, date: datetime.date, total: UnitSlums) -> None:
        twice_m2 = total.outlined_m2 - total.slum_m2
        if twice_m2 > _OVERLAP_OF_SLUMS * total.slum_m2:
            self._remark(
                f"{twice_m2 / total.slum_m2:.0%} of the slum area of {date} lies under more than "
                "one outline: the area counts once, but every outline as a settlement."
            )

    def _population_of(
        self, date: datetime.date, number: int, rasters: Sequence[PathLike]
    ) -> PathLike:
        years = [year_in(Path(path).name) for path in rasters]
        known = [year for year in years if year is not None]
        if len(known) == len(rasters):
            nearest = min(range(len(rasters)), key=lambda i: abs(known[i] - date.year))
            if known[nearest] != date.year:
                self._remark(
                    f"People of {known[nearest]} are set against slums of {date}: there is no "
                    "population raster of that year."
                )
            return rasters[nearest]
        if len(rasters) not in (1, len(self._dates)):
            raise InputError(
                f"{len(rasters)} population rasters were given for {len(self._dates)} dates, and "
                "their names say no year; give one for all, or one for each date, oldest first."
            )
        if len(rasters) == 1 and len(self._dates) > 1 and not number:
            self._remark(
                "One population raster serves all dates: the people in slums change with the "
                "slum area alone."
            )
        return rasters[number if len(rasters) > 1 else 0]

    def _people(self, raster: PathLike, units: Sequence[UnitSlums]) -> Iterable[UnitPeople]:
        *parts, whole = units
        shapes = [shape for unit in parts for shape in (unit.slums, unit.seen)]
        separate = sum(unit.seen_m2 for unit in parts) <= whole.seen_m2 * (1 + _OVERLAP_TOLD)
        if not separate:
            shapes += [whole.slums, whole.seen]
        found = count_people(raster, shapes, self._plane.crs)
        seen_m2 = np.array([unit.seen_m2 for unit in parts])
        known = float((found.known[1 : 2 * len(parts) : 2] * seen_m2).sum() / seen_m2.sum())
        if known < _PEOPLE_TOLD:
            self._remark(
                f"{Path(raster).name} has no value on {1 - known:.0%} of the area; nobody is "
                "counted there."
            )
        people = [
            UnitPeople(float(a), float(b))
            for a, b in zip(found.count[::2], found.count[1::2], strict=True)
        ]
        if separate:
            people.append(UnitPeople(sum(p.slums for p in people), sum(p.all for p in people)))
        return people

    def _remark(self, text: str) -> None:
        logger.warning("%s", text)
        self._remarks.append(text)


def _intervals_of(
    intervals: Sequence[SlumIntervals], date: datetime.date, slum_m2: float, dates: int
) -> dict[str, Interval]:
    told: dict[str, Interval] = {}
    for found in intervals:
        if found.date is None and dates > 1:
            raise InputError(
                f"An assessment says no date, and there are {dates}; make it again from a map with "
                "a date, or assess one date at a time."
            )
        if found.date not in (None, date):
            continue
        told |= found.units
        if found.whole is None:
            continue
        if abs(found.mapped_m2 - slum_m2) <= _SAME_AREA * found.mapped_m2:
            told[ALL_UNITS] = found.whole
        else:
            logger.warning(
                "The assessed map has %.0f m² of slum and the units hold %.0f m²: its interval is "
                "not that of all units and is left out.",
                found.mapped_m2,
                slum_m2,
            )
    return told
