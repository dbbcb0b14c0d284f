"""Generators that run ahead in threads of their own, a few items at most, and stop when told to."""

import queue
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")

# How long a thread waits before it looks whether it should stop.
_LOOK_S = 0.1
# How long leaving waits for all threads; what then still runs (one tile of a slow network) is left
# to end by itself. Whoever interrupts waits two seconds at most, the end of the process included.
_PATIENCE_S = 0.7


class _Halted(Exception):  # noqa: N818 - a signal between threads, nobody's error
    """The work was given up."""


class _End:
    """Nothing follows."""


@dataclass(frozen=True)
class _Failure:
    error: BaseException


class Background:
    """Threads that work ahead. Leaving the ``with`` block, however it happens, stops them all.

    Example:
        >>> with Background() as background:
        ...     squares = background.ahead((n * n for n in range(4)), depth=2)
        ...     list(squares)
        [0, 1, 4, 9]
    """

    def __init__(self) -> None:
        self._halt = threading.Event()
        self._threads: list[threading.Thread] = []

    def ahead(self, items: Generator[T, None, None], depth: int) -> Iterator[T]:
        """Run a generator in a thread; its items come in order, its errors where they are used.

        Args:
            items: runs, and is closed, in the thread.
            depth: how many finished items may wait.
        """
        waiting: queue.Queue[Any] = queue.Queue(depth)
        thread = threading.Thread(target=self._work, args=(items, waiting), daemon=True)
        self._threads.append(thread)
        thread.start()
        return self._handed_over(waiting)

    def _work(self, items: Generator[T, None, None], waiting: "queue.Queue[Any]") -> None:
        try:
            for item in items:
                self._put(waiting, item)
            self._put(waiting, _End())
        except _Halted:
            pass
        except BaseException as error:
            # Raised again where the items are used.
            self._offer(waiting, _Failure(error))
        finally:
            items.close()

    def _offer(self, waiting: "queue.Queue[Any]", failure: _Failure) -> None:
        try:
            self._put(waiting, failure)
        except _Halted:
            return  # someone else failed first

    def _put(self, waiting: "queue.Queue[Any]", item: object) -> None:
        while not self._halt.is_set():
            try:
                waiting.put(item, timeout=_LOOK_S)
            except queue.Full:
                continue
            return
        raise _Halted

    def _handed_over(self, waiting: "queue.Queue[Any]") -> Iterator[Any]:
        while not self._halt.is_set():
            try:
                item = waiting.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(item, _End):
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item
        raise _Halted

    def __enter__(self) -> "Background":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._halt.set()
        until = time.monotonic() + _PATIENCE_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
