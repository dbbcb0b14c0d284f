"""``geocity assess``: its two commands."""

import click

from geocity.cli.lazy_group import LazyGroup

COMMANDS: tuple[str, ...] = ("sample", "estimate")
"""In the order of the work, which is the order of ``geocity assess --help``."""


@click.group(
    "assess",
    cls=LazyGroup,
    package="geocity.cli.assess",
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
def command() -> None:
    """Say how far a map can be trusted: accuracy and areas with confidence intervals.

    The way: draw a sample, let a person answer it in QGIS, estimate. Good for maps of one date and
    for maps of change.
    """
