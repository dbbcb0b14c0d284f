"""Accuracy and error-adjusted areas of a map, from the answers to a reference sample."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm
from shapely.geometry.base import BaseGeometry

from geocity.core.area_estimation import StratifiedSample
from geocity.core.areas import GroundMeasure
from geocity.core.assessment_figures import area_figures, assessment_figures, overall_figures
from geocity.core.classes import NODATA
from geocity.core.grid import Window
from geocity.core.indicators import overlap_share
from geocity.core.progress import Progress, silent
from geocity.core.reproject import reproject_outlines
from geocity.core.unit_estimates import (
    LEAST_IN_CLASS,
    LEAST_POINTS,
    UnitTally,
    burn_units,
    unit_sample,
)
from geocity.errors import InputError
from geocity.io.assessments import write_assessment
from geocity.io.class_rasters import ClassRaster, open_class_raster
from geocity.io.class_strips import class_strips
from geocity.io.gdal_cache import class_cache_bytes, limited_cache
from geocity.io.named_units import NamedUnits, read_units
from geocity.io.reference_samples import AnsweredSample, read_sample
from geocity.io.staging import PathLike, staged_directory

logger = logging.getLogger(__name__)

_FEW_POINTS = 25
_OVERLAP = 1e-4


@dataclass(frozen=True, slots=True)
class EstimateOptions:
    """What is estimated.

    Attributes:
        confidence: of the intervals, 0 to 1.
        allow_missing: go on without the points that have no answer.
        units: wards to estimate one by one, where the sample allows.
        unit_field: field with their names.
        classes: the class raster that the sample was drawn from; needed for units.
    """

    confidence: float = 0.95
    allow_missing: bool = False
    units: PathLike | None = None
    unit_field: str | None = None
    classes: PathLike | None = None


_DEFAULTS = EstimateOptions()


def assess_estimate(
    sample: PathLike,
    *,
    out: PathLike,
    options: EstimateOptions = _DEFAULTS,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Tell how good a map is and how much of each class there really is, with intervals.

    Writes ``assessment.json``, the error matrix and the classes as CSV, ``report.md`` and a figure.
    Estimators: Olofsson et al. (2014). A unit gets figures of its own where 30 points lie in it, 2
    in every class mapped there, and one of them shows an error (`geocity.core.unit_estimates`);
    elsewhere the reason stands in their place.

    Args:
        sample: what `assess_sample` wrote, filled in.
        out: the folder to write.
        options: what is estimated.
        overwrite: replace the folder.
        progress: told how far the work is.

    Returns:
        The path of the folder.

    Raises:
        InputError: if answers are missing or no class of the map, or an option cannot be used.
        OutputExistsError: if the folder is there already.
    """
    if not 0.5 <= options.confidence < 1:
        raise InputError(
            f"A confidence of {options.confidence} was asked for; give a share such as 0.95."
        )
    if options.units is not None and options.classes is None:
        raise InputError(
            "Units need the class raster that the sample was drawn from, for what is mapped in "
            "each; name it (--classes)."
        )
    with staged_directory(out, overwrite=overwrite) as folder:
        answered = read_sample(sample)
        remarks = _refuse_missing(sample, answered, options.allow_missing)
        design = answered.design
        estimated = _stratified(sample, answered)
        for remark in (weak := _weak_spots(estimated, design.classes.names)):
            logger.warning("%s", remark)
        remarks += weak
        content: dict[str, Any] = {
            "classes": list(design.classes.names),
            "confidence": options.confidence,
            "date": design.about.get("date") or None,
            **assessment_figures(estimated, design.classes.names, options.confidence),
            "map": {
                "source": design.about.get("source", ""),
                "from_date": design.about.get("from_date") or None,
                "points": int(estimated.units.sum()),
                "unanswered": int((answered.reference < 0).sum()),
                "allocation": design.about.get("allocation", ""),
                "seed": design.about.get("seed", ""),
                "z": round(float(norm.ppf(0.5 + options.confidence / 2)), 2),
            },
        }
        if options.units is not None and options.classes is not None:
            units = read_units(options.units, options.unit_field)
            tally = _tally_units(options.classes, units, answered, progress)
            content["by_unit"] = _by_unit(units, tally, answered, options.confidence)
        write_assessment(folder, content, design.classes, remarks)
    return Path(out)


def _refuse_missing(sample: PathLike, answered: AnsweredSample, allow: bool) -> list[str]:
    missing = answered.reference < 0
    if not missing.any():
        return []
    where = ", ".join(
        f"{count} in {name}"
        for name, count in zip(
            answered.design.classes.names,
            np.bincount(answered.mapped[missing], minlength=len(answered.design.classes)),
            strict=True,
        )
        if count
    )
    told = f"{missing.sum()} of {len(missing)} points have no answer ({where})"
    if missing.all() or not allow:
        raise InputError(
            f"{told}; answer them in QGIS in the layer 'points' of {sample}, or go on without them "
            "(--allow-missing)."
        )
    remark = (
        f"{told}. They are left out, as if chance had chosen them; where the unanswered differ "
        "from the others, the figures are off and their intervals do not show it."
    )
    logger.warning("%s", remark)
    return [remark]


def _stratified(sample: PathLike, answered: AnsweredSample) -> StratifiedSample:
    known = answered.reference >= 0
    count = len(answered.design.classes)
    counts = np.zeros((count, count), np.int64)
    np.add.at(counts, (answered.mapped[known], answered.reference[known]), 1)
    try:
        return StratifiedSample(counts, answered.design.area_m2)
    except ValueError as error:
        few = [
            name
            for name, area, units in zip(
                answered.design.classes.names,
                answered.design.area_m2,
                counts.sum(axis=1),
                strict=True,
            )
            if area > 0 and units < 2
        ]
        raise InputError(
            f"{sample} has fewer than two answers in what is mapped as {', '.join(few)}; answer "
            "more of its points."
        ) from error


def _weak_spots(sample: StratifiedSample, names: Sequence[str]) -> list[str]:
    remarks = []
    right = np.diagonal(sample.counts)
    for index, name in enumerate(names):
        units = int(sample.units[index])
        if 0 < units < _FEW_POINTS:
            remarks.append(
                f"Only {units} points lie in what is mapped as {name}; the intervals that rest on "
                "them are rough."
            )
        if units and right[index] in (0, units):
            remarks.append(
                f"All {units} points mapped as {name} are {'right' if right[index] else 'wrong'}: "
                "an interval of no width there means that the sample found no exception, not that "
                "there is none."
            )
    return remarks


def _tally_units(
    path: PathLike, units: NamedUnits, answered: AnsweredSample, progress: Progress
) -> UnitTally:
    classes, drawn = answered.design.classes, answered.drawn
    known = answered.reference >= 0
    with open_class_raster(path) as source, limited_cache(class_cache_bytes(source.grid.shape[1])):
        shapes = _units_on(source, units)
        position = np.full(NODATA + 1, NODATA, np.uint8)
        position[list(classes.values)] = np.arange(len(classes))
        tally, ground = UnitTally(len(shapes), len(classes)), GroundMeasure(source.grid)
        cells, row = np.zeros(NODATA + 1, np.int64), 0
        for values, _ in class_strips(source, None, {}, progress, "Measuring units"):
            window = Window(row, 0, *values.shape)
            burnt = burn_units(shapes, source.grid[window])
            tally.add_cells(burnt, position[values], ground.cell_areas(window))
            cells += np.bincount(values.ravel(), minlength=NODATA + 1)
            here = known & (drawn.rows >= row) & (drawn.rows < window.row_end)
            found = burnt[drawn.rows[here] - row, drawn.cols[here]]
            tally.add_points(found, answered.mapped[here], answered.reference[here])
            row = window.row_end
    if not np.array_equal(cells[list(classes.values)], answered.design.cells):
        raise InputError(
            f"{path} is not the map that the sample was drawn from: it has other numbers of cells; "
            f"give {answered.design.about.get('source', 'that one')} as it was then."
        )
    return tally


def _units_on(source: ClassRaster, units: NamedUnits) -> list[BaseGeometry]:
    outlines = reproject_outlines(units.frame, source.grid.crs).geometry
    shapes: list[BaseGeometry] = list(outlines)
    share = overlap_share(shapes)
    if share > _OVERLAP:
        raise InputError(
            f"{share:.1%} of the units' area lies in more than one unit; a point can only count "
            "for one, so give units that do not overlap."
        )
    return shapes


def _by_unit(
    units: NamedUnits, tally: UnitTally, answered: AnsweredSample, confidence: float
) -> list[dict[str, Any]]:
    names = answered.design.classes.names
    rows = []
    for name, counts, area_m2 in zip(units.names, tally.counts, tally.area_m2, strict=True):
        found = unit_sample(counts, area_m2, names)
        row: dict[str, Any] = {"unit": name, "points": int(counts.sum())}
        if isinstance(found, StratifiedSample):
            row |= {
                "overall": overall_figures(found, confidence),
                "area_m2": area_figures(found, names, confidence),
                "reason": None,
            }
        else:
            row |= {"overall": None, "area_m2": None, "reason": found}
        rows.append(row)
    refused = sum(row["area_m2"] is None for row in rows)
    if refused:
        logger.warning(
            "%d of %d units get no estimate of their own: that needs %d points, %d in every class "
            "mapped there, and an error among them; the table says what is lacking.",
            refused,
            len(rows),
            LEAST_POINTS,
            LEAST_IN_CLASS,
        )
    return rows
