"""``geocity map``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geocity.cli.console import Console
from geocity.cli.model_options import (
    aoi_option,
    batch_size_option,
    device_option,
    model_option,
    threshold_option,
    tile_size_option,
)
from geocity.cli.options import (
    PATH,
    out_option,
    overwrite_option,
    passes_option,
    tool_command,
    whole_work_options,
)

if TYPE_CHECKING:
    from geocity.engine.run import WorkOptions


@tool_command("map")
@click.argument("scenes", nargs=-1, required=True, type=PATH)
@model_option
@out_option("all results (a folder)")
@passes_option("Of the majority filter; 0 leaves it out.", lowest=0)
@click.option(
    "--min-area",
    "min_area_m2",
    type=click.FloatRange(min=0),
    default=200.0,
    show_default=True,
    metavar="M2",
    help="Smallest patch to keep.",
)
@click.option(
    "--min-hole",
    "min_hole_m2",
    type=click.FloatRange(min=0),
    default=100.0,
    show_default=True,
    metavar="M2",
    help="Smallest hole to keep.",
)
@threshold_option
@aoi_option
@tile_size_option
@batch_size_option
@device_option
@click.option("--title", default="", help="Title of the project and of its print page.")
@whole_work_options
@overwrite_option
def command(
    console: Console,
    scenes: tuple[Path, ...],
    model: Path,
    out: Path,
    overwrite: bool,
    work: "WorkOptions",
    threshold: float | None,
    aoi: Path | None,
    tile_size: int | None,
    batch_size: int | None,
    device: str,
    **options: Any,
) -> None:
    """Map scenes in one go: classify, filter, clean, outline, and a QGIS project.

    Several scenes may be several dates or several places; each gets its rasters and its layer of
    outlines. For finer control run the steps one by one: classify, majority-filter, clean,
    polygonize. A map that was stopped goes on where it was when the command is run again.

    \b
    Example:
      geocity map sample_data/scene_2015.tif sample_data/scene_2025.tif \\
        -m geocity-demo/slums.geocity -o map
    """  # noqa: D301 - click wants the character
    from geocity.tools.classify import ClassifyOptions
    from geocity.tools.map import MapOptions, map  # noqa: A004 - the command's name

    how = ClassifyOptions(
        threshold=threshold, aoi=aoi, tile_size=tile_size, batch_size=batch_size, device=device
    )
    result = map(
        scenes,
        model=model,
        out=out,
        options=MapOptions(classify=how, **options),
        overwrite=overwrite,
        work=work,
        progress=console.progress,
    )
    console.result(result.project)
