"""Who computes the spans of a job: the interface, and this process itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from geocity.core.progress import Progress
from geocity.engine.job import Job, let_go
from geocity.engine.plan import Part, Span, spans
from geocity.engine.store import PartStore
from geocity.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """Who does the work, and which of it.

    Attributes:
        workers: processes on this machine; 1 works in this process.
        scheduler: address of a Dask scheduler that hands the work to a cluster, ``tcp://…``.
        resume: keep the parts that a former run of the same work has left.
        part_range: first and one-past-last part to compute; the others are left to someone else.

    Raises:
        InputError: if they make no sense together.
    """

    workers: int = 1
    scheduler: str | None = None
    resume: bool = True
    part_range: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"{self.workers} workers were asked for; give 1 or more.")
        if self.workers > 1 and self.scheduler is not None:
            raise InputError(
                "Both workers on this machine and a scheduler were given; choose one of them."
            )
        if self.part_range is not None and not 0 <= self.part_range[0] < self.part_range[1]:
            first, end = self.part_range
            raise InputError(
                f"The parts {first}:{end} make no range; give the first and one past the last, "
                "counted from 0, such as 0:64."
            )


@dataclass(frozen=True, slots=True)
class Work:
    """Spans of a job to compute.

    Attributes:
        job: what to do.
        parts: all that is to be computed, none of it done yet.
        store: where results are kept.
        hear: told how far it is.
    """

    job: Job
    parts: Sequence[Part]
    store: PartStore
    hear: Progress


class Executor(Protocol):
    """Computes spans somewhere; a ``with`` block ends its processes."""

    def ask(self, question: Callable[[], T]) -> T:
        """Answer a question where the work will be done, for example which engine there is."""

    def compute(self, work: Work) -> list[Part]:
        """Compute parts.

        Returns:
            Those that could not be computed because they kill whoever tries; the rest is saved.

        Raises:
            GeocityError: as the job raises it.
            WorkError: if the processes are gone.
        """

    def stop(self) -> None:
        """End at once what is under way, as far as it can be ended."""

    def __enter__(self) -> "Executor":
        """Start."""

    def __exit__(self, *error: object) -> None:
        """Stop, and give back everything."""


class Serial:
    """Computes in this process, and imports nothing more."""

    def ask(self, question: Callable[[], T]) -> T:
        """Answer a question here."""
        return question()

    def compute(self, work: Work) -> list[Part]:
        """Compute parts, one span after the other."""
        far = (0, 1)

        def hear_all(done: int, total: int, stage: str) -> None:
            nonlocal far
            far = done, total
            work.hear(done, total, stage)

        for span, hear in _hearing(spans(work.parts), hear_all):
            for _ in work.job.run(span, work.store, hear):
                pass
        if far[0] < far[1]:  # a job need not say when it is done
            work.hear(far[1], far[1], work.job.stage)
        return []

    def stop(self) -> None:
        """Do nothing: this process has stopped already, or it would not be asked."""

    def __enter__(self) -> "Serial":
        return self

    def __exit__(self, *_error: object) -> None:
        let_go()


def _hearing(runs: Sequence[Span], hear: Progress) -> Iterator[tuple[Span, Progress]]:
    """Yield the spans, each with a way to tell how far the whole is.

    A single span counts in the job's own units; of several, a part counts a thousand.
    """
    if len(runs) == 1:
        yield runs[0], hear
        return
    total, before = 1000 * sum(map(len, runs)), 0
    for span in runs:
        yield span, partial(_hear_of, hear, total, before, 1000 * len(span))
        before += 1000 * len(span)


def _hear_of(
    hear: Progress, total: int, before: int, size: int, done: int, of: int, stage: str
) -> None:
    hear(before + size * done // max(of, 1), total, stage)
