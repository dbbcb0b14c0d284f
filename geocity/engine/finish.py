"""One result out of parts: what `geocity.io.part_rasters` needs to know of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.class_counts import class_counts
from geocity.core.classes import NODATA
from geocity.core.grid import Window
from geocity.engine.plan import Part
from geocity.engine.store import PartStore


def pieces_of(store: PartStore, parts: Sequence[Part], name: str) -> list[tuple[Path, Window]]:
    """Return where each part's file of a name lies and which pixels it holds."""
    return [(store.path(part, name), part.window) for part in parts]


def counted(values: NDArray[np.uint8]) -> dict[str, Any]:
    """Return how often each class value occurs, as a fact to save with a part."""
    counts = class_counts(values)
    return {"counts": {str(value): int(counts[value]) for value in np.flatnonzero(counts)}}


def counts_of(store: PartStore, parts: Sequence[Part]) -> NDArray[np.int64]:
    """Return how often each class value occurs in all parts, (256,)."""
    counts = np.zeros(NODATA + 1, dtype=np.int64)
    for part in parts:
        for value, count in store.facts(part)["counts"].items():
            counts[int(value)] += count
    return counts
