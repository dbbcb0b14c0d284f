"""Every result gets a record of the command that made it."""

import datetime
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from geocity.cli.console import Console

logger = logging.getLogger(__name__)

_ARGUMENTS = "geocity.arguments"
# Fewer bytes are hashed before anyone wonders what is happening.
_NOTICEABLE_BYTES = 1_000_000_000

_Stamp = tuple[int, int, int]


class RecordedCommand(click.Command):
    """A command that remembers what was typed."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Make the context, and keep the arguments in it as they were typed."""
        typed = list(args)
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[_ARGUMENTS] = typed
        return context


def recorded(console: Console, call: Callable[[], None]) -> None:
    """Call a command and write the record of its run beside its result.

    Commands without a result (``-o``) leave no record; nor does one that stopped.
    """
    context = click.get_current_context()
    out = context.params.get("out")
    if context.parent is None or out is None:
        call()
        return
    before = {path: _stamp(path) for path in _paths(context)}
    started, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
    call()
    # A slice of the parts makes no result, and leaves a former one as it was.
    if Path(out).is_dir() or _stamp(os.fspath(out)) not in (before[os.fspath(out)], None):
        seconds = round(time.monotonic() - clock, 3)
        _record(console, context, before, (started.isoformat(timespec="seconds"), seconds))


def _record(
    console: Console,
    context: click.Context,
    before: dict[str, _Stamp | None],
    when: tuple[str, float],
) -> None:
    from geocity.core.progress import silent
    from geocity.io.run_records import size_of, write_run_record

    result = str(context.params["out"])
    written = [p for p, stamp in before.items() if p != result and _stamp(p) not in (stamp, None)]
    read = [path for path in before if path != result and path not in written]
    much = sum(map(size_of, (*read, result, *written))) > _NOTICEABLE_BYTES
    try:
        write_run_record(
            Path(result),
            [*_command_words(context), *context.meta[_ARGUMENTS]],
            {name: value for name, value in context.params.items() if value is not None},
            (read, [result, *written]),
            when,
            progress=console.progress if much else silent,
        )
    except OSError as error:
        logger.warning("The result is there, but not the record of its run: %s", error)


def _command_words(context: click.Context) -> list[str]:
    """Return the words that name a command, without the program's own."""
    if context.parent is None:
        return []
    return [*_command_words(context.parent), str(context.info_name)]


def _paths(context: click.Context) -> Iterator[str]:
    """Yield the files and folders that a command was given, as they were typed."""
    seen: set[str] = set()
    for value in context.params.values():
        for item in value if isinstance(value, tuple) else (value,):
            # Weights may be a file or a name, so they come as a text.
            if isinstance(item, Path) or (isinstance(item, str) and Path(item).is_file()):
                seen.add(os.fspath(item))
    yield from sorted(seen)


def _stamp(path: str) -> _Stamp | None:
    try:
        state = Path(path).stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size
