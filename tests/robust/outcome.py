"""What a command made of a file: a right result, or one sentence and nothing half-written."""

import contextlib
import faulthandler
import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from geocity.cli import main

SECONDS = 60
"""More than any of these commands needs on a busy machine; a hang ends here."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        said: the sentence of a refusal; empty when all went well.
        stdout: the results.
    """

    said: str
    stdout: str

    @property
    def refused(self) -> bool:
        """Tell whether the command was refused."""
        return bool(self.said)


def run(*arguments: object, inputs: Path, outputs: Path, kept: tuple[str, ...] = ()) -> Outcome:
    """Run a command in this process and check that it ended as it should.

    Args:
        arguments: of geocity.
        inputs: a folder in which nothing may change.
        outputs: the folder of the results; after a refusal it is as it was.
        kept: what may stay there, to be taken up by the next run.
    """
    before, given = names(outputs), names(inputs)
    with time_limit():
        result = CliRunner().invoke(main, [*map(str, arguments), "--progress", "none"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1), f"{result.exit_code}: {result.output}"
    assert "Traceback" not in result.output
    assert "did not foresee" not in result.output, result.output
    after = [name for name in names(outputs) if name not in kept]
    assert not [name for name in after if is_leftover(name)], after
    assert names(inputs) == given, "something was written beside the input"
    if result.exit_code == 0:
        assert errors_in(result.stderr) == []
        return Outcome("", result.stdout)
    assert after == before, f"a refusal left something behind: {after} {result.stderr}"
    said = sentence(result.stderr)
    return Outcome(said, result.stdout)


def sentence(stderr: str) -> str:
    """Return the one sentence of a refusal, the last thing said."""
    said = errors_in(stderr)
    assert len(said) == 1, stderr
    assert stderr.rstrip().splitlines()[-1] == f"Error: {said[0]}", stderr
    assert 20 < len(said[0]) < 700, said[0]
    return said[0]


def errors_in(stderr: str) -> list[str]:
    """Return what was said after "Error:"."""
    return re.findall(r"^Error: (.*)$", stderr, flags=re.MULTILINE)


def names(folder: Path) -> list[str]:
    """Return all files in a folder, and whatever is hidden; an empty folder is no harm."""
    found = [path for path in folder.rglob("*") if path.is_file() or path.name.startswith(".")]
    return sorted(str(path.relative_to(folder)) for path in found)


def is_leftover(name: str) -> bool:
    """Tell whether a name is that of something unfinished."""
    return bool(re.search(r"(^|/)\.|\.tmp\b|\.part\b|\.parts\b|-wal$|-shm$|-journal$", name))


def report(arguments: Sequence[object]) -> str:
    """Return a command line for a message."""
    return " ".join(map(str, arguments))


@contextlib.contextmanager
def time_limit(seconds: int = SECONDS) -> Iterator[None]:
    """Fail what takes too long; end the process where even that does not help."""

    def late(_number: int, _frame: object) -> None:
        raise TimeoutError(f"not done after {seconds} s")

    former = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    faulthandler.dump_traceback_later(3 * seconds, exit=True)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
        faulthandler.cancel_dump_traceback_later()
