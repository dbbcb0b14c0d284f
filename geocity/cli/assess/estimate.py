"""``geocity assess estimate``."""

from pathlib import Path

import click

from geocity.cli.console import Console
from geocity.cli.options import PATH, out_option, overwrite_option, tool_command, unit_field_option


@tool_command("estimate")
@click.argument("sample", type=PATH)
@out_option("the folder with assessment.json, tables, report and figure")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals.")
@click.option(
    "--allow-missing",
    is_flag=True,
    help="Go on without the points that have no answer, as if chance had chosen them.",
)
@click.option(
    "--units",
    type=PATH,
    help="Wards to estimate one by one, where the sample allows: with 30 points, 2 in every class.",
)
@unit_field_option
@click.option(
    "--classes",
    type=PATH,
    help="The map that the sample was drawn from; needed for --units.",
)
@overwrite_option
def command(
    console: Console,
    sample: Path,
    out: Path,
    confidence: float,
    allow_missing: bool,
    units: Path | None,
    unit_field: str | None,
    classes: Path | None,
    overwrite: bool,
) -> None:
    """Turn the answers to a sample into accuracies and areas with confidence intervals.

    Gives the error matrix in points and in shares of the area, overall, user's and producer's
    accuracy, and the area of each class adjusted for the errors of the map (Olofsson et al. 2014).

    \b
    Example:
      geocity assess estimate sample.gpkg -o assessment --units sample_data/wards.gpkg \\
        --classes geocity-demo/map/classes_2025.tif
    """  # noqa: D301 - click wants the character
    from geocity.tools.assess_estimate import EstimateOptions, assess_estimate

    options = EstimateOptions(
        confidence=confidence,
        allow_missing=allow_missing,
        units=units,
        unit_field=unit_field,
        classes=classes,
    )
    result = assess_estimate(
        sample, out=out, options=options, overwrite=overwrite, progress=console.progress
    )
    console.result(result)
