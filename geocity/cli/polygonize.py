"""``geocity polygonize``."""

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from geocity.cli.console import Console
from geocity.cli.options import PATH, out_option, overwrite_option, tool_command, work_options

if TYPE_CHECKING:
    from geocity.engine.run import WorkOptions


def _values(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    if value is None:
        return None
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of class values such as 1,2.") from None


@tool_command("polygonize")
@click.argument("classes", type=PATH)
@out_option("the polygons (.gpkg, .shp, .geojson, .fgb, .parquet)")
@click.option(
    "--classes",
    "class_values",
    callback=_values,
    metavar="1,2,…",
    help="Class values to keep.  [default: all but background 0]",
)
@click.option(
    "--simplify",
    type=float,
    default=0.0,
    metavar="M",
    help="Smooth the pixel steps by about so many metres; shared borders stay shared. "
    "[default: 0, exact pixel edges]",
)
@click.option(
    "--parts",
    type=click.Choice(["single", "multi"]),
    default="single",
    show_default=True,
    help="One feature a polygon, or one a class.",
)
@click.option("--max-vertices", type=int, metavar="N", help="Cut polygons with more vertices.")
@click.option(
    "--min-area", type=float, default=0.0, metavar="M2", help="Leave out what is smaller."
)
@click.option(
    "--probability",
    type=PATH,
    help="Probability raster of the same classification; adds prob_mean and prob_p10.",
)
@click.option(
    "--date",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day of the image.  [default: what the raster says]",
)
@click.option("--layer", help="Name of the layer.  [default: the name of the file]")
@work_options
@overwrite_option
def command(
    console: Console,
    classes: Path,
    out: Path,
    class_values: tuple[int, ...] | None,
    simplify: float,
    parts: Literal["single", "multi"],
    max_vertices: int | None,
    min_area: float,
    probability: Path | None,
    date: datetime.datetime | None,
    layer: str | None,
    overwrite: bool,
    work: "WorkOptions",
) -> None:
    """Turn a class raster into polygons (ArcGIS Raster to Polygon).

    Polygons follow the pixel edges exactly unless --simplify is given. Areas and perimeters are
    true ones, on the ellipsoid, whatever the coordinate system. A GeoPackage carries its style.

    What is done is kept beside the result until it is whole: a command that was stopped, run
    again, goes on from there. Parts are bands of the raster here, for --part-range too.

    \b
    Example:
      geocity polygonize geocity-demo/map/classes_2025.tif -o slums.gpkg --min-area 100
    """  # noqa: D301 - click wants the character
    from geocity.tools.polygonize import PolygonOptions, polygonize

    options = PolygonOptions(
        classes=class_values,
        simplify_m=simplify,
        parts=parts,
        max_vertices=max_vertices,
        min_area_m2=min_area,
        date=date.date() if date else None,
    )
    result = polygonize(
        classes,
        out=out,
        options=options,
        probability=probability,
        layer=layer,
        overwrite=overwrite,
        work=work,
        progress=console.progress,
    )
    console.result(result)
