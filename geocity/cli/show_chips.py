"""geocity show-chips."""

from pathlib import Path

import click

from geocity.cli.console import Console
from geocity.cli.options import PATH, out_option, overwrite_option, seed_option, tool_command


@tool_command("show-chips")
@click.argument("chips", type=PATH)
@out_option("the picture (.png, .pdf or .svg)")
@overwrite_option
@seed_option
@click.option("--rows", default=4, show_default=True, help="Chips in a row and in a column.")
@click.option("--opacity", default=0.5, show_default=True, help="Of the labels, 0 to 1.")
@click.option(
    "--split", type=click.Choice(["train", "val", "test"]), help="Chips of this part only."
)
def command(
    console: Console,
    chips: Path,
    out: Path,
    overwrite: bool,
    seed: int,
    rows: int,
    opacity: float,
    split: str | None,
) -> None:
    """Draw a sample of chips with their labels over them.

    Look at it before training: wrong labels, shifted outlines and empty chips show at once.

    \b
    Example:
      geocity show-chips geocity-demo/chips -o chips.png --rows 4 --opacity 0.4
    """  # noqa: D301 - click wants the character
    from geocity.tools.show_chips import show_chips

    console.result(
        show_chips(
            chips,
            out=out,
            rows=rows,
            opacity=opacity,
            split=split,
            seed=seed,
            overwrite=overwrite,
            progress=console.progress,
        )
    )
