"""`geocity city import`: a checkpoint of DL-SLICER."""

from pathlib import Path
from typing import Any

import click

from geocity.cli.options import PATH, out_option, overwrite_option, tool_command


@tool_command("import")
@click.argument("checkpoint", type=PATH)
@out_option("the model file (.geocity)")
@click.option(
    "--cities",
    type=PATH,
    help="City folder whose cities, in order, are its outputs.  [default: DL-SLICER's 45]",
)
@overwrite_option
def command(
    console: Any, checkpoint: Path, out: Path, cities: Path | None, overwrite: bool
) -> None:
    """Turn a DL-SLICER checkpoint into a city model, without running code from it.

    Any torchvision ResNet of 18 to 152 layers will do: a pickled module, in DataParallel or not,
    or its state_dict. A file that holds anything else is refused.

    \b
    Example:
      geocity city import best.pth -o geocity-demo/dl-slicer.geocity
    """  # noqa: D301 - click wants the character
    from geocity.tools.city.import_checkpoint import import_checkpoint

    console.result(import_checkpoint(checkpoint, out=out, cities=cities, overwrite=overwrite))
