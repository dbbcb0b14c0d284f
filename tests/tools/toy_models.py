"""Model files and engines whose answers are known, to run tools without training anything."""

import numpy as np

from geocity.core.classes import ClassTable
from geocity.core.model_contract import ModelContract
from geocity.io.model_packages import write_model
from geocity.models import engines


def write_toy_model(path, **changes):
    """Write a model file with a sound contract and weights that no one reads."""
    settings = {
        "architecture": "unet",
        "encoder": "resnet18",
        "bands": ("Red", "Green", "Blue"),
        "dtype": "uint8",
        "value_range": (0.0, 9.0),
        "cell_size_m": 0.8,
        "classes": ClassTable.named(["background", "slum"]),
        "scale": 1.0,
        "mean": (0.0, 0.0, 0.0),
        "std": (1.0, 1.0, 1.0),
        "tile_size": 64,
        "padding": 8,
        **changes,
    }
    write_model(path, ModelContract(**settings), {"weight": np.zeros(1, np.float32)})
    return path


class ToyEngine:
    """An engine that works out logits by a function of (n, bands, rows, cols); counts its tiles."""

    name, version, default_batch = "toy f32", "1", 1

    def __init__(self, logits):
        self._logits = logits
        self.tiles = 0
        self.batches = []
        self.closed = False

    def predict(self, batch):
        self.tiles += len(batch)
        self.batches.append(len(batch))
        return np.asarray(self._logits(batch), np.float32)

    def close(self):
        self.closed = True


def put_toy_engine(monkeypatch, logits):
    """Put a toy in the place of the engine, and return it."""
    engine = ToyEngine(logits)
    monkeypatch.setattr(engines, "make_engine", lambda *_, **__: engine)
    return engine


def by_first_band(values):
    """Logits that name exactly the class whose value the first band holds."""

    def logits(batch):
        first = batch[:, 0]
        return np.stack([np.where(np.rint(first) == v, 20.0, -20.0) for v in values], axis=1)

    return logits


def constant(probability):
    """Logits of two classes that say the same everywhere."""

    def logits(batch):
        odds = np.log(probability / (1 - probability))
        shape = (len(batch), *batch.shape[2:])
        return np.stack([np.zeros(shape), np.full(shape, odds)], axis=1)

    return logits
