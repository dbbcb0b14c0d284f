"""``geocity city evaluate``."""

from pathlib import Path
from typing import Any

import click

from geocity.cli.console import Console
from geocity.cli.model_options import device_option
from geocity.cli.options import (
    PATH,
    options_of,
    out_option,
    overwrite_option,
    seed_option,
    tool_command,
)
from geocity.tools.city.evaluate_options import SPLITS, CityEvaluateOptions

_option = options_of(CityEvaluateOptions())


@tool_command("evaluate")
@click.argument("model", type=PATH)
@click.argument("cities", type=PATH)
@out_option("the folder of tables and figures")
@_option("split", "Which part of the cities.", type=click.Choice(SPLITS))
@click.option("--fold", type=int, help="Which fold; that of the model by default.")
@click.option(
    "--write-calibrated",
    type=PATH,
    metavar="MODEL",
    help="Also write a copy of the model that carries temperature, sets and thresholds.",
)
@_option("coverage", "How often a set of cities shall hold the truth.", type=float, metavar="SHARE")
@_option(
    "acceptance", "How many of the known patches shall pass as known.", type=float, metavar="SHARE"
)
@_option("audit_patches", "Patches for the cue audit; 0 leaves it out.", type=int)
@_option("draws", "How often sites and images are drawn anew for the intervals.", type=int)
@seed_option
@_option("batch_size", "Patches at once.", type=int)
@device_option
@overwrite_option
def command(
    console: Console,
    model: Path,
    cities: Path,
    out: Path,
    write_calibrated: Path | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Say how well a model names cities: patches, images and sites.

    MODEL is a city model, CITIES a folder of `geocity city prepare`. Intervals come from drawing
    sites and images anew, for patches of one picture are no independent witnesses. The cue audit
    takes colour, detail and plan away in turn: was it urban form or the weather?

    \b
    Example:
      geocity city evaluate geocity-demo/cities/model.geocity geocity-demo/cities/prepared \\
        -o evaluation --write-calibrated calibrated.geocity
    """  # noqa: D301 - click wants the character
    from geocity.tools.city.evaluate import evaluate

    result = evaluate(
        model,
        cities,
        out=out,
        write_calibrated=write_calibrated,
        options=CityEvaluateOptions(**options),
        overwrite=overwrite,
        progress=console.progress,
    )
    if console.as_json:
        console.result(dict(result.report))
        return
    console.result(result.table)
    console.result(result.folder)
    if result.calibrated is not None:
        console.result(result.calibrated)
