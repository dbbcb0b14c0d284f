"""``geocity city evaluate``."""

from pathlib import Path
from typing import Any

import click

from geocity.cli.console import Console
from geocity.cli.options import out_option, overwrite_option, seed_option, tool_command
from geocity.tools.city.evaluate_options import CityEvaluateOptions

_file = click.Path(path_type=Path)
_DEFAULTS = CityEvaluateOptions()


@tool_command("evaluate")
@click.argument("model", type=_file)
@click.argument("cities", type=_file)
@out_option("the folder of tables and figures")
@click.option(
    "--split",
    type=click.Choice(["test", "val", "train"]),
    default=_DEFAULTS.split,
    show_default=True,
    help="Which part of the cities.",
)
@click.option("--fold", type=int, help="Which fold; that of the model by default.")
@click.option(
    "--write-calibrated",
    type=_file,
    metavar="MODEL",
    help="Also write a copy of the model that carries temperature, sets and thresholds.",
)
@click.option(
    "--coverage",
    type=float,
    default=_DEFAULTS.coverage,
    show_default=True,
    metavar="SHARE",
    help="How often a set of cities shall hold the truth.",
)
@click.option(
    "--acceptance",
    type=float,
    default=_DEFAULTS.acceptance,
    show_default=True,
    metavar="SHARE",
    help="How many of the known patches shall pass as known.",
)
@click.option(
    "--audit-patches",
    type=int,
    default=_DEFAULTS.audit_patches,
    show_default=True,
    help="Patches for the cue audit; 0 leaves it out.",
)
@click.option(
    "--draws",
    type=int,
    default=_DEFAULTS.draws,
    show_default=True,
    help="How often sites and images are drawn anew for the intervals.",
)
@seed_option
@click.option("--batch-size", type=int, default=_DEFAULTS.batch_size, show_default=True)
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
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
