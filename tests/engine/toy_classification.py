"""`classify` with an engine whose answers are known, for processes that a test starts."""

import time
from dataclasses import dataclass

import numpy as np

from geocity.engine.job import kept
from geocity.tools import classify as tool
from geocity.tools.classify_parts import ClassifyJob
from tests.tools.toy_models import ToyEngine

SIDE = 64


def by_place(batch):
    """Logits that depend on where in its tile a pixel lies, and on the pixels around."""
    time.sleep(Slow.seconds)
    rows, cols = batch.shape[2:]
    ramp = np.sin(np.arange(rows)[:, None] * 0.7) + np.cos(np.arange(cols) * 0.9)
    second = ramp + batch[:, 0] / 5 - 0.5
    return np.stack([np.zeros_like(second), second], axis=1)


class Slow:
    """How long a tile takes."""

    seconds = 0.0


@dataclass(frozen=True)
class ToyClassifyJob(ClassifyJob):
    def _engine(self):
        return kept("toy engine", lambda: ToyEngine(by_place))


def install(put=setattr):
    """Make `classify` use small parts and the toy engine, in whichever process."""
    put(tool, "PART_SIDE", SIDE)
    put(tool, "ClassifyJob", ToyClassifyJob)
