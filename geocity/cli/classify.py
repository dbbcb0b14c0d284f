"""``geocity classify``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from geocity.cli.console import Console
from geocity.cli.model_options import (
    aoi_option,
    batch_size_option,
    device_option,
    engine_option,
    model_option,
    threshold_option,
    tile_size_option,
)
from geocity.cli.options import (
    PATH,
    out_option,
    overwrite_option,
    tool_command,
    work_options,
)

if TYPE_CHECKING:
    from geocity.engine.run import WorkOptions


def _read_box(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[float, float, float, float] | None:
    """Read four numbers: west, south, east, north."""
    if value is None:
        return None
    try:
        west, south, east, north = (float(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not four numbers W,S,E,N.") from error
    return west, south, east, north


@tool_command("classify")
@click.argument("scene", type=PATH)
@model_option
@out_option("the class raster (.tif)")
@tile_size_option
@click.option(
    "--padding",
    type=int,
    metavar="PIXELS",
    help="Context around a tile's kept centre.  [default: 64]",
)
@batch_size_option
@click.option(
    "--blend/--no-blend",
    default=True,
    show_default=True,
    help="Fade tiles into each other, or keep their centres only, as ArcGIS does.",
)
@click.option(
    "--probability",
    type=PATH,
    help="Also write probabilities to this raster (.tif).",
)
@click.option(
    "--probability-classes",
    metavar="NAMES",
    help="Classes of the probability raster, by comma.  [default: all but background]",
)
@click.option(
    "--cell-size",
    "cell_size_m",
    type=float,
    metavar="METRES",
    help="Work and write at this cell size.  [default: work at the model's, write at the scene's]",
)
@aoi_option
@click.option(
    "--bbox", metavar="W,S,E,N", callback=_read_box, help="Box to cut to, in the scene's CRS."
)
@click.option("--tta", is_flag=True, help="Average eight turns and flips: eight times the work.")
@threshold_option
@device_option
@engine_option
@work_options
@overwrite_option
def command(
    console: Console,
    scene: Path,
    model: Path,
    out: Path,
    probability: Path | None,
    probability_classes: str | None,
    overwrite: bool,
    work: "WorkOptions",
    **options: object,
) -> None:
    """Classify every pixel of a scene with a model (ArcGIS Classify Pixels).

    Tiles are blended into one map without seams, in little memory however large the scene.
    Pixels without data stay without. Esri's slum sample used --tile-size 400 --padding 100.

    What is done is kept beside the result until it is whole: a command that was stopped, run
    again, goes on from there.

    \b
    Example:
      geocity classify sample_data/scene_2025.tif -m geocity-demo/slums.geocity \\
        -o classes_2025.tif
    """  # noqa: D301 - click wants the character
    from geocity.tools.classify import ClassifyOptions, classify

    names = [name.strip() for name in (probability_classes or "").split(",") if name.strip()]
    if names and probability is None:
        raise click.UsageError("--probability-classes needs --probability OUT.tif.")
    result = classify(
        scene,
        model=model,
        out=out,
        probability=probability,
        probability_classes=names,
        options=ClassifyOptions(**options),  # type: ignore[arg-type]
        overwrite=overwrite,
        work=work,
        progress=console.progress,
    )
    console.result(result)
