"""``geocity check``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from geocity.cli.console import Console, clock
from geocity.cli.endings import EXIT_REFUSED
from geocity.cli.model_options import device_option, engine_option
from geocity.cli.options import PATH, tool_command

if TYPE_CHECKING:
    from geocity.core.estimate import Estimate
    from geocity.tools.check import CheckReport

_MARKS = {"ok": ("ok", "green"), "note": ("note", "cyan"), "warning": ("warn", "yellow")}


@tool_command("check")
@click.argument("scenes", nargs=-1, required=True, type=PATH)
@click.option(
    "--labels",
    multiple=True,
    type=PATH,
    help="Outlines to train on; one for all scenes, or repeated, one a scene.",
)
@click.option("-m", "--model", type=PATH, help="A model to classify with.")
@click.option("--json", "as_json", is_flag=True, help="Give the report as JSON.")
@device_option
@engine_option
def command(
    console: Console,
    scenes: tuple[Path, ...],
    labels: tuple[Path, ...],
    model: Path | None,
    as_json: bool,
    device: str,
    engine: str,
) -> None:
    """Tell whether scenes, labels and a model will work, and what it will cost.

    Looks at samples only, and times the model on one small tile. The exit code is 1 when
    something would be refused.

    \b
    Example:
      geocity check sample_data/scene_2025.tif --labels sample_data/slums_2025.gpkg
    """  # noqa: D301 - click wants the character
    from geocity.tools.check import check

    report = check(scenes, labels=labels, model=model, device=device, engine=engine)
    console.result(report.to_json() if as_json or console.as_json else _text(report))
    if report.level == "error":
        sys.exit(EXIT_REFUSED)


def _text(report: "CheckReport") -> str:
    lines = []
    for finding in report.findings:
        mark, color = _MARKS.get(finding.level, ("STOP", "red"))
        lines.append(f"{click.style(f'{mark:>4}', fg=color)}  {finding.sentence}")
    lines += [_cost(name, cost, report.engine) for name, cost in report.estimates.items()]
    return "\n".join(lines)


def _cost(name: str, cost: "Estimate", engine: str) -> str:
    time = (
        f"about {clock(cost.seconds)} with {engine}" if cost.seconds is not None else "time unknown"
    )
    memory, disk = cost.memory_bytes / 1e9, cost.disk_bytes / 1e6
    return (
        f"cost  Classifying {name}: {cost.tiles} tiles of {cost.tile} pixels, {time}, "
        f"{memory:.1f} GB of memory, {disk:.0f} MB of disk."
    )
