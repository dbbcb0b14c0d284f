"""``geocity demo``."""

from pathlib import Path

import click

from geocity.cli.console import Console
from geocity.cli.options import overwrite_option, tool_command


@tool_command("demo")
@click.argument("out", default="geocity-demo", type=click.Path(path_type=Path))
@overwrite_option
def command(console: Console, out: Path, overwrite: bool) -> None:
    """Run the whole of geocity on its sample data, offline, and say what happens and why.

    Cuts chips, trains a U-Net from scratch, evaluates it on places it never saw, maps two dates
    and writes a QGIS project, in about five minutes on two cores. OUT is the folder to make,
    geocity-demo by default.

    \b
    Example:
      geocity demo
    """  # noqa: D301 - click wants the character
    from geocity.tools.demo import demo

    made = demo(out, overwrite=overwrite, progress=console.progress)
    width = max(len(name) for name in made.contents)
    lines = [f"  {name:<{width}}  {what}" for name, what in made.contents.items()]
    found = f"Slums on held-out blocks: IoU {made.slum_iou:.2f}."
    console.result("\n".join([found, f"In {made.folder}:", *lines]))
