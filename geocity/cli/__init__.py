"""The command line: thin commands that parse, call a tool and print."""

import sys

import click

import geocity
from geocity.cli.lazy_group import LazyGroup

COMMANDS = (
    "demo",
    "check",
    "export-chips",
    "show-chips",
    "find-lr",
    "train",
    "evaluate",
    "classify",
    "majority-filter",
    "clean",
    "polygonize",
    "map",
    "change",
    "indicators",
    "assess",
    "dashboard",
    "export-model",
    "import-model",
    "rerun",
    "city",
)
"""In the order of the work, which is the order of ``geocity --help``."""


@click.group(
    cls=LazyGroup,
    package="geocity.cli",
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(geocity.__version__, prog_name="geocity")
def main() -> None:
    """Maps and figures about cities from satellite and aerial imagery.

    Start with `geocity demo`: it runs everything on the sample data that comes along. With your
    own files: check, export-chips, train, evaluate, map.
    """
    if hasattr(sys.stdout, "reconfigure"):
        # A path with an accent must not break a redirected run on Windows.
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
        sys.stderr.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
