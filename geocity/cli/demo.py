"""``geocity demo``."""

from pathlib import Path

import click

from geocity.cli.console import Console
from geocity.cli.options import PATH, overwrite_option, tool_command
from geocity.tools.demo_options import HALVES


@tool_command("demo")
@click.argument("out", default="geocity-demo", type=PATH)
@click.option("--only", type=click.Choice(HALVES), help="Run one half alone.")
@overwrite_option
def command(console: Console, out: Path, only: str | None, overwrite: bool) -> None:
    """Run the whole of geocity on its sample data, offline, and say what happens and why.

    Slums: cuts chips, trains a U-Net from scratch, evaluates it on places it never saw, maps two
    dates and tracks the change, up to a web page and a QGIS project. Cities: trains a small ResNet
    to name six cities, evaluates it on a date it never saw, names a picture, shows what gives each
    city away and which are alike. It takes some minutes on two cores. OUT is the folder to make,
    geocity-demo by default.

    \b
    Example:
      geocity demo
      geocity demo city-demo --only cities
    """  # noqa: D301 - click wants the character
    from geocity.tools.demo import demo

    made = demo(out, only=only, overwrite=overwrite, progress=console.progress)
    width = max(len(name) for name in made.contents)
    lines = [f"In {made.folder}:"]
    lines += [f"  {name:<{width}}  {what}" for name, what in made.contents.items()]
    if made.slum_iou is not None:
        lines.append(f"Slums on held-out blocks: IoU {made.slum_iou:.2f}.")
    if made.city_accuracy is not None:
        lines.append(f"Cities on a date never seen: accuracy {made.city_accuracy:.3f}.")
    console.result("\n".join(lines))
