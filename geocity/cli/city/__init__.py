"""The commands of ``geocity city``."""

import click

from geocity.cli.lazy_group import LazyGroup

COMMANDS: tuple[str, ...] = (
    "prepare",
    "train",
    "import",
    "evaluate",
    "identify",
    "explain",
    "compare",
)
"""In the order of the work, which is the order of ``geocity city --help``."""


@click.group(
    cls=LazyGroup,
    package="geocity.cli.city",
    commands=COMMANDS,
    modules={"import": "import_checkpoint"},
    context_settings={"help_option_names": ["-h", "--help"]},
)
def command() -> None:
    """Name the city of a picture, show what gives it away, compare cities.

    The way: prepare a folder of sites, train, evaluate, then identify any image, explain the
    answers, and compare the cities.
    """
