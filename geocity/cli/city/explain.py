"""``geocity city explain``."""

from pathlib import Path

import click

from geocity.cli.console import Console
from geocity.cli.model_options import device_option
from geocity.cli.options import (
    PATH,
    names_by_comma,
    options_of,
    out_option,
    overwrite_option,
    seed_option,
    tool_command,
)
from geocity.tools.city.explain_options import METHODS, SPLITS, STARTS, ExplainOptions

_option = options_of(ExplainOptions())


@tool_command("explain")
@click.argument("model", type=PATH)
@click.argument("cities", required=False, type=PATH)
@click.option(
    "--image", "images", multiple=True, type=PATH, help="Explain this image; may be repeated."
)
@out_option("the folder of sheets, maps and tables")
@_option(
    "layers",
    "Stages of a ResNet, or names of a network's modules, by comma.",
    default=",".join(ExplainOptions().layers),
    callback=names_by_comma,
)
@_option(
    "method",
    "How maps are made; all but the first need pytorch-grad-cam.",
    type=click.Choice(METHODS),
)
@click.option(
    "--compare",
    multiple=True,
    type=click.Choice(METHODS),
    help="Draw and measure this method beside it; may be repeated.",
)
@_option(
    "start",
    "Start of the relevance; upstream, as published, is nearly blind to the city.",
    type=click.Choice(STARTS),
)
@click.option(
    "--target",
    metavar="CITY",
    help="City to explain, by code or name, or: predicted.  [default: each patch's own city]",
)
@_option("split", "Which patches of the city folder.", type=click.Choice(SPLITS))
@click.option("--fold", type=int, metavar="N", help="Of the split.  [default: the model's]")
@_option("patches", "Patches drawn from each city.", type=int, metavar="N")
@_option(
    "measured",
    "Patches on which the maps are measured; 0 for none.",
    "--measure",
    type=int,
    metavar="N",
)
@_option("steps", "Points of the deletion and insertion curves.", type=int, metavar="N")
@click.option(
    "--classes",
    multiple=True,
    type=PATH,
    help="Class raster of the ground, to say what is salient; may be repeated.",
)
@click.option("--polygons", type=PATH, help="Or polygons of the ground.")
@click.option("--class-field", help="Field of the polygons that holds their kind.")
@seed_option
@_option("batch_size", "Patches at once.", type=int, metavar="N")
@device_option
@overwrite_option
def command(
    console: Console,
    model: Path,
    cities: Path | None,
    images: tuple[Path, ...],
    out: Path,
    overwrite: bool,
    **options: object,
) -> None:
    """Show and measure what gives a city away.

    MODEL and CITIES give a sheet of heat maps for each city, a contact sheet of all, and
    relevance GeoTIFFs of georeferenced patches; MODEL and --image explain whole images of any
    size. Open index.html first.

    Relevance-CAM works for ResNets and their like; a network in which relevance is not conserved
    is refused. How true the maps are is measured: read the redraw check before you believe one.

    \b
    Example:
      geocity city explain geocity-demo/cities/model.geocity geocity-demo/cities/prepared \\
        -o explained
      geocity city explain geocity-demo/cities/model.geocity --image sample_data/scene_2025.tif \\
        --classes geocity-demo/map/classes_2025.tif -o explained_scene
    """  # noqa: D301 - click wants the character
    from geocity.tools.city.explain import explain

    result = explain(
        model,
        cities,
        images=images,
        out=out,
        options=ExplainOptions(**options),  # type: ignore[arg-type]
        overwrite=overwrite,
        progress=console.progress,
    )
    if console.as_json:
        console.result(result.report)
    else:
        console.result(result.table)
        console.result(result.folder)
