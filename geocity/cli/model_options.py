"""Options of the commands that run a model."""

import click

from geocity.cli.options import PATH, Decorator

model_option: Decorator = click.option(
    "-m", "--model", required=True, type=PATH, help="The model file."
)

device_option: Decorator = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to compute.",
)

engine_option: Decorator = click.option(
    "--engine",
    type=click.Choice(["auto", "openvino", "torch"]),
    default="auto",
    show_default=True,
    help="What runs the model: auto takes CUDA, else OpenVINO.",
)

tile_size_option: Decorator = click.option(
    "--tile-size", type=int, metavar="PIXELS", help="Side of a tile.  [default: 1024]"
)

batch_size_option: Decorator = click.option(
    "--batch-size", type=int, metavar="N", help="Tiles at a time.  [default: 1; CUDA 8]"
)

threshold_option: Decorator = click.option(
    "--threshold",
    type=float,
    metavar="P",
    help="Lowest probability at which a class other than background is given.",
)

aoi_option: Decorator = click.option("--aoi", type=PATH, help="Polygons to stay within.")
