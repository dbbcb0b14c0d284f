"""``geocity city prepare``."""

from pathlib import Path
from typing import Any

import click

from geocity.cli.console import Console
from geocity.cli.options import (
    PATH,
    options_of,
    out_option,
    overwrite_option,
    seed_option,
    tool_command,
)
from geocity.tools.city.prepare_options import CELL_SIZE_M, CHECKS, LAYOUTS, SPLITS, PrepareOptions

_option = options_of(PrepareOptions())


@tool_command("prepare")
@click.argument("raw", type=PATH)
@out_option("the city folder")
@_option("patch_m", "Side of a patch on the ground, in metres.", type=float, metavar="M")
@click.option(
    "--patch-px",
    type=int,
    metavar="PIXELS",
    help="Side of a patch in pixels instead; all images must have one cell size then.",
)
@_option("overlap", "How much of a patch the next one repeats.", type=float, metavar="SHARE")
@click.option(
    "--cell-size",
    "cell_size_m",
    type=float,
    default=CELL_SIZE_M,
    show_default="0.41667, 480 pixels in 200 m",
    metavar="M",
    help="Metres per pixel of images without georeference.",
)
@_option(
    "layout",
    "What the folders mean. An image in the place of a site's folder is a site by itself.",
    type=click.Choice(LAYOUTS),
)
@click.option("--crs", metavar="EPSG:N", help="Of world files, and of bounds that name none.")
@click.option(
    "--bounds",
    type=PATH,
    metavar="CSV",
    help="Where images lie: image, west, south, east, north, crs.",
)
@click.option(
    "--dates",
    type=PATH,
    metavar="CSV",
    help="When images, sites or cities were taken: image, date.",
)
@_option(
    "split",
    "Hold out whole sites, sites and a date, or halve each last site as DL-SLICER does; auto "
    "takes dates where every city has two.",
    type=click.Choice(SPLITS),
)
@click.option(
    "--hold-out-date",
    metavar="DATE",
    help="The date for the test: 2018, 2018-05 or 2018-05-21.  [default: each city's latest]",
)
@_option("folds", "Rotate the sites through the parts so many times.", type=int)
@_option(
    "check",
    "Look for broken images by their ends, or decode every pixel.",
    type=click.Choice(CHECKS),
)
@click.option("--write-patches", is_flag=True, help="Also write every patch as a file.")
@seed_option
@overwrite_option
def command(console: Console, raw: Path, out: Path, overwrite: bool, **chosen: Any) -> None:
    """Cut images of cities into patches, and hold places and dates out for the test.

    RAW holds one folder a city, in it one folder a site, in it images: JPEG, PNG or GeoTIFF, or
    zips of all that. The result is a folder of tables; patches are cut from the images where they
    lie. Sites that overlap on the ground are one place, and a place never trains and tests.

    \b
    Example:
      geocity city prepare sample_data/cities/scenes -o cities --patch-m 102.4
    """  # noqa: D301 - click wants the character
    from geocity.tools.city.prepare import prepare

    result = prepare(
        raw,
        out=out,
        options=PrepareOptions(**chosen),
        overwrite=overwrite,
        progress=console.progress,
    )
    console.result(result)
