"""``geocity dashboard``."""

from pathlib import Path

import click

from geocity.cli.console import Console
from geocity.cli.options import (
    PATH,
    date_option,
    out_option,
    overwrite_option,
    slum_class_option,
    tool_command,
    unit_field_option,
)
from geocity.tools.dashboard_options import MAX_VECTORS, DashboardOptions


@tool_command("dashboard")
@click.argument("slums", nargs=-1, required=True)
@out_option("the page (.html)")
@click.option(
    "--scene",
    "scenes",
    multiple=True,
    type=PATH,
    help="Imagery to lay under the outlines; give it once a scene.",
)
@click.option("--change", type=PATH, help="What `geocity change` wrote.")
@click.option(
    "--indicators",
    type=PATH,
    help="What `geocity indicators` wrote (.csv or .gpkg).",
)
@click.option(
    "--units", help='Outlines of the wards or other units, FILE or "FILE|layername=NAME".'
)
@click.option(
    "--assessment",
    "assessments",
    multiple=True,
    type=PATH,
    help="What `geocity assess estimate` wrote; give it once a date.",
)
@date_option("Date of the image, once for each layer of SLUMS.")
@date_option("Date of the scene, once for each.", "--scene-date", "scene_dates")
@unit_field_option
@slum_class_option
@click.option("--title", default=DashboardOptions().title, show_default=True, help="The heading.")
@click.option(
    "--method-note",
    default="",
    metavar="TEXT|FILE",
    help="What readers should know of how the map was made.",
)
@click.option("--credit", default="", metavar="TEXT", help="Whose imagery it is.")
@click.option(
    "--project",
    type=PATH,
    metavar="FILE.qgz",
    help="Write a QGIS project of the same files too.",
)
@click.option(
    "--max-vectors",
    type=click.IntRange(min=0),
    default=MAX_VECTORS,
    show_default=True,
    metavar="N",
    help="Layers with more polygons are drawn as a picture.",
)
@overwrite_option
def command(
    console: Console,
    slums: tuple[str, ...],
    out: Path,
    scenes: tuple[Path, ...],
    change: Path | None,
    indicators: Path | None,
    units: str | None,
    assessments: tuple[Path, ...],
    project: Path | None,
    overwrite: bool,
    **options: object,
) -> None:
    """Make the slum tracker: one web page that opens from disk and needs no network.

    SLUMS are layers of outlines, one a date or with a field `date`. Where a file holds several and
    not all of them are meant, name one as "FILE|layername=NAME". Whatever else is given is shown
    as well: imagery to swipe between, growth and loss, figures by ward, and how far to trust them.

    \b
    Example:
      geocity dashboard sample_data/slums_2015.gpkg sample_data/slums_2025.gpkg \\
        --date 2015-02-14 --date 2025-02-09 --units sample_data/wards.gpkg \\
        --scene sample_data/scene_2015.tif --scene sample_data/scene_2025.tif \\
        -o slum_tracker.html
    """  # noqa: D301 - click wants the character
    from geocity.tools.dashboard import DashboardInputs, dashboard

    result = dashboard(
        slums,
        out=out,
        inputs=DashboardInputs(
            scenes=scenes,
            change=change,
            indicators=indicators,
            units=units,
            assessments=assessments,
        ),
        options=DashboardOptions(project=project, **options),  # type: ignore[arg-type]  # click made them
        overwrite=overwrite,
        progress=console.progress,
    )
    console.result(result)
    if project is not None:
        console.result(project)
