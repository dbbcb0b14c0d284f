"""``geocity export-model``."""

from pathlib import Path
from typing import Literal

import click

from geocity.cli.console import Console
from geocity.cli.options import PATH, out_option, overwrite_option, tool_command


@tool_command("export-model")
@click.argument("model", type=PATH)
@click.option(
    "--to",
    required=True,
    type=click.Choice(["onnx", "dlpk", "stac"]),
    help="QGIS (the Deepness plugin), ArcGIS Pro, or a catalogue item.",
)
@out_option("the export (.onnx, .dlpk or .json)")
@click.option(
    "--tile-size",
    type=int,
    metavar="PIXELS",
    help="Side of the network's tiles, a multiple of 32.  [default: the model's, mostly 1024]",
)
@click.option(
    "--padding",
    type=int,
    metavar="PIXELS",
    help="Context around a tile's kept centre.  [default: the model's, mostly 64]",
)
@overwrite_option
def command(
    console: Console,
    model: Path,
    to: Literal["onnx", "dlpk", "stac"],
    out: Path,
    tile_size: int | None,
    padding: int | None,
    overwrite: bool,
) -> None:
    """Write a model for other programs: QGIS with Deepness, ArcGIS Pro, a STAC catalogue.

    The .onnx file carries all that Deepness asks for, and gives geocity's own classes there. The
    .dlpk is written to Esri's published specification; it has not been opened in ArcGIS Pro yet.
    Writing either takes pip install 'geocity[export]'. City models stay with geocity city.

    \b
    Example:
      geocity export-model geocity-demo/slums.geocity --to onnx -o slums.onnx
    """  # noqa: D301 - click wants the character
    from geocity.tools.export_model import export_model

    result = export_model(
        model, to=to, out=out, tile_size=tile_size, padding=padding, overwrite=overwrite
    )
    console.result(result)
