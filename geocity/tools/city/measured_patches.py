"""Some of the explained patches, kept to measure on them how true the maps are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geocity.core.cities.faithfulness import Faithfulness
from geocity.core.progress import Progress
from geocity.io.figures.cities_relevance import Explained
from geocity.tools.city.explainer import Explainer

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class ExplainedPatch:
    """One patch and what was found about it.

    Attributes:
        row: of the city folder's patches.
        pixels: of the network's size, 0 to 255, shape (3, rows, cols).
        shown: what is drawn.
        target: position of the city that the maps speak for.
    """

    row: int
    pixels: "Tensor"
    shown: Explained
    target: int


class MeasuredPatches:
    """Keeps a few patches of every city and measures the maps on them at the end.

    Args:
        explainer: the model; its options say how many patches are measured.
        cities: how many cities will come.
    """

    def __init__(self, explainer: Explainer, cities: int) -> None:
        self._explainer = explainer
        self._each = -(-explainer.options.measured // max(cities, 1))
        self._kept: list[ExplainedPatch] = []

    def offer(self, patches: Sequence[ExplainedPatch]) -> None:
        """Take a city's share, evenly from its patches."""
        self._kept += _evenly(patches, self._each)

    def run(self, progress: Progress) -> list[Faithfulness]:
        """Measure every method; nothing where no patch is to be measured."""
        import torch

        from geocity.models.cities.map_measures import MeasureOptions, measure

        options = self._explainer.options
        patches = _evenly(self._kept, options.measured)
        if not patches:
            return []
        how = MeasureOptions(
            layers=self._explainer.layers,
            start=self._explainer.start,
            steps=options.steps,
            seed=options.seed,
            batch_size=options.batch_size,
        )
        pixels = torch.stack([patch.pixels for patch in patches])
        targets = [patch.target for patch in patches]
        tell = _counter(progress, len(targets) * len(options.methods), "measuring the maps")
        rows: list[Faithfulness] = []
        for method in options.methods:
            rows += measure(self._explainer.model, pixels, targets, method, how, tell)
        return rows


def _evenly(patches: Sequence[ExplainedPatch], count: int) -> list[ExplainedPatch]:
    places = np.linspace(0, len(patches) - 1, min(count, len(patches))).round().astype(int)
    return [patches[place] for place in places]


def _counter(progress: Progress, total: int, stage: str) -> Callable[[], None]:
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        progress(done, total, stage)

    return tell
