"""``geocity city explain``."""

from pathlib import Path

import click

from geocity.cli.console import Console
from geocity.cli.options import out_option, overwrite_option, seed_option, tool_command
from geocity.tools.city.explain_options import METHODS, SPLITS, STARTS, ExplainOptions

_DEFAULTS = ExplainOptions()
_file = click.Path(path_type=Path)


def _names(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    """Read names by comma."""
    return tuple(name.strip() for name in value.split(",") if name.strip())


@tool_command("explain")
@click.argument("model", type=_file)
@click.argument("cities", required=False, type=_file)
@click.option(
    "--image", "images", multiple=True, type=_file, help="Explain this image; may be repeated."
)
@out_option("the folder of sheets, maps and tables")
@click.option(
    "--layers",
    default=",".join(_DEFAULTS.layers),
    show_default=True,
    callback=_names,
    help="Stages of a ResNet, or names of a network's modules, by comma.",
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default=_DEFAULTS.method,
    show_default=True,
    help="How maps are made; all but the first need pytorch-grad-cam.",
)
@click.option(
    "--compare",
    multiple=True,
    type=click.Choice(METHODS),
    help="Draw and measure this method beside it; may be repeated.",
)
@click.option(
    "--start",
    type=click.Choice(STARTS),
    default=_DEFAULTS.start,
    show_default=True,
    help="Start of the relevance; upstream, as published, is nearly blind to the city.",
)
@click.option(
    "--target",
    metavar="CITY",
    help="City to explain, by code or name, or: predicted.  [default: each patch's own city]",
)
@click.option(
    "--split",
    type=click.Choice(SPLITS),
    default=_DEFAULTS.split,
    show_default=True,
    help="Which patches of the city folder.",
)
@click.option("--fold", type=int, metavar="N", help="Of the split.  [default: the model's]")
@click.option(
    "--patches",
    type=int,
    default=_DEFAULTS.patches,
    show_default=True,
    metavar="N",
    help="Patches drawn from each city.",
)
@click.option(
    "--measure",
    "measured",
    type=int,
    default=_DEFAULTS.measured,
    show_default=True,
    metavar="N",
    help="Patches on which the maps are measured; 0 for none.",
)
@click.option(
    "--steps",
    type=int,
    default=_DEFAULTS.steps,
    show_default=True,
    metavar="N",
    help="Points of the deletion and insertion curves.",
)
@click.option(
    "--classes",
    multiple=True,
    type=_file,
    help="Class raster of the ground, to say what is salient; may be repeated.",
)
@click.option("--polygons", type=_file, help="Or polygons of the ground.")
@click.option("--class-field", help="Field of the polygons that holds their kind.")
@seed_option
@click.option(
    "--batch-size", type=int, default=_DEFAULTS.batch_size, show_default=True, metavar="N",
    help="Patches at once.",
)  # fmt: skip
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
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
