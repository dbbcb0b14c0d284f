"""A group whose commands are imported when they are asked for."""

import importlib
from collections.abc import Sequence
from typing import Any

import click

from geocity.cli.endings import EXIT_INTERRUPTED


class LazyGroup(click.Group):
    """Finds the command ``foo-bar`` as ``command`` in the module ``foo_bar`` of a package.

    Args:
        package: where the modules lie.
        commands: names in the order of the work, which is the order of ``--help``.
        modules: the module of a command whose name cannot be one.
    """

    def __init__(
        self,
        *args: Any,
        package: str,
        commands: Sequence[str],
        modules: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._package, self._order, self._modules = package, tuple(commands), modules or {}

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for; an interrupt before it begins is an ending too."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Error: Interrupted before anything was done.", err=True)
            ctx.exit(EXIT_INTERRUPTED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the work."""
        return list(self._order)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command: click, and the options of its tool, which are light."""
        if cmd_name not in self._order:
            return None
        name = self._modules.get(cmd_name, cmd_name.replace("-", "_"))
        command: click.Command = importlib.import_module(f"{self._package}.{name}").command
        return command
