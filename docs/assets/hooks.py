"""What the site does so that the commands read well on it; only MkDocs runs this."""

import inspect
import re
from typing import Any

import click

from geocity.cli import main

# click marks a block that it must not wrap by \b; Markdown would run its lines together.
_EXAMPLE = re.compile(r"^\x08\n(?P<title>[^\n]+):\n(?P<lines>(?:[ \t]+\S[^\n]*\n?)+)", re.M)
# What mkdocs-click writes into a table where there is nothing to say.
_NOTHING = re.compile(r"<td>(?:<code>Sentinel\.UNSET</code>|N/A|None|_required|``)</td>")


def on_startup(**_: Any) -> None:
    """Turn the examples in each command's help into blocks of code, and name what is required."""
    _dress(main)


def on_page_content(html: str, **_: Any) -> str:
    """Leave cells of the tables of options empty where there is no default and no help."""
    return _NOTHING.sub("<td></td>", html)


def _dress(command: click.Command) -> None:
    command.help = _EXAMPLE.sub(_fenced, inspect.cleandoc(command.help or ""))
    for option in command.params:
        if isinstance(option, click.Option) and option.required:
            option.help = f"{option.help or ''} **Required.**".strip()
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                _dress(found)


def _fenced(found: re.Match[str]) -> str:
    lines = [line.removeprefix("  ").rstrip() for line in found["lines"].strip("\n").split("\n")]
    return f"**{found['title']}:**\n\n```\n" + "\n".join(lines) + "\n```\n"
