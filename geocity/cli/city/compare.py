"""``geocity city compare``."""

from pathlib import Path
from typing import Any

import click

from geocity.cli.console import Console
from geocity.cli.model_options import device_option
from geocity.cli.options import (
    PATH,
    options_of,
    out_option,
    overwrite_option,
    seed_option,
    tool_command,
)
from geocity.tools.city.compare_options import (
    LINKAGE_NAMES,
    MEASURE_NAMES,
    SPLITS,
    CompareOptions,
)

_option = options_of(CompareOptions())


@tool_command("compare")
@click.argument("model", type=PATH)
@click.argument("cities", type=PATH)
@out_option("the folder of the page, tables and figures")
@click.option(
    "--place",
    type=PATH,
    metavar="CITIES",
    help="Another city folder: place its cities, which the model never saw, among the others.",
)
@click.option(
    "--query",
    metavar="SITE_OR_IMAGE",
    help="A site (city/site) or image (city/site/name): list the districts of other cities most "
    "like it.",
)
@_option("split", "Which part of the cities; test is held out.", type=click.Choice(SPLITS))
@click.option("--fold", type=int, help="Which fold; that of the model by default.")
@_option(
    "measure",
    "What the tree and the nearest cities go by; tables hold both.",
    type=click.Choice(MEASURE_NAMES),
)
@_option("linkage", "How the tree joins cities.", type=click.Choice(LINKAGE_NAMES))
@_option("patches", "Patches of each city, drawn evenly over its sites.", type=int)
@_option("nearest", "How many near cities or districts are listed.", type=int)
@_option(
    "near_m",
    "Patches nearer than this do not count as found, where places are known.",
    "--near",
    type=float,
    metavar="METRES",
)
@_option("draws", "How often sites are drawn anew for intervals and support.", type=int)
@seed_option
@_option("batch_size", "Patches at once.", type=int)
@device_option
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
