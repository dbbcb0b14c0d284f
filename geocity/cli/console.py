"""What a command says: results to stdout, progress and log to stderr, or JSON lines to stdout."""

import json
import logging
import shlex
import sys
import time
from collections.abc import Mapping
from typing import Any

import click

# A bar that moves ten times a second is smooth; more only costs time.
_REFRESH_S = 0.1
_JSON_REFRESH_S = 0.5


class Console:
    """The voice of one command.

    Args:
        mode: ``auto`` (a bar on a terminal, a line a stage elsewhere), ``json`` or ``none``.
    """

    def __init__(self, mode: str) -> None:
        self.as_json = mode == "json"
        self._silent = mode == "none"
        self._bar = mode == "auto" and sys.stderr.isatty()
        self._stage = ""
        self._started = self._shown = 0.0

    def progress(self, done: int, total: int, stage: str) -> None:
        """Show how far a stage is; a `geocity.core.progress.Progress`."""
        now = time.monotonic()
        fresh = stage != self._stage
        if fresh:
            self._stage, self._started, self._shown = stage, now, 0.0
        interval = _JSON_REFRESH_S if self.as_json else _REFRESH_S
        if not fresh and done < total and now - self._shown < interval:
            return
        self._shown = now
        if self.as_json:
            self.emit("progress", stage=stage, done=done, total=total)
        elif self._bar:
            self._draw(done, total, now - self._started)
        elif fresh and not self._silent:
            click.echo(f"{stage[:1].upper()}{stage[1:]} …", err=True)

    def _draw(self, done: int, total: int, elapsed_s: float) -> None:
        share = done / total if total else 1.0
        filled = int(share * 24)
        bar = "█" * filled + "·" * (24 - filled)
        left = f"{clock(elapsed_s * (1 - share) / share)} left" if 0 < share < 1 else ""
        if share >= 1:
            left = f"in {clock(elapsed_s)}"
        name = self._stage[:1].upper() + self._stage[1:]
        click.echo(f"\r\x1b[2K{name:<24.24} {bar} {share:>4.0%}  {left}", nl=False, err=True)
        if share >= 1:
            click.echo(err=True)
            self._stage = ""

    def result(self, value: object) -> None:
        """Give the result: a path, a text, or a mapping."""
        if self.as_json:
            plain = value if isinstance(value, Mapping) else str(value)
            self.emit("result", result=plain)
        elif isinstance(value, Mapping):
            click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
        else:
            click.echo(str(value))

    def error(self, message: str, report: Mapping[str, Any] | None = None) -> None:
        """Say in one red line why the command was refused or stopped.

        Args:
            message: one sentence.
            report: what those who mend errors need, told before it.
        """
        self._end_bar()
        if self.as_json:
            self.emit("error", message=message, **(report or {}))
        else:
            if report:
                click.echo(_as_text(report), err=True)
            click.secho(f"Error: {message}", fg="red", err=True)

    def emit(self, event: str, **content: Any) -> None:
        """Print one JSON object as a line of stdout, at once."""
        click.echo(json.dumps({"event": event, **content}, ensure_ascii=False, default=str))
        sys.stdout.flush()

    def log(self, record: logging.LogRecord) -> None:
        """Pass a log record on."""
        message = record.getMessage()
        if self.as_json:
            event = "warning" if record.levelno >= logging.WARNING else "log"
            self.emit(event, message=message)
        elif record.levelno >= logging.WARNING:
            self._end_bar()
            click.secho(f"Warning: {message}", fg="yellow", err=True)
        elif not self._silent:
            self._end_bar()
            click.echo(message, err=True)

    def _end_bar(self) -> None:
        if self._bar and self._stage:
            click.echo("\r\x1b[2K", nl=False, err=True)
            self._shown = 0.0


def _as_text(report: Mapping[str, Any]) -> str:
    lines = [str(report["traceback"]).rstrip(), "", f"command: {shlex.join(report['command'])}"]
    return "\n".join([*lines, *(f"{name}: {v}" for name, v in report["versions"].items())])


class ConsoleHandler(logging.Handler):
    """Sends log records to the console."""

    def __init__(self, console: Console) -> None:
        super().__init__(level=logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the record on."""
        self._console.log(record)


def clock(seconds: float) -> str:
    """Write a duration as people do.

    Example:
        >>> clock(8), clock(95), clock(4000)
        ('8 s', '1 min 35 s', '1 h 7 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
