"""What a worker of a cluster is sent: questions and spans. Nothing here knows of Dask."""

import platform
import threading
from collections.abc import Callable
from typing import TypeVar

import geocity
from geocity.core.progress import silent
from geocity.engine.job import Job
from geocity.engine.plan import Span, spans
from geocity.engine.store import PartStore
from geocity.errors import WorkError
from geocity.io.remote import offline_unless

T = TypeVar("T")

# A process has one engine: two spans at a time in it would mix their tiles.
_one_at_a_time = threading.Lock()


def answer(question: Callable[[], T], version: str) -> T:
    """Answer a question in a worker.

    Raises:
        WorkError: if the worker has another geocity than whoever asks.
    """
    _refuse_other_geocity(version)
    with _one_at_a_time:
        return question()


def compute(
    job: Job, store: PartStore, span: Span, version: str, wanted: Callable[[], bool]
) -> None:
    """Compute a span in a worker; what a former try has saved is not done again.

    Args:
        job: the work.
        store: where its parts are kept.
        span: what to compute of it.
        version: of geocity, of whoever asks.
        wanted: tells, after each part, whether anybody still waits for the span.

    Raises:
        WorkError: if the worker has another geocity than whoever asks, or nobody waits any more.
        GeocityError: as the job raises it.
    """
    _refuse_other_geocity(version)
    with _one_at_a_time, offline_unless([job]):
        for rest in spans(store.missing(span)):
            for _ in job.run(rest, store, silent):
                if not wanted():
                    # An error, so that no one takes the span for done.
                    raise WorkError("Nobody waits for this span any more.")


def _refuse_other_geocity(version: str) -> None:
    if version != geocity.__version__:
        raise WorkError(
            f"A worker on {platform.node()} runs geocity {geocity.__version__}, not {version}; "
            "install the same version on all machines."
        )
