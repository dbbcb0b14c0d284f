"""``geocity city identify``."""

from pathlib import Path
from typing import Any

import click

from geocity.cli.console import Console
from geocity.cli.model_options import device_option
from geocity.cli.options import PATH, options_of, overwrite_option, tool_command
from geocity.tools.city.identify_options import IdentifyOptions

_option = options_of(IdentifyOptions())


@tool_command("identify")
@click.argument("images", required=True, nargs=-1, type=PATH)
@click.option("-m", "--model", required=True, type=PATH, help="A city model.")
@click.option(
    "-o",
    "--out",
    type=PATH,
    help="Folder for the answers, and for a map of each georeferenced image.",
)
@click.option(
    "--like",
    metavar="CODE",
    help="Also map what looks like this city (needs a calibrated model and --out).",
)
@click.option(
    "--cell-size",
    "cell_size_m",
    type=float,
    metavar="METRES",
    help="Side of a pixel of images without georeference.",
)
@_option(
    "overlap",
    "By how much patches overlap; the map has one cell a step.",
    type=float,
    metavar="SHARE",
)
@_option("batch_size", "Patches at once.", type=int)
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print the answers as one JSON object.")
@overwrite_option
def command(
    console: Console,
    images: tuple[Path, ...],
    model: Path,
    out: Path | None,
    as_json: bool,
    overwrite: bool,
    **options: Any,
) -> None:
    """Name the city of IMAGES: any size, on the map or not.

    Patches vote. With a model that `geocity city evaluate --write-calibrated` wrote, the
    probabilities mean what they say, a set of cities holds the truth as often as promised, and a
    city that the model never saw is called unknown.

    \b
    Example:
      geocity city identify sample_data/cities/raw/*/9/*.jpg --cell-size 0.8 \\
        -m geocity-demo/cities/calibrated.geocity
    """  # noqa: D301 - click wants the character
    from geocity.tools.city.identify import identify

    result = identify(
        images,
        model=model,
        out=out,
        options=IdentifyOptions(**options),
        overwrite=overwrite,
        progress=console.progress,
    )
    if as_json or console.as_json:
        console.result(result.plain())
        return
    for answer in result.answers:
        console.result(answer.sentence)
    if result.folder is not None:
        console.result(result.folder)
