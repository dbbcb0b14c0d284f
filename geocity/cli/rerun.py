"""``geocity rerun``."""

import sys
from pathlib import Path

import click

from geocity.cli.console import Console
from geocity.cli.endings import EXIT_REFUSED
from geocity.cli.options import PATH, overwrite_option, tool_command


@tool_command("rerun")
@click.argument("record", type=PATH)
@click.option(
    "-o",
    "--out",
    "result",
    type=PATH,
    help="Where to put the result.  [default: where it was]",
)
@click.option(
    "--changed-inputs", is_flag=True, help="Go on although inputs are no longer what they were."
)
@click.option(
    "--same",
    is_flag=True,
    help="Demand the recorded result, byte for byte: the exit code is 1 if it differs.",
)
@overwrite_option
def command(
    console: Console,
    record: Path,
    result: Path | None,
    changed_inputs: bool,
    same: bool,
    overwrite: bool,
) -> None:
    """Run a command again from the RECORD that it left, and compare the results.

    Every command leaves one: RESULT.run.json beside a file, run.json in a folder. It holds what
    was typed, every option, versions, and the hashes of what was read and written. Inputs that
    have changed are refused.

    \b
    Example:
      geocity clean geocity-demo/map/classes_2025.tif --min-area 400 -o cleaned.tif
      geocity rerun cleaned.tif.run.json -o again/cleaned.tif
    """  # noqa: D301 - click wants the character
    from geocity.tools.rerun import rerun

    found = rerun(
        record,
        out=result,
        changed_inputs=changed_inputs,
        overwrite=overwrite,
        progress=console.progress,
    )
    console.result(found.path)
    if same and not found.same:
        console.error("The result differs from the recorded one.")
        sys.exit(EXIT_REFUSED)
