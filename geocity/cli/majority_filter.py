"""``geocity majority-filter``."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from geocity.cli.console import Console
from geocity.cli.options import (
    PATH,
    out_option,
    overwrite_option,
    passes_option,
    tool_command,
    work_options,
)

if TYPE_CHECKING:
    from geocity.engine.run import WorkOptions


@tool_command("majority-filter")
@click.argument("classes", type=PATH)
@out_option("the filtered class raster (.tif)")
@click.option(
    "--neighbors", type=click.Choice(["four", "eight"]), help="Which cells count.  [default: four]"
)
@click.option(
    "--threshold",
    type=click.Choice(["majority", "half"]),
    help="How many must agree: 3 of 4 or 5 of 8, or half of them.  [default: majority]",
)
@passes_option("How many times to filter, or until nothing changes.", lowest=1)
@click.option(
    "--size",
    type=int,
    metavar="PIXELS",
    help="Take the most frequent class of a square window of this odd side instead.",
)
@work_options
@overwrite_option
def command(
    console: Console,
    classes: Path,
    out: Path,
    neighbors: Literal["four", "eight"] | None,
    threshold: Literal["majority", "half"] | None,
    passes: int | Literal["stable"],
    size: int | None,
    overwrite: bool,
    work: "WorkOptions",
) -> None:
    """Replace cells by the class that most of their neighbours have (ArcGIS Majority Filter).

    One pass of four neighbours clears specks of one or two cells. For larger ones use --size, or
    `geocity clean`, which goes by area. Nodata stays as it is.

    What is done is kept beside the result until it is whole: a command that was stopped, run
    again, goes on from there. --part-range needs few passes, which are made in one round.

    \b
    Example:
      geocity majority-filter geocity-demo/map/classified_2025.tif -o filtered.tif \\
        --neighbors eight --passes stable
    """  # noqa: D301 - click wants the character
    from geocity.tools.majority_filter import majority_filter

    result = majority_filter(
        classes,
        out=out,
        neighbors=neighbors,
        threshold=threshold,
        passes=passes,
        size=size,
        overwrite=overwrite,
        work=work,
        progress=console.progress,
    )
    console.result(result)
