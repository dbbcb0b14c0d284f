"""``geocity clean``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from geocity.cli.console import Console
from geocity.cli.options import PATH, out_option, overwrite_option, tool_command, work_options

if TYPE_CHECKING:
    from geocity.engine.run import WorkOptions


@tool_command("clean")
@click.argument("classes", type=PATH)
@out_option("the cleaned class raster (.tif)")
@click.option(
    "--min-area",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="M2",
    help="Dissolve patches smaller than this many m² into the class around them.",
)
@click.option(
    "--min-hole",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="M2",
    help="Then fill holes smaller than this many m² that one class encloses.",
)
@work_options
@overwrite_option
def command(
    console: Console,
    classes: Path,
    out: Path,
    min_area: float,
    min_hole: float,
    overwrite: bool,
    work: "WorkOptions",
) -> None:
    """Dissolve small patches and fill small holes, by area in square metres.

    A patch goes to the class with which it shares the longest border, usually the background
    (class 0). Nodata stays as it is, and a hole that touches it stays open.

    What is done is kept beside the result until it is whole: a command that was stopped, run
    again, goes on from there. --part-range divides the first of two readings; who completes it
    does the rest.

    \b
    Example:
      geocity clean geocity-demo/map/classified_2025.tif -o cleaned.tif \\
        --min-area 200 --min-hole 100
    """  # noqa: D301 - click wants the character
    from geocity.tools.clean import clean

    result = clean(
        classes,
        out=out,
        min_area_m2=min_area,
        min_hole_m2=min_hole,
        overwrite=overwrite,
        work=work,
        progress=console.progress,
    )
    console.result(result)
