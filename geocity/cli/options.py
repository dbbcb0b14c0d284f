"""Options and manners that every command shares."""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import click

from geocity.cli.console import Console, ConsoleHandler
from geocity.cli.endings import interruptible, run_to_the_end
from geocity.cli.recording import RecordedCommand, recorded

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

PATH = click.Path(path_type=Path)
"""Any file or folder: whether it is there and fits, the tools say in a sentence."""


def out_option(description: str) -> Decorator:
    """Return the ``-o/--out`` option, which is always the result."""
    return click.option(
        "-o",
        "--out",
        required=True,
        type=PATH,
        help=f"Where to write {description}.",
    )


def options_of(defaults: object) -> Callable[..., Decorator]:
    """Return a function that makes the options which set the fields of a tool's options.

    It takes the field's name, the help and, where it is not the field's name, the flag, then what
    ``click.option`` takes. The default is that of the field, so that it stands in one place.

    Args:
        defaults: the tool's options as they are when nothing is chosen.
    """

    def option(field: str, description: str, flag: str = "", **settings: Any) -> Decorator:
        default = getattr(defaults, field)
        return click.option(
            flag or "--" + field.replace("_", "-"),
            field,
            help=description,
            **{"default": default, "show_default": default is not None, **settings},
        )

    return option


overwrite_option: Decorator = click.option(
    "--overwrite", is_flag=True, help="Replace the result if it is already there."
)

seed_option: Decorator = click.option(
    "--seed", type=int, default=0, show_default=True, help="Makes random choices repeatable."
)


unit_field_option: Decorator = click.option(
    "--unit-field", metavar="FIELD", help="Holds the names.  [default: one called ward, name …]"
)

slum_class_option: Decorator = click.option(
    "--slum-class",
    metavar="NAME|VALUE",
    help="The class that means slum.  [default: the one called so, or the only one]",
)


def passes_option(description: str, *, lowest: int) -> Decorator:
    """Return the option that says how often the majority filter is passed over a map."""

    def read(
        _context: click.Context, _option: click.Parameter, text: str
    ) -> int | Literal["stable"]:
        if text == "stable":
            return "stable"
        if not text.isdecimal() or int(text) < lowest:
            raise click.BadParameter(
                f"{text!r} is neither a whole number from {lowest} on nor 'stable'."
            )
        return int(text)

    return click.option(
        "--passes",
        callback=read,
        default="1",
        metavar="N|stable",
        show_default=True,
        help=description,
    )


def names_by_comma(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, ...]:
    """Read names that commas separate; an option's callback."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _read_range(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    if value is None:
        return None
    first, colon, end = value.partition(":")
    if not (colon and first.isdecimal() and end.isdecimal()):
        raise click.BadParameter(f"{value!r} is not a range such as 0:64.")
    return int(first), int(end)


_WORK_OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--workers",
        type=int,
        default=1,
        show_default=True,
        metavar="N",
        help="Processes on this machine.",
    ),
    click.option(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler that has the work done, tcp://…"
    ),
    click.option(
        "--resume/--no-resume",
        default=True,
        show_default=True,
        help="Go on where a former run of the same command stopped.",
    ),
    click.option(
        "--part-range",
        callback=_read_range,
        metavar="A:B",
        help="Compute the parts A to B-1 only; the last one to finish puts all together.",
    ),
)


def work_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of work in parts; the function is given them as ``work``."""
    return _with_work(function, _WORK_OPTIONS)


def whole_work_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of work in parts for a command that cannot do a range of them alone."""
    return _with_work(function, _WORK_OPTIONS[:-1])


def _with_work(
    function: Callable[..., None], options: tuple[Decorator, ...]
) -> Callable[..., None]:
    @functools.wraps(function)
    def packed(
        *arguments: Any,
        workers: int,
        scheduler: str | None,
        resume: bool,
        part_range: tuple[int, int] | None = None,
        **others: Any,
    ) -> None:
        from geocity.engine.run import WorkOptions

        work = WorkOptions(workers, scheduler, resume, part_range)
        function(*arguments, work=work, **others)

    decorated: Callable[..., None] = packed
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def date_option(description: str, flag: str = "--date", name: str = "dates") -> Decorator:
    """Return an option that takes a day each time it is given."""
    return click.option(
        flag,
        name,
        multiple=True,
        type=click.DateTime(["%Y-%m-%d"]),
        callback=lambda _context, _option, moments: tuple(moment.date() for moment in moments),
        metavar="YYYY-MM-DD",
        help=f"{description}  [default: what they say]",
    )


def tool_command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command of a function that takes a console first.

    Adds ``--progress`` and ``--debug``, sends log records to the console, turns SIGTERM into the
    same orderly end as Ctrl-C, and turns every `GeocityError` into one sentence and exit code 1.
    A result gets the record of its run beside it.
    """

    def decorate(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def run(*, progress: str, debug: bool, **arguments: Any) -> None:
            console = Console(progress)
            from geocity.io.remote import offline_unless

            with (
                _listening(console),
                interruptible() as interrupts,
                offline_unless([arguments]),
            ):
                call = functools.partial(
                    recorded, console, functools.partial(function, console, **arguments)
                )
                run_to_the_end(console, debug, call, interrupts)

        # click keeps options in reverse; these belong at the end of the help.
        own: list[click.Parameter] = getattr(run, "__click_params__", [])
        run.__click_params__ = []  # type: ignore[attr-defined]  # click's own place for them
        for option in (_debug_option, _progress_option):
            run = option(run)
        run.__click_params__ += own  # type: ignore[attr-defined]
        return click.command(name, cls=RecordedCommand, no_args_is_help=name != "demo")(run)

    return decorate


_progress_option = click.option(
    "--progress",
    type=click.Choice(["auto", "json", "none"]),
    default="auto",
    show_default=True,
    help="A bar on a terminal, one JSON object a line on stdout, or nothing.",
)
_debug_option = click.option(
    "--debug",
    is_flag=True,
    help="Give the traceback of an error and all versions, for a report.",
)


@contextmanager
def _listening(console: Console) -> Iterator[None]:
    logger = logging.getLogger("geocity")
    handler = ConsoleHandler(console)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
