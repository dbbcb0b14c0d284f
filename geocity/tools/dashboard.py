"""Make the slum tracker: one HTML file with map, figures, tables and the method behind them."""

import datetime
import itertools
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely

import geocity
from geocity.core.progress import Progress, silent
from geocity.errors import InputError
from geocity.io.dashboard.assessments import Assessment, read_assessment
from geocity.io.dashboard.change_layers import Change, read_change
from geocity.io.dashboard.content import PageText, TrackerData, tracker_content
from geocity.io.dashboard.imagery import imagery_overlay
from geocity.io.dashboard.indicator_tables import Indicators, read_indicators
from geocity.io.dashboard.map_layers import in_lon_lat
from geocity.io.dashboard.outlines import DatedOutlines, find_layers, read_outlines
from geocity.io.dashboard.page import render_page
from geocity.io.named_units import NamedUnits, read_units
from geocity.io.rasters import open_scene
from geocity.io.staging import PathLike, fresh_output, staged
from geocity.tools.dashboard_options import DashboardOptions
from geocity.tools.dashboard_project import (
    ProjectFiles,
    check_project,
    write_dashboard_project,
)

logger = logging.getLogger(__name__)

_LONGEST_NOTE = 20_000
_LARGE_PAGE_BYTES = 25_000_000


@dataclass(frozen=True, slots=True)
class DashboardInputs:
    """What a slum tracker shows beside the outlines; each may be missing.

    Attributes:
        scenes: imagery, as many scenes a date as there are.
        change: the GeoPackage that `change` wrote.
        indicators: the table that `indicators` wrote, CSV or GeoPackage.
        units: wards or other units, "FILE" or "FILE|layername=NAME".
        assessments: files that `assess estimate` wrote, one a date.
    """

    scenes: Sequence[PathLike] = ()
    change: PathLike | None = None
    indicators: PathLike | None = None
    units: PathLike | None = None
    assessments: Sequence[PathLike] = ()


def dashboard(
    slums: PathLike | Sequence[PathLike],
    *,
    out: PathLike,
    inputs: DashboardInputs | None = None,
    options: DashboardOptions | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Make a web page that shows where slums are, how they change, and how far it can be trusted.

    The page is one file. It opens from disk, asks the network for nothing, and every text from the
    data stays a text. What was not given is left out.

    Args:
        slums: outlines, one layer a date or layers that hold several ("FILE" or
            "FILE|layername=NAME"; a file with several layers stands for all of them).
        out: the page to make, `.html`.
        inputs: imagery, change, indicators, units and assessments.
        options: what else the page says.
        overwrite: replace what is there.
        progress: told how far the work is.

    Returns:
        The path of the page.

    Raises:
        InputError: if an input or an option cannot be used.
        OutputExistsError: if the page or the project is there already.
    """
    inputs, options = inputs or DashboardInputs(), options or DashboardOptions()
    path = fresh_output(_page_name(out), overwrite=overwrite)
    named = [slums] if isinstance(slums, str | os.PathLike) else list(slums)
    note = _note(options.method_note)
    layers = find_layers(named)
    if options.project is not None:
        check_project(options.project, layers, inputs.units, overwrite=overwrite)
    scenes = _scenes_by_date(inputs.scenes, options.scene_dates)
    outlines = read_outlines(layers, dates=options.dates, slum_class=options.slum_class)
    _refuse_other_dates(scenes, [o.date for o in outlines])
    change = read_change(inputs.change) if inputs.change is not None else None
    indicators = read_indicators(inputs.indicators) if inputs.indicators is not None else None
    _tell_what_does_not_meet(outlines, change, indicators)
    units = _units(inputs.units, options.unit_field, indicators)
    imagery = _imagery(scenes, progress)
    _tell_scenes_elsewhere(imagery, outlines)
    data = TrackerData(
        outlines=outlines,
        imagery=imagery,
        change=change,
        indicators=indicators,
        units=None if units is None else in_lon_lat(units.frame),
        assessments=_assessments(inputs.assessments, outlines, options.slum_class),
        max_vectors=options.max_vectors,
    )
    text = PageText(
        title=options.title,
        notes=note,
        credit=options.credit,
        made_with=f"geocity {geocity.__version__}",
    )
    page = render_page(tracker_content(data, text)).encode("utf-8")
    _tell_size(data, len(page))
    if options.project is not None:
        files = ProjectFiles(outlines, scenes, inputs.change, inputs.units, units)
        write_dashboard_project(options.project, files, options, overwrite=overwrite)
    with staged(path, overwrite=overwrite) as stage:
        stage.path.write_bytes(page)
    return path


def _page_name(out: PathLike) -> Path:
    if Path(out).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out} does not end in .html; the slum tracker is a web page.")
    return Path(out)


def _note(given: str) -> tuple[str, ...]:
    """Return the paragraphs of the method note, from a text or from a file that holds it."""
    text = given
    if given and "\n" not in given and len(given) < 1000 and Path(given).is_file():
        try:
            text = Path(given).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{given} is no text in UTF-8; save the method note as plain text."
            ) from error
    if len(text) > _LONGEST_NOTE:
        raise InputError(
            f"The method note has {len(text):,} characters; keep it below {_LONGEST_NOTE:,}."
        )
    return tuple(part.strip() for part in text.split("\n\n") if part.strip())


def _scenes_by_date(
    scenes: Sequence[PathLike], dates: Sequence[datetime.date]
) -> dict[datetime.date, list[Path]]:
    if dates and len(dates) != len(scenes):
        raise InputError(
            f"{len(dates)} dates were given for {len(scenes)} scenes; give one date a scene, in "
            "the same order."
        )
    found: dict[datetime.date, list[Path]] = {}
    for number, path in enumerate(scenes):
        with open_scene(path) as scene:
            date = dates[number] if dates else scene.date
        if date is None:
            raise InputError(
                f"{path} does not say when it was taken; give one date for each scene "
                "(--scene-date 2015-02-14)."
            )
        found.setdefault(date, []).append(Path(path))
    return found


def _refuse_other_dates(
    scenes: Mapping[datetime.date, Sequence[Path]], dates: Sequence[datetime.date]
) -> None:
    for date, paths in scenes.items():
        if date not in dates:
            known = ", ".join(day.isoformat() for day in dates)
            raise InputError(
                f"{paths[0]} was taken on {date}, but the outlines are of {known}; give scenes "
                "and outlines the same dates (--scene-date, --date)."
            )


def _tell_what_does_not_meet(
    outlines: Sequence[DatedOutlines], change: Change | None, indicators: Indicators | None
) -> None:
    """Warn of dates that one input knows and the outlines do not."""
    known = {o.date for o in outlines}
    told = {
        "The change": set() if change is None else {day for pair in change.pairs for day in pair},
        "The table of indicators": set() if indicators is None else set(indicators.units["date"]),
    }
    for name, days in told.items():
        if days - known:
            listed = ", ".join(sorted(day.isoformat() for day in days - known))
            logger.warning(
                "%s speaks of %s, for which there are no outlines; check the dates.", name, listed
            )


def _imagery(
    scenes: Mapping[datetime.date, Sequence[Path]], progress: Progress
) -> dict[datetime.date, list[dict[str, Any]]]:
    total = sum(len(paths) for paths in scenes.values())
    pictures: dict[datetime.date, list[dict[str, Any]]] = {}
    done = 0
    for date, paths in scenes.items():
        for path in paths:
            progress(done, total, "imagery")
            pictures.setdefault(date, []).append(imagery_overlay(path))
            done += 1
    if total:
        progress(total, total, "imagery")
    return pictures


def _tell_scenes_elsewhere(
    imagery: Mapping[datetime.date, Sequence[Mapping[str, Any]]], outlines: Sequence[DatedOutlines]
) -> None:
    """Warn of scenes that show other ground than the outlines lie on: a wrong file, or CRS."""
    boxes = [shapely.box(*o.frame.total_bounds) for o in outlines if len(o.frame)]
    for picture in itertools.chain.from_iterable(imagery.values()):
        if boxes and not shapely.intersects(shapely.box(*picture["bounds"]), boxes).any():
            logger.warning(
                "%s shows other ground than the outlines lie on; check its CRS, or whether it is "
                "the right file.",
                picture["name"],
            )


def _assessments(
    paths: Sequence[PathLike], outlines: Sequence[DatedOutlines], slum_class: str | None
) -> list[Assessment]:
    only = outlines[0].date if len(outlines) == 1 else None
    found = [read_assessment(path, slum_class=slum_class, date=only) for path in paths]
    known = {o.date for o in outlines}
    for path, assessment in zip(paths, found, strict=True):
        if assessment.date not in known:
            logger.warning(
                "%s assesses a map of %s, for which there are no outlines; its accuracy is told, "
                "its area is not shown.",
                path,
                assessment.date,
            )
    return sorted(found, key=lambda assessment: assessment.date)


def _units(
    path: PathLike | None, field: str | None, indicators: Indicators | None
) -> NamedUnits | None:
    if path is None:
        return None
    units = read_units(path, field)
    known = set() if indicators is None else set(indicators.units["unit"])
    if known and not known & set(units.names):
        raise InputError(
            f"The units of {path} ({units.names[0]} …) are not those of the indicators "
            f"({min(known)} …); give the same ones, or the field with their names (--unit-field)."
        )
    return units


def _tell_size(data: TrackerData, size: int) -> None:
    pictured = [o for o in data.outlines if len(o.frame) > data.max_vectors]
    for outlines in pictured:
        logger.info(
            "The %s outlines of %s are more than %s: they are drawn as a picture.",
            f"{len(outlines.frame):,}",
            outlines.date,
            f"{data.max_vectors:,}",
        )
    if size > _LARGE_PAGE_BYTES:
        logger.warning(
            "The page has %.0f MB and may open slowly; simplify the outlines (polygonize "
            "--simplify) or give fewer scenes.",
            size / 1e6,
        )
