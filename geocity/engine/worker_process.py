"""One process that works for another: its handle, and what goes on inside it."""

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from geocity.core.progress import silent
from geocity.engine.job import Job
from geocity.engine.plan import Span
from geocity.engine.store import PartStore
from geocity.errors import WorkError

_CUDA_CARDS = Path("/proc/driver/nvidia/gpus")

Message = tuple[Any, ...]


class WorkerProcess:
    """A process, started afresh (not forked), that does what it is sent, one thing at a time.

    Args:
        slot: its place among its like; it uses the graphics card of that number.

    Attributes:
        slot: as given.
        ready: whether it was heard of.
    """

    def __init__(self, slot: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.slot, self.ready = slot, False
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, slot), name=f"geocity-{slot}", daemon=True
        )
        with _deaf_to_interrupts():
            self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        """Return the number of the process."""
        return self._process.pid

    def send(self, *message: Any) -> None:
        """Send a message; a dead worker is found out by `hear`."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(message)

    def hear(self) -> Message | None:
        """Wait for the next message; None once the process is dead.

        Raises:
            GeocityError: what stopped the work inside.
        """
        while True:
            try:
                message: Message = self.pipe.recv()
            except (EOFError, ConnectionResetError):
                return None
            self.ready = True
            if message[0] == "error":
                raise message[1]
            if message[0] != "log":
                return message
            _, name, level, text = message
            logging.getLogger(name).log(level, "%s", text)
            return ("log",)

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        self._process.kill()

    def bury(self) -> WorkError:
        """Wait for the end of a process that is ending; return how it ended."""
        self._process.join()
        self.pipe.close()
        code = self._process.exitcode or 0
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return WorkError(
            f"A worker process ended as soon as it was started ({how}). In a script, call geocity "
            "under `if __name__ == '__main__':`; otherwise work with --workers 1."
        )


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let a process start that does not hear Ctrl-C: its parent does, and ends it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def _serve(pipe: Connection, slot: int) -> None:
    """Do what the parent sends, until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _choose_card(slot)
    lock = threading.Lock()

    def tell(*message: Any) -> None:
        with lock:
            pipe.send(message)

    logger = logging.getLogger("geocity")
    logger.addHandler(_Telling(tell))
    logger.setLevel(logging.INFO)
    tell("ready")
    while True:
        try:
            kind, *content = pipe.recv()
        except EOFError:
            return
        try:
            (_answer if kind == "ask" else _run)(tell, *content)
        except Exception as error:
            tell("error", _portable(error))


def _answer(tell: Callable[..., None], question: Callable[[], Any]) -> None:
    tell("answer", question())


def _run(tell: Callable[..., None], job: Job, store: PartStore, span: Span) -> None:
    for part in job.run(span, store, silent):
        tell("saved", part)
    tell("end")


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _choose_card(slot: int) -> None:
    """Give the process one of several CUDA cards, before anything counts them."""
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    if told is not None:
        cards = [card for card in told.split(",") if card]
    else:
        cards = [str(i) for i in range(len(list(_CUDA_CARDS.glob("*"))))]
    if len(cards) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = cards[slot % len(cards)]


def _portable(error: Exception) -> Exception:
    """Return an error that can be sent: itself, or its words."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return WorkError(f"{type(error).__name__}: {error}")
    return error


class _Telling(logging.Handler):
    """Sends what is logged to the parent."""

    def __init__(self, tell: Callable[..., None]) -> None:
        super().__init__(level=logging.INFO)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record as text."""
        with contextlib.suppress(OSError):
            self._tell("log", record.name, record.levelno, record.getMessage())
