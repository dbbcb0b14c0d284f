"""``geocity indicators``."""

import datetime
from pathlib import Path

import click

from geocity.cli.console import Console
from geocity.cli.options import (
    PATH,
    date_option,
    out_option,
    overwrite_option,
    slum_class_option,
    tool_command,
    unit_field_option,
)


@tool_command("indicators")
@click.argument("slums", nargs=-1, required=True, type=PATH)
@click.option(
    "--units",
    required=True,
    type=PATH,
    help="Wards or other polygons with names.",
)
@out_option("the table (.csv, or .gpkg with the shapes of the units)")
@unit_field_option
@slum_class_option
@date_option("Date of the image, once for each SLUMS.")
@click.option(
    "--population",
    multiple=True,
    type=PATH,
    help="Raster of people per cell (counts, not people per km²): one for all dates, or more. "
    "A year in the name puts it to the nearest date.",
)
@click.option(
    "--covered",
    multiple=True,
    type=PATH,
    help="What the imagery shows: polygons, or the scenes themselves; one for all dates, or one "
    "each, oldest first. Class rasters say it themselves.",
)
@click.option(
    "--assessment",
    "assessments",
    multiple=True,
    type=PATH,
    help="assessment.json of a map: gives its slum area a 95 % interval.",
)
@overwrite_option
def command(
    console: Console,
    slums: tuple[Path, ...],
    units: Path,
    out: Path,
    unit_field: str | None,
    slum_class: str | None,
    dates: tuple[datetime.date, ...],
    population: tuple[Path, ...],
    covered: tuple[Path, ...],
    assessments: tuple[Path, ...],
    overwrite: bool,
) -> None:
    """Give slum area, settlements, growth and people, by ward and date.

    SLUMS are polygon layers (FILE.gpkg|layername=NAME where there are several) or class rasters.
    A note beside the table tells what each column means, and what an area seen from above can say
    of UN SDG indicator 11.1.1 and what it cannot.

    \b
    Example:
      geocity indicators sample_data/slums_2015.gpkg sample_data/slums_2025.gpkg \\
        --date 2015-02-14 --date 2025-02-09 --units sample_data/wards.gpkg \\
        --covered sample_data/scene_2015.tif --covered sample_data/scene_2025.tif \\
        --population sample_data/population_2015.tif \\
        --population sample_data/population_2025.tif -o indicators.csv
    """  # noqa: D301 - click wants the character
    from geocity.tools.indicators import IndicatorOptions, indicators

    options = IndicatorOptions(unit_field, slum_class, dates, population, covered, assessments)
    result = indicators(
        slums,
        units=units,
        out=out,
        options=options,
        overwrite=overwrite,
        progress=console.progress,
    )
    console.result(result)
