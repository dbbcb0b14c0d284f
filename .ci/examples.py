"""Run the examples that end the help of every command, as typed, on the sample data and a demo.

    python .ci/examples.py DEMO      # DEMO is a folder that `geocity demo` made

Stops at the first example that fails.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click

from geocity.cli import main

ROOT = Path(__file__).parents[1]
# These need a file that only the user has, or her answers, or the time that the demo took already.
LEFT_OUT = {
    "geocity demo", "geocity train", "geocity city train", "geocity city import",
    "geocity import-model", "geocity assess estimate",
}  # fmt: skip


def examples(command: click.Command, words: str) -> Iterator[tuple[str, str]]:
    """Yield the words of each command and its example, a shell script."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            if member is not None:
                yield from examples(member, f"{words} {name}")
        return
    found = re.search(r"Examples?:\n((?: {2,}.*\n?)+)", command.help or "")
    if found is None:
        raise SystemExit(f"The help of {words} ends without an example.")
    yield words, found[1]


def run(demo: Path) -> None:
    """Run each example as somebody would who has just run the demo, in a folder of its own."""
    for words, script in examples(main, "geocity"):
        if words in LEFT_OUT:
            continue
        typed = f'geocity() {{ "{sys.executable}" -m geocity "$@"; }}\n{script}'
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            (folder / "sample_data").symlink_to(ROOT / "sample_data")
            (folder / "geocity-demo").symlink_to(demo.resolve())
            done = subprocess.run(
                ["bash", "-euc", typed], cwd=folder, capture_output=True, text=True, check=False
            )
        print(f"{words}: exit code {done.returncode}, {time.monotonic() - started:.0f} s")
        if done.returncode:
            raise SystemExit(f"{script}\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    run(Path(sys.argv[1]))
