"""``geocity assess sample``."""

from pathlib import Path
from typing import Literal, TypeVar

import click

from geocity.cli.console import Console
from geocity.cli.options import PATH, out_option, overwrite_option, seed_option, tool_command

Number = TypeVar("Number", int, float)


def _by_name(texts: tuple[str, ...], kind: type[Number]) -> dict[str, Number]:
    pairs = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            pairs[name.strip()] = kind(value)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is not NAME=NUMBER.") from error
        if not name.strip():
            raise click.BadParameter(f"{text!r} is not NAME=NUMBER.")
    return pairs


def _shares(
    _context: click.Context, _option: click.Parameter, texts: tuple[str, ...]
) -> dict[str, float]:
    return _by_name(texts, float)


def _counts(
    _context: click.Context, _option: click.Parameter, texts: tuple[str, ...]
) -> dict[str, int]:
    return _by_name(texts, int)


@tool_command("sample")
@click.argument("classes", type=PATH)
@out_option("the sample (.gpkg, with a form for QGIS inside)")
@click.option(
    "--standard-error",
    type=float,
    default=0.01,
    show_default=True,
    help="Wanted for the overall accuracy; gives the number of points.",
)
@click.option("--points", type=int, metavar="N", help="The number of points itself, instead.")
@click.option(
    "--expected",
    multiple=True,
    callback=_shares,
    metavar="NAME=SHARE",
    help="User's accuracy you expect of a class.  [default: 0.95 for the largest, else 0.75]",
)
@click.option(
    "--allocation",
    type=click.Choice(["recommended", "proportional", "equal"]),
    default="recommended",
    show_default=True,
    help="By area with a floor for rare classes, by area alone, or the same for all.",
)
@click.option(
    "--min-per-class",
    type=int,
    default=50,
    show_default=True,
    help="The floor of the recommended allocation.",
)
@click.option(
    "--class-points",
    multiple=True,
    callback=_counts,
    metavar="NAME=N",
    help="Points of each class, instead of all that.",
)
@seed_option
@overwrite_option
def command(
    console: Console,
    classes: Path,
    out: Path,
    standard_error: float,
    points: int | None,
    expected: dict[str, float],
    allocation: Literal["recommended", "proportional", "equal"],
    min_per_class: int,
    class_points: dict[str, int],
    seed: int,
    overwrite: bool,
) -> None:
    """Draw random cells of a map for a person to look at (stratified by mapped class).

    Open the result in QGIS over the imagery of the map's date and answer the layer `points`. What
    is mapped there is kept out of sight. A map of change works the same way.

    \b
    Example:
      geocity assess sample geocity-demo/map/classes_2025.tif -o sample.gpkg
    """  # noqa: D301 - click wants the character
    from geocity.tools.assess_sample import SampleOptions, assess_sample

    options = SampleOptions(
        standard_error=standard_error,
        points=points,
        expected=expected,
        allocation=allocation,
        min_per_class=min_per_class,
        class_points=class_points,
        seed=seed,
    )
    result = assess_sample(
        classes, out=out, options=options, overwrite=overwrite, progress=console.progress
    )
    console.result(result)
