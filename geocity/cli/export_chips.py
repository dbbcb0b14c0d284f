"""geocity export-chips."""

from pathlib import Path
from typing import Any

import click

from geocity.cli.console import Console
from geocity.cli.label_options import class_field_option, class_values_option
from geocity.cli.options import PATH, out_option, overwrite_option, seed_option, tool_command


def _shares(_context: click.Context, _option: click.Parameter, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter("three shares are needed, for example 0.7,0.15,0.15") from error


@tool_command("export-chips")
@click.argument("scenes", nargs=-1, required=True, type=PATH)
@click.option(
    "--labels",
    multiple=True,
    required=True,
    type=PATH,
    help="Outlines or a classified raster; one for all scenes, or repeated, one a scene.",
)
@out_option("the folder of chips")
@overwrite_option
@seed_option
@click.option("--chip-size", default=400, show_default=True, help="Side of a chip in pixels.")
@click.option("--stride", default=0, show_default=True, help="Step in pixels; 0: the chip size.")
@click.option(
    "--edge",
    type=click.Choice(["shift", "drop", "pad"]),
    default="shift",
    show_default=True,
    help="Chips that do not fit at the right and lower edge: moved inwards, dropped, or padded.",
)
@click.option(
    "--cell-size", "cell_size_m", type=float, help="Resample to pixels of so many metres."
)
@class_field_option
@class_values_option
@click.option("--buffer", "buffer_m", default=0.0, help="Widen outlines by so many metres first.")
@click.option("--all-touched", is_flag=True, help="Label every pixel that an outline touches.")
@click.option(
    "--min-overlap",
    default=0.0,
    help="An outline with a smaller share than this inside a chip is unknown there.",
)
@click.option("--labelled-area", type=PATH, help="Polygons; outside, the class is unknown.")
@click.option("--mask", type=PATH, help="Polygons; only chips wholly inside are made.")
@click.option(
    "--chips",
    type=click.Choice(["with-features", "all"]),
    default="with-features",
    show_default=True,
    help="Which chips to write.",
)
@click.option("--negatives", default=0.0, help="Share of chips without a feature, 0 to 1.")
@click.option("--rotation", "rotation_deg", default=0.0, help="Every chip again, turned so far.")
@click.option(
    "--format",
    "image_format",
    type=click.Choice(["tif", "png", "jpg"]),
    default="tif",
    show_default=True,
    help="Format of the image chips.",
)
@click.option(
    "--scenes",
    "arrangement",
    type=click.Choice(["mosaic", "separate"]),
    default="mosaic",
    show_default=True,
    help="Read scenes that touch on one pixel lattice as one image, or each by itself.",
)
@click.option("--hold-out", multiple=True, help="Scene (name) or date whose chips are the test.")
@click.option(
    "--split",
    default="0.7,0.15,0.15",
    show_default=True,
    callback=_shares,
    help="Share of train, val and test, split by place.",
)
@click.option("--start-index", default=0, show_default=True, help="Number in the first file name.")
def command(
    console: Console,
    scenes: tuple[Path, ...],
    labels: tuple[Path, ...],
    out: Path,
    overwrite: bool,
    arrangement: str,
    **options: Any,
) -> None:
    """Cut scenes and their labels into chips for training.

    Parts for training, validation and testing lie at least a chip apart, so that none leaks into
    another; split.gpkg in the folder shows them. ArcGIS reads the folder too (prepare_data).

    \b
    Example:
      geocity export-chips sample_data/scene_2015.tif --labels sample_data/slums_2015.gpkg \\
        --class-field code --chip-size 256 --negatives 0.3 -o chips
    """  # noqa: D301 - click wants the character
    from geocity.io.chip_options import ChipOptions
    from geocity.tools.export_chips import export_chips

    chosen = ChipOptions(scenes=arrangement, **options)  # type: ignore[arg-type]
    console.result(
        export_chips(
            scenes,
            labels=labels,
            out=out,
            options=chosen,
            overwrite=overwrite,
            progress=console.progress,
        )
    )
