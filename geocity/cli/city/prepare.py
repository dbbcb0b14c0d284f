"""``geocity city prepare``."""

from pathlib import Path
from typing import Any

import click

from geocity.cli.console import Console
from geocity.cli.options import out_option, overwrite_option, seed_option, tool_command
from geocity.tools.city.prepare_options import CELL_SIZE_M, CHECKS, LAYOUTS, SPLITS, PrepareOptions

_DEFAULT = PrepareOptions()


@tool_command("prepare")
@click.argument("raw", type=click.Path(path_type=Path))
@out_option("the city folder")
@click.option(
    "--patch-m",
    type=float,
    default=_DEFAULT.patch_m,
    show_default=True,
    metavar="M",
    help="Side of a patch on the ground, in metres.",
)
@click.option(
    "--patch-px",
    type=int,
    metavar="PIXELS",
    help="Side of a patch in pixels instead; all images must have one cell size then.",
)
@click.option(
    "--overlap",
    type=float,
    default=_DEFAULT.overlap,
    show_default=True,
    metavar="SHARE",
    help="How much of a patch the next one repeats.",
)
@click.option(
    "--cell-size",
    "cell_size_m",
    type=float,
    default=CELL_SIZE_M,
    show_default="0.41667, 480 pixels in 200 m",
    metavar="M",
    help="Metres per pixel of images without georeference.",
)
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default=_DEFAULT.layout,
    show_default=True,
    help="What the folders mean. An image in the place of a site's folder is a site by itself.",
)
@click.option("--crs", metavar="EPSG:N", help="Of world files, and of bounds that name none.")
@click.option(
    "--bounds",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Where images lie: image, west, south, east, north, crs.",
)
@click.option(
    "--dates",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="When images, sites or cities were taken: image, date.",
)
@click.option(
    "--split",
    type=click.Choice(SPLITS),
    default=_DEFAULT.split,
    show_default=True,
    help="Hold out whole sites, sites and a date, or halve each last site as DL-SLICER does; auto "
    "takes dates where every city has two.",
)
@click.option(
    "--hold-out-date",
    metavar="DATE",
    help="The date for the test: 2018, 2018-05 or 2018-05-21.  [default: each city's latest]",
)
@click.option(
    "--folds",
    type=int,
    default=_DEFAULT.folds,
    show_default=True,
    help="Rotate the sites through the parts so many times.",
)
@click.option(
    "--check",
    type=click.Choice(CHECKS),
    default=_DEFAULT.check,
    show_default=True,
    help="Look for broken images by their ends, or decode every pixel.",
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
