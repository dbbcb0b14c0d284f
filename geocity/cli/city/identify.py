"""``geocity city identify``."""

from pathlib import Path
from typing import Any

import click

from geocity.cli.console import Console
from geocity.cli.options import overwrite_option, tool_command
from geocity.tools.city.identify_options import IdentifyOptions

_file = click.Path(path_type=Path)
_DEFAULTS = IdentifyOptions()


@tool_command("identify")
@click.argument("images", required=True, nargs=-1, type=_file)
@click.option("-m", "--model", required=True, type=_file, help="A city model.")
@click.option(
    "-o",
    "--out",
    type=_file,
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
@click.option(
    "--overlap",
    type=float,
    default=_DEFAULTS.overlap,
    show_default=True,
    metavar="SHARE",
    help="By how much patches overlap; the map has one cell a step.",
)
@click.option("--batch-size", type=int, default=_DEFAULTS.batch_size, show_default=True)
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
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
