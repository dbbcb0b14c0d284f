"""The command line: thin commands that parse, call a tool and print."""

import importlib
import sys

import click

import geocity

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
)
"""In the order of the work, which is the order of ``geocity --help``."""


class LazyGroup(click.Group):
    """Finds the command ``foo-bar`` as ``command`` in ``geocity/cli/foo_bar.py`` when asked."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; these modules import nothing but click."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"geocity.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
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
