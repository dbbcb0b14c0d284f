"""``geocity change``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geocity.cli.console import Console
from geocity.cli.options import (
    date_option,
    out_option,
    overwrite_option,
    tool_command,
    work_options,
)

if TYPE_CHECKING:
    from geocity.engine.run import WorkOptions


@tool_command("change")
@click.argument("maps", nargs=-1, required=True, metavar="DATE1 DATE2 [DATE3]…")
@out_option("the change (.gpkg; figures and change rasters go beside it)")
@click.option(
    "--tolerance",
    "tolerance_m",
    type=float,
    default=0.0,
    show_default=True,
    metavar="M",
    help="Edges that moved by no more than this many metres are no change.",
)
@click.option(
    "--min-area",
    "min_area_m2",
    type=float,
    default=0.0,
    show_default=True,
    metavar="M2",
    help="Smallest patch of growth or loss that counts.",
)
@date_option("When the images were taken, once for each date.")
@click.option("--layer", "layers", multiple=True, help="Layer of polygon files; one, or one each.")
@click.option("--slum-class", help="Name or value of the class to follow, if there are several.")
@click.option("--area", type=click.Path(path_type=Path), help="Polygons of what was imaged.")
@click.option(
    "-m", "--model", type=click.Path(path_type=Path), help="Classifies scenes before comparing."
)
@click.option(
    "--grown-share",
    type=float,
    default=0.05,
    show_default=True,
    metavar="SHARE",
    help="A settlement has grown if its area rose by more than this share …",
)
@click.option(
    "--grown-area",
    "grown_m2",
    type=float,
    default=100.0,
    show_default=True,
    metavar="M2",
    help="… and by more than this; shrunk likewise.",
)
@click.option(
    "--estimate-shift", is_flag=True, help="Measure and report how far the images lie apart."
)
@click.option(
    "--imagery",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Scenes to measure the shift on; one a date, in order.",
)
@work_options
@overwrite_option
def command(
    console: Console,
    maps: tuple[str, ...],
    out: Path,
    model: Path | None,
    overwrite: bool,
    work: "WorkOptions",
    **options: Any,
) -> None:
    """Compare maps of two or more dates: growth, loss, and the history of each settlement.

    The maps are class rasters, polygon layers (also file.gpkg|layername=NAME) or, with a model,
    scenes; name them from the oldest to the newest. Grids and CRSs may differ. Only ground that
    all dates show counts.

    What is done is kept beside the result until it is whole: a command that was stopped, run
    again, goes on from there. There are no slices (--part-range) of a comparison.

    \b
    Example:
      geocity change sample_data/slums_2015.gpkg sample_data/slums_2025.gpkg \\
        --date 2015-02-14 --date 2025-02-09 -o change.gpkg
    """  # noqa: D301 - click wants the character
    from geocity.tools.change import change
    from geocity.tools.change_options import ChangeOptions

    result = change(
        maps,
        out=out,
        model=model,
        options=ChangeOptions(**options),
        overwrite=overwrite,
        work=work,
        progress=console.progress,
    )
    console.result(result.out)
