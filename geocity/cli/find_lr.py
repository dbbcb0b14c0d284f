"""`geocity find-lr`: the learning rate curve and a suggestion."""

from pathlib import Path
from typing import Any

import click

from geocity.cli.options import PATH, out_option, overwrite_option, tool_command
from geocity.cli.train import network_options, train_options


@tool_command("find-lr")
@click.argument("chips", type=PATH)
@out_option("the figure (.png)")
@network_options
@click.option("--steps", default=150, show_default=True, help="Number of mini-batches.")
@overwrite_option
def command(
    console: Any, chips: Path, out: Path, steps: int, overwrite: bool, **values: Any
) -> None:
    """Draw the loss over a rising learning rate and suggest one, as ArcGIS does.

    Use the suggestion as --lr of train, or let train --lr auto do all of it.

    \b
    Example:
      geocity find-lr geocity-demo/chips -o rate.png
    """  # noqa: D301 - click wants the character
    from geocity.tools.find_lr import find_lr

    found = find_lr(
        chips,
        out=out,
        options=train_options(values),
        steps=steps,
        overwrite=overwrite,
        progress=console.progress,
    )
    console.result({"figure": str(found.path), "learning_rate": float(f"{found.rate:.3g}")})
