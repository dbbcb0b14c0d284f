"""Work by a Dask cluster: processes on any machines that share the files.

What Dask does by itself: restart dead workers, and hand a dead worker's tasks to others. What it
leaves to us: to notice that the scheduler is gone (whoever waits for results waits for ever), to
keep the number of waiting tasks bounded, and to find out which of the tasks that a dying worker
held had killed it.
"""

import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import geocity
from geocity.engine.cluster_tasks import answer, compute
from geocity.engine.executors import Work
from geocity.engine.plan import Part, Span, spans
from geocity.errors import GeocityError, MissingDependencyError, WorkError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_CONNECT_S = 10
_JOIN_S = 600
_LOOK_S = 1.0
_RECOUNT_S = 10.0
_VISIBLE_S = 60.0
_SPANS_PER_WORKER = 4
# Of 2048 pixels a side: 24,576 pixels square, little of it read twice.
_LARGEST_SPAN = 144
_AHEAD = 2
# For what passes: a network file system that hiccups. Deaths of workers are counted by Dask.
_RETRIES = 2
_MOST_LOST = 100
_TOLD = ("geocity", "python", "dask", "distributed")


class DaskCluster:
    """Computes on the workers of a Dask scheduler.

    Args:
        address: of the scheduler, ``tcp://host:8786``.

    Raises:
        MissingDependencyError: if Dask is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed  # noqa: F401 - is it there?
        except ImportError as error:
            raise MissingDependencyError(
                "Work on a cluster needs Dask; install it with pip install 'geocity[cluster]'."
            ) from error
        self._address = address
        self._quiet = _Quiet()
        self.client: Any = None

    def __enter__(self) -> "DaskCluster":
        import distributed

        connect: Any = distributed.Client  # untyped, as most of what it gives
        self._quiet.begin()
        try:
            self.client = connect(
                self._address, timeout=_CONNECT_S, set_as_default=False, name="geocity"
            )
        except (OSError, ValueError) as error:
            self._quiet.end()
            raise WorkError(
                f"No Dask scheduler answers at {self._address}; is it running (dask scheduler), "
                "and is the address right?"
            ) from error
        try:
            self._meet()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(Exception):  # a cluster that is gone cannot be left in good order
            self.client.close(timeout=1)
        self._quiet.end()

    def _meet(self) -> None:
        """Refuse a cluster of other versions."""
        self.await_a_worker()
        found = self.client.get_versions(packages=["geocity"])
        _refuse_other_versions(found["scheduler"], "the scheduler")
        for name, worker in found["workers"].items():
            _refuse_other_versions(worker, f"the worker {name}")

    def await_a_worker(self) -> None:
        """Wait for the first worker, at the start and after a cluster has shrunk to none.

        Raises:
            WorkError: if none joins in ten minutes.
        """
        if not self._known_workers():
            logger.info("Waiting for workers to join %s.", self._address)
            try:
                self.client.wait_for_workers(1, timeout=_JOIN_S)
            except TimeoutError as error:
                raise WorkError(
                    f"No worker has joined {self._address} in {_JOIN_S} s; start some (dask worker "
                    f"{self._address} --nthreads 1), or look into the queue they wait in."
                ) from error

    def workers(self) -> int:
        """Return how many processes there are now."""
        return len(self._known_workers())

    def resources(self) -> dict[str, float]:
        """Return what a task takes: a graphics card, where workers declare them."""
        told = self._known_workers().values()
        return {"GPU": 1} if any("GPU" in worker.get("resources", {}) for worker in told) else {}

    def _known_workers(self) -> dict[str, Any]:
        # Some versions of Dask tell of five only, unless asked for all.
        known: dict[str, Any] = self.client.scheduler_info(n_workers=-1)["workers"]
        return known

    def look_after(self) -> None:
        """Notice that the scheduler is gone.

        Raises:
            WorkError: if it is.
        """
        if self.client.status != "running":
            raise WorkError(
                f"The Dask scheduler at {self._address} is gone; start it and its workers again, "
                "then run the same command."
            )

    def stop(self) -> None:
        """Do nothing: tasks were dropped when the work ended; those that run end their part."""

    def drop(self, futures: list[Any]) -> None:
        """Forget tasks; those that run already end their part."""
        if self.client.status == "running":
            self.client.cancel(futures)

    def ask(self, question: Callable[[], T]) -> T:
        """Answer a question in a worker."""
        future = self.client.submit(
            answer, question, geocity.__version__, pure=False, resources=self.resources()
        )
        while not future.done():
            self.look_after()
            time.sleep(_LOOK_S / 10)
        said: T = future.result(timeout=_CONNECT_S)
        return said

    def compute(self, work: Work) -> list[Part]:
        """Compute parts."""
        return _Round(self, work).run()


class _Round:
    """Hands out the spans of one piece of work and takes back what comes of them."""

    def __init__(self, cluster: DaskCluster, work: Work) -> None:
        self._cluster, self._work = cluster, work
        cluster.await_a_worker()
        self._resources = cluster.resources()
        self._workers = max(1, cluster.workers())  # the first may be gone again
        self._counted = self._told = time.monotonic()
        limit = -(-len(work.parts) // (self._workers * _SPANS_PER_WORKER))
        self._waiting: deque[Span] = deque(spans(work.parts, limit=min(limit, _LARGEST_SPAN)))
        self._alone: deque[Span] = deque()  # single parts, tried with nobody beside them
        self._suspected: set[Part] = set()
        self._seen = False  # whether a file that a worker wrote was seen from here
        self._flying: dict[Any, Span] = {}
        self._ended: queue.Queue[Any] = queue.Queue()
        self._failed: list[Part] = []
        self._lost = 0  # answers
        self._before = work.store.count()

    def run(self) -> list[Part]:
        try:
            while self._hand_out():
                try:
                    self._settle(self._ended.get(timeout=_LOOK_S))
                except queue.Empty:
                    self._cluster.look_after()
                self._tell()
        except BaseException:
            self._cluster.drop(list(self._flying))
            raise
        self._await_files([part for part in self._work.parts if part not in self._failed])
        return self._failed

    def _hand_out(self) -> bool:
        """Keep a few spans ahead of the workers; tell whether anything is under way."""
        while self._waiting and len(self._flying) < _AHEAD * self._workers:
            self._give(self._waiting.popleft())
        if not self._flying and self._alone:
            self._give(self._alone.popleft())
        return bool(self._flying)

    def _give(self, span: Span) -> None:
        future = self._cluster.client.submit(
            compute,
            self._work.job,
            self._work.store,
            span,
            geocity.__version__,
            _still_wanted,
            pure=False,
            retries=_RETRIES,
            resources=self._resources,
        )
        self._flying[future] = span
        future.add_done_callback(self._ended.put)

    def _settle(self, future: Any) -> None:
        from distributed import KilledWorker

        span = self._flying.pop(future)
        if future.status == "finished":
            if not self._seen:  # do we share a disk? Better asked early
                self._await_files(span)
                self._seen = True
            return
        self._cluster.look_after()
        if future.status != "error":
            self._give_again(span)
            return
        error = future.exception(timeout=_CONNECT_S)
        if not isinstance(error, KilledWorker):
            raise error if isinstance(error, GeocityError) else _foreign(error)
        # Whatever a dying worker held is blamed: by itself, an innocent part will pass.
        rest = self._work.store.missing(span)
        if self._suspected.issuperset(span):
            self._failed.extend(rest)
        else:
            self._alone.extend((part,) for part in rest)
            self._suspected.update(rest)

    def _give_again(self, span: Span) -> None:
        """Hand out what is missing of a span whose answer was lost.

        A worker that has answered may die before the answer is looked at; the answer dies with it.
        """
        self._lost += 1
        if self._lost > _MOST_LOST:
            raise WorkError("The Dask cluster drops its work; run the same command again.")
        self._waiting.extend(spans(self._work.store.missing(span)))

    def _tell(self) -> None:
        """Say how far it is, from what lies in the folder; count the workers now and then."""
        now = time.monotonic()
        if now - self._told >= _LOOK_S:
            done = min(self._work.store.count() - self._before, len(self._work.parts))
            self._work.hear(max(done, 0), len(self._work.parts), self._work.job.stage)
            self._told = now
        if now - self._counted >= _RECOUNT_S:
            with suppress(OSError):
                self._workers = max(1, self._cluster.workers())
            self._counted = now

    def _await_files(self, parts: Sequence[Part]) -> None:
        """See to it that what workers have saved is there; a network disk may take a while."""
        store, end = self._work.store, time.monotonic() + _VISIBLE_S
        while unseen := [part for part in parts if not store.sidecar(part).exists()]:
            if time.monotonic() > end:
                raise WorkError(
                    f"Workers have saved {unseen[0].name}, but it is not in {store.folder} as seen "
                    "from here; all machines must share this folder under the same name."
                )
            time.sleep(_LOOK_S)


def _still_wanted() -> bool:
    """Tell, within a task, whether it was cancelled since: by hand, or because its client died."""
    from distributed import get_worker

    worker: Any = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is not None and task.state != "cancelled"


def _refuse_other_versions(found: dict[str, Any], who: str) -> None:
    from distributed.versions import get_versions

    ours = get_versions(packages=["geocity"])["packages"]
    theirs = found["packages"]
    for name in _TOLD:
        if theirs.get(name) != ours.get(name):
            has = theirs.get(name) or "none"
            raise WorkError(
                f"Here is {name} {ours[name]}, but {who} has {has}; use the same environment "
                "for the scheduler, the workers and this command."
            )


def _foreign(error: BaseException | None) -> WorkError:
    return WorkError(f"A task failed on the cluster: {type(error).__name__}: {error}")


class _Quiet:
    """Keeps Dask from writing its own story of every lost connection over ours."""

    def __init__(self) -> None:
        self._loggers = [logging.getLogger(name) for name in ("distributed", "tornado")]
        self._levels: list[int] = []

    def begin(self) -> None:
        self._levels = [one.level for one in self._loggers]
        for one in self._loggers:
            one.setLevel(logging.CRITICAL + 1)

    def end(self) -> None:
        for one, level in zip(self._loggers, self._levels, strict=True):
            one.setLevel(level)
