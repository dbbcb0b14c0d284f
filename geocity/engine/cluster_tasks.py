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


def compute(job: Job, store: PartStore, span: Span, version: str) -> None:
    """Compute a span in a worker; what a former try has saved is not done again.

    Raises:
        WorkError: if the worker has another geocity than whoever asks.
        GeocityError: as the job raises it.
    """
    _refuse_other_geocity(version)
    with _one_at_a_time:
        for rest in spans(store.missing(span)):
            for _ in job.run(rest, store, silent):
                pass


def _refuse_other_geocity(version: str) -> None:
    if version != geocity.__version__:
        raise WorkError(
            f"A worker on {platform.node()} runs geocity {geocity.__version__}, not {version}; "
            "install the same version on all machines."
        )
