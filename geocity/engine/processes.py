"""Work by several processes on this machine.

The standard library's process pool gives up as a whole when one process dies, and does not say
whose work it died of. Here every worker has a pipe of its own: a dead one is known at once, with
its span; what the span still lacks is tried again, at last part by part with nobody beside it.
Workers end by themselves when their parent is gone.
"""

from collections import Counter, deque
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import TypeVar

from geocity.engine.executors import Work
from geocity.engine.plan import Part, Span, spans
from geocity.engine.worker_process import WorkerProcess

T = TypeVar("T")

# Enough that the last ones end at about the same time, few enough that little is read twice.
_SPANS_PER_WORKER = 2
_DEATHS_ALONE = 2


class Processes:
    """Computes in processes of this machine.

    Args:
        count: how many.

    Attributes:
        workers: the processes, once they are started.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.workers: list[WorkerProcess] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the processes at once."""
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.bury()
        self.workers = []

    def ask(self, question: Callable[[], T]) -> T:
        """Answer a question in a worker."""
        self.start(1)
        worker = self.workers[0]
        worker.send("ask", question)
        while (message := worker.hear()) is not None:
            if message[0] == "answer":
                answer: T = message[1]
                return answer
        raise worker.bury()

    def start(self, count: int) -> None:
        """Start processes until there are so many."""
        for slot in range(len(self.workers), count):
            self.workers.append(WorkerProcess(slot))

    def replace(self, dead: WorkerProcess) -> None:
        """Start another process in the place of a dead one.

        Raises:
            WorkError: if that one never came to work.
        """
        how = dead.bury()
        place = self.workers.index(dead)
        if not dead.ready:
            del self.workers[place]
            raise how
        self.workers[place] = WorkerProcess(dead.slot)

    def compute(self, work: Work) -> list[Part]:
        """Compute parts."""
        self.start(min(self.count, len(work.parts)))
        return _Round(self, work).run()


class _Round:
    """Hands out the spans of one piece of work and takes back what comes of them."""

    def __init__(self, crew: Processes, work: Work) -> None:
        self._crew, self._work = crew, work
        limit = -(-len(work.parts) // (crew.count * _SPANS_PER_WORKER))
        self._waiting: deque[Span] = deque(spans(work.parts, limit=limit))
        self._again: set[Span] = set()  # what a dead worker left, tried a second time
        self._alone: deque[Span] = deque()  # single parts, tried with nobody beside them
        self._busy: dict[WorkerProcess, Span] = {}
        self._saved: set[Part] = set()
        self._deaths: Counter[Part] = Counter()
        self._failed: list[Part] = []

    def run(self) -> list[Part]:
        while self._hand_out():
            pipes = {worker.pipe: worker for worker in self._busy}
            for pipe in wait(list(pipes)):
                self._listen(pipes[pipe])  # type: ignore[index]  # it is one of these pipes
        return self._failed

    def _hand_out(self) -> bool:
        """Give work to who has none; tell whether anybody works."""
        for worker in self._crew.workers:
            if worker in self._busy:
                continue
            if self._waiting:
                self._give(worker, self._waiting.popleft())
            elif self._alone and not self._busy:
                self._give(worker, self._alone.popleft())
        return bool(self._busy)

    def _give(self, worker: WorkerProcess, span: Span) -> None:
        self._busy[worker] = span
        worker.send("run", self._work.job, self._work.store, span)

    def _listen(self, worker: WorkerProcess) -> None:
        message = worker.hear()
        if message is None:
            self._mourn(worker)
        elif message[0] == "saved":
            self._saved.add(message[1])
            self._work.hear(len(self._saved), len(self._work.parts), self._work.job.stage)
        elif message[0] == "end":
            del self._busy[worker]

    def _mourn(self, worker: WorkerProcess) -> None:
        """Keep what a dead worker has saved and plan the rest of its span anew."""
        span = self._busy.pop(worker)
        self._crew.replace(worker)
        rest = [part for part in span if part not in self._saved]
        if len(rest) == 1 and self._deaths[rest[0]] >= _DEATHS_ALONE:
            self._failed.append(rest[0])
        elif span in self._again or any(self._deaths[part] for part in rest):
            self._deaths.update(rest)
            self._alone.extend((part,) for part in rest)
        else:
            retries = spans(rest)
            self._again.update(retries)
            self._waiting.extend(retries)
