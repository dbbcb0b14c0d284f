"""A job whose answer is known and that dies on command, for real processes to run."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geocity.core.progress import Progress
from geocity.engine.job import kept
from geocity.engine.plan import Part, plan_parts
from geocity.engine.store import PartStore
from geocity.errors import InputError

PARTS = plan_parts((40, 40), 8)
NAMES = [part.name for part in PARTS]


@dataclass(frozen=True)
class ToyJob:
    """Writes bytes that tell the part; notes each computation as a file in `notes`.

    Attributes:
        notes: folder; ``<part>.<pid>.<nth>`` for every computation.
        delay_s: how long a part takes.
        dies_at: names of parts whose process dies the first times they are computed.
        deaths: how many times.
        fails_at: name of a part that cannot be computed.
    """

    notes: Path
    delay_s: float = 0.0
    dies_at: tuple[str, ...] = ()
    deaths: int = 1
    fails_at: str = ""

    stage = "toying"

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        kept("toy model", self._load)
        for done, part in enumerate(span, start=1):
            nth = len(list(self.notes.glob(f"{part.name}.*")))
            (self.notes / f"{part.name}.{os.getpid()}.{nth}").touch()
            time.sleep(self.delay_s)
            if part.name in self.dies_at and nth < self.deaths:
                os.kill(os.getpid(), signal.SIGKILL)
            if part.name == self.fails_at:
                raise InputError(f"{part.name} is rotten.")
            store.save(part, {"toy.bin": lambda path, p=part: path.write_bytes(toy_bytes(p))})
            hear(done, len(span), self.stage)
            yield part

    def _load(self) -> object:
        (self.notes / f"model.{os.getpid()}.{time.monotonic_ns()}").touch()
        return object()


def toy_bytes(part: Part) -> bytes:
    """Return what the file of a part must hold."""
    return np.full(part.window.rows * part.window.cols, part.index % 251, np.uint8).tobytes()


def right(store: PartStore, parts: Sequence[Part] = PARTS) -> bool:
    """Tell whether the files of parts hold what they must."""
    return all(store.path(part, "toy.bin").read_bytes() == toy_bytes(part) for part in parts)


def computed(notes: Path) -> list[str]:
    """Return the names of the parts that were computed, once for each time."""
    return sorted(p.name.split(".")[0] for p in notes.iterdir() if not p.name.startswith("model"))


def models(notes: Path) -> int:
    """Return how many times a model was loaded."""
    return len(list(notes.glob("model.*")))
