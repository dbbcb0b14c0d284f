"""Draw a reference sample from a map, for an interpreter to answer in QGIS."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geocity.core.area_estimation import sample_size
from geocity.core.classes import NODATA, ClassTable
from geocity.core.progress import Progress, silent
from geocity.core.reference_draw import (
    Allocation,
    DrawnCells,
    RankFinder,
    StratumTally,
    draw_ranks,
    share_out,
)
from geocity.errors import ClassTableError, InputError
from geocity.io.class_rasters import ClassRaster, open_class_raster
from geocity.io.class_strips import class_strips
from geocity.io.gdal_cache import class_cache_bytes, limited_cache
from geocity.io.history import with_step
from geocity.io.image_dates import parse_date
from geocity.io.reference_forms import CANNOT_TELL
from geocity.io.reference_samples import SampleDesign, write_sample
from geocity.io.staging import PathLike, fresh_output

logger = logging.getLogger(__name__)

COMMON_EXPECTED = 0.95
RARE_EXPECTED = 0.75
"""User's accuracies conjectured for the class of most area and for the others."""

_LEAST_UNITS = 2
_UNEVEN_CELLS = 1.02


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """How many points, and where.

    Attributes:
        standard_error: wanted for the overall accuracy; gives the number of points.
        points: the number of points itself, instead.
        expected: {class name: user's accuracy conjectured, 0 to 1}; by default 0.95 for the class
            of most area and 0.75 for the others.
        allocation: "recommended" (by area, rare classes at least `min_per_class`), "proportional"
            or "equal".
        min_per_class: the floor of "recommended"; Olofsson et al. (2014) suggest 50 to 100.
        class_points: {class name: number of points}, instead of all that.
        seed: the same seed draws the same points.
    """

    standard_error: float = 0.01
    points: int | None = None
    expected: Mapping[str, float] = field(default_factory=dict)
    allocation: Allocation = "recommended"
    min_per_class: int = 50
    class_points: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0


_DEFAULTS = SampleOptions()


def assess_sample(
    classes: PathLike,
    *,
    out: PathLike,
    options: SampleOptions = _DEFAULTS,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Draw cells at random within each class of a map, to be looked at by a person.

    Stratified random sampling with the mapped classes as strata, after Olofsson et al. (2014),
    *Good practices for estimating area and assessing accuracy of land change*: the number of points
    follows from the standard error wanted for the overall accuracy (their eq. 13), rare classes get
    a floor. Any class raster will do, one of change too. The result opens in QGIS with a form; what
    is mapped at a point is kept apart, and the order is random, so that the map cannot lead the
    interpreter. `assess_estimate` reads the answers.

    Args:
        classes: the class raster; every class in it is a stratum, nodata is left out.
        out: the sample to write, a GeoPackage.
        options: how many points, and where.
        overwrite: replace what is there, answers included.
        progress: told how far the work is.

    Returns:
        The path of the sample.

    Raises:
        InputError: if the raster or an option cannot be used.
        ClassTableError: if a value of the raster has no class, or two classes share a name.
        OutputExistsError: if the sample is there already.
    """
    if Path(out).suffix.lower() != ".gpkg":
        raise InputError(f"{out} is no GeoPackage; end the name of the sample in .gpkg.")
    _check(options)
    fresh_output(out, overwrite=overwrite)
    with (
        open_class_raster(classes) as source,
        limited_cache(class_cache_bytes(source.grid.shape[1])),
    ):
        table, tally = _counted(source, progress)
        values = list(table.values)
        cells, area_m2 = tally.cells[values], tally.area_m2[values]
        units = _units(table, cells, area_m2, options)
        rng = np.random.default_rng(options.seed)
        ranks = draw_ranks(
            dict(zip(values, cells.tolist(), strict=True)),
            dict(zip(values, units.tolist(), strict=True)),
            rng,
        )
        drawn = _found(source, ranks, progress).shuffled(rng)
        about = _about(source, options)
        design = SampleDesign(table, cells, area_m2, units, about)
        return write_sample(out, design, source.grid, drawn, overwrite=overwrite)


def _check(options: SampleOptions) -> None:
    if not 0 < options.standard_error < 0.5:
        raise InputError(
            f"A standard error of {options.standard_error} was asked for; give a share such as "
            "0.01, which is one percentage point."
        )
    if options.points is not None and options.points < _LEAST_UNITS:
        raise InputError(f"{options.points} points were asked for; give 2 or more.")
    if options.min_per_class < _LEAST_UNITS:
        raise InputError("A class needs at least 2 points, or its error cannot be told.")
    for name, share in options.expected.items():
        if not 0 <= share <= 1:
            raise InputError(
                f"A user's accuracy of {share} is expected of {name}; give a share from 0 to 1."
            )
    if options.allocation not in ("recommended", "proportional", "equal"):
        raise InputError(
            f"allocation={options.allocation!r} was given; give 'recommended', 'proportional' or "
            "'equal'."
        )


def _counted(source: ClassRaster, progress: Progress) -> tuple[ClassTable, StratumTally]:
    """Count the cells; returns the classes that the raster knows, with or without cells."""
    try:
        tally = StratumTally(source.grid)
    except ValueError as error:
        raise InputError(
            f"Areas cannot be measured: {error}; assign the right CRS to the class raster."
        ) from error
    for values, _ in class_strips(source, None, {}, progress, "Counting cells"):
        tally.add(values)
    table = source.classes
    strange = set(np.flatnonzero(tally.cells[:NODATA]).tolist()) - set(table.values)
    if strange:
        raise ClassTableError(
            f"{source.path} holds the value {min(strange)}, which its class table does not name; "
            "name it, or reclassify it."
        )
    names = [name.casefold() for name in table.names]
    if len(set(names)) < len(names) or CANNOT_TELL in names:
        raise ClassTableError(
            f"{source.path} has classes that an answer cannot tell apart: {', '.join(table.names)};"
            f" give each its own name, and none {CANNOT_TELL!r}."
        )
    if not tally.cells[:NODATA].any():
        raise InputError(f"{source.path} holds nodata only; there is nothing to assess.")
    lowest, highest = tally.cell_m2
    if highest > _UNEVEN_CELLS * lowest:
        logger.warning(
            "The cells of %s are up to %.0f %% larger in some places than in others and are drawn "
            "as if they were equal; reproject it to an equal-area CRS first.",
            source.path.name,
            100 * (highest / lowest - 1),
        )
    return table, tally


def _units(
    table: ClassTable,
    cells: NDArray[np.int64],
    area_m2: NDArray[np.float64],
    options: SampleOptions,
) -> NDArray[np.int64]:
    unknown = [
        name
        for name in (*options.expected, *options.class_points)
        if name.casefold() not in [n.casefold() for n in table.names]
    ]
    if unknown:
        raise ClassTableError(
            f"The map has no class {unknown[0]!r}; it has {', '.join(table.names)}."
        )
    single = [c.name for c, n in zip(table, cells, strict=True) if n == 1]
    if single:
        raise InputError(
            f"The class {single[0]} has a single cell, which tells nothing of its error; filter "
            "the map (geocity clean) or merge the class with another."
        )
    if options.class_points:
        units = _chosen_units(table, cells, options.class_points)
    else:
        wanted = options.points or _wanted(table, area_m2, options)
        try:
            units = share_out(
                wanted,
                area_m2.tolist(),
                cells.tolist(),
                how=options.allocation,
                least=options.min_per_class,
            )
        except ValueError as error:
            raise InputError(f"{wanted} points are too few: {error}.") from error
        if options.allocation == "recommended":
            _tell_floor(table, cells, units, options.min_per_class)
        # Rounding may leave a rare class with a single unit where all is shared by area.
        units = np.maximum(units, np.where(cells > 0, _LEAST_UNITS, 0))
    shown = ", ".join(f"{c.name} {n}" for c, n in zip(table, units, strict=True))
    logger.info("%d points: %s.", units.sum(), shown)
    return units


def _tell_floor(
    table: ClassTable, cells: NDArray[np.int64], units: NDArray[np.int64], floor: int
) -> None:
    low = [
        f"{c.name} {n}"
        for c, n, there in zip(table, units, cells, strict=True)
        if n < min(floor, there)
    ]
    if low:
        logger.warning(
            "%d points do not allow %d in every class: %s. Ask for more points (a smaller "
            "--standard-error, or --points) where these classes matter.",
            units.sum(),
            floor,
            ", ".join(low),
        )


def _chosen_units(
    table: ClassTable, cells: NDArray[np.int64], chosen: Mapping[str, int]
) -> NDArray[np.int64]:
    by_name = {name.casefold(): count for name, count in chosen.items()}
    units = np.array([by_name.get(name.casefold(), 0) for name in table.names], np.int64)
    for land_class, count, there in zip(table, units, cells, strict=True):
        if there and not _LEAST_UNITS <= count <= there:
            raise InputError(
                f"{count} points were asked for in {land_class.name}, which has {there} cells; "
                "give every class in the map 2 or more, and no more than it has cells."
            )
    return np.where(cells > 0, units, 0)


def _wanted(table: ClassTable, area_m2: NDArray[np.float64], options: SampleOptions) -> int:
    given = {name.casefold(): share for name, share in options.expected.items()}
    common = int(np.argmax(area_m2))
    expected = [
        given.get(name.casefold(), COMMON_EXPECTED if index == common else RARE_EXPECTED)
        for index, name in enumerate(table.names)
    ]
    size = sample_size(area_m2.tolist(), expected, standard_error=options.standard_error)
    told = ", ".join(f"{n} {share:g}" for n, share in zip(table.names, expected, strict=True))
    logger.info(
        "%d points bring the standard error of the overall accuracy to %g, if the user's accuracies"
        " are about %s (--expected says otherwise).",
        size,
        options.standard_error,
        told,
    )
    return size


def _found(
    source: ClassRaster, ranks: Mapping[int, NDArray[np.int64]], progress: Progress
) -> DrawnCells:
    finder = RankFinder(ranks, source.grid.shape[1])
    for values, _ in class_strips(source, None, {}, progress, "Drawing points"):
        finder.add(values)
    return finder.finish()


def _about(source: ClassRaster, options: SampleOptions) -> dict[str, str]:
    tags = source.tags
    # A map of change holds for two dates; what is there now holds for the later one.
    date = parse_date(tags.get("ACQUISITION_DATE", "") or tags.get("TO_DATE", ""))
    step = f"reference sample: {options.allocation}, seed {options.seed}"
    return {
        "source": source.path.name,
        "date": date.isoformat() if date else "",
        "from_date": tags.get("FROM_DATE", ""),
        "seed": str(options.seed),
        "allocation": "chosen by class" if options.class_points else options.allocation,
        "history": with_step(tags, step)["GEOCITY_HISTORY"],
    }
