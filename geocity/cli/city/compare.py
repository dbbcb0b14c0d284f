"""``geocity city compare``."""

from pathlib import Path
from typing import Any

import click

from geocity.cli.console import Console
from geocity.cli.options import out_option, overwrite_option, seed_option, tool_command
from geocity.tools.city.compare_options import (
    LINKAGE_NAMES,
    MEASURE_NAMES,
    SPLITS,
    CompareOptions,
)

_file = click.Path(path_type=Path)
_DEFAULTS = CompareOptions()


@tool_command("compare")
@click.argument("model", type=_file)
@click.argument("cities", type=_file)
@out_option("the folder of the page, tables and figures")
@click.option(
    "--place",
    type=_file,
    metavar="CITIES",
    help="Another city folder: place its cities, which the model never saw, among the others.",
)
@click.option(
    "--query",
    metavar="SITE_OR_IMAGE",
    help="A site (city/site) or image (city/site/name): list the districts of other cities most "
    "like it.",
)
@click.option(
    "--split",
    type=click.Choice(SPLITS),
    default=_DEFAULTS.split,
    show_default=True,
    help="Which part of the cities; test is held out.",
)
@click.option("--fold", type=int, help="Which fold; that of the model by default.")
@click.option(
    "--measure",
    type=click.Choice(MEASURE_NAMES),
    default=_DEFAULTS.measure,
    show_default=True,
    help="What the tree and the nearest cities go by; tables hold both.",
)
@click.option(
    "--linkage",
    type=click.Choice(LINKAGE_NAMES),
    default=_DEFAULTS.linkage,
    show_default=True,
    help="How the tree joins cities.",
)
@click.option(
    "--patches",
    type=int,
    default=_DEFAULTS.patches,
    show_default=True,
    help="Patches of each city, drawn evenly over its sites.",
)
@click.option(
    "--nearest",
    type=int,
    default=_DEFAULTS.nearest,
    show_default=True,
    help="How many near cities or districts are listed.",
)
@click.option(
    "--near",
    "near_m",
    type=float,
    default=_DEFAULTS.near_m,
    show_default=True,
    metavar="METRES",
    help="Patches nearer than this do not count as found, where places are known.",
)
@click.option(
    "--draws",
    type=int,
    default=_DEFAULTS.draws,
    show_default=True,
    help="How often sites are drawn anew for intervals and support.",
)
@seed_option
@click.option("--batch-size", type=int, default=_DEFAULTS.batch_size, show_default=True)
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
@overwrite_option
def command(
    console: Console,
    model: Path,
    cities: Path,
    out: Path,
    place: Path | None,
    query: str | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Say which cities resemble each other.

    Held-out patches of CITIES are compared by what MODEL sees in them (its embeddings): distances
    with intervals over sites, a tree with the support of its branches, nearest cities, a map of
    patches, look-alikes side by side. All of it is on one page, comparison.html, which opens
    without a network; tables and figures lie beside it.

    Confusion is shown beside the distances and enters none of them: a good model never confuses
    most pairs of cities.

    \b
    Example:
      geocity city compare geocity-demo/cities/model.geocity geocity-demo/cities/prepared \\
        -o comparison
    """  # noqa: D301 - click wants the character
    from geocity.tools.city.compare import compare

    result = compare(
        model,
        cities,
        out=out,
        place=place,
        query=query,
        options=CompareOptions(**options),
        overwrite=overwrite,
        progress=console.progress,
    )
    console.result(result.page)
