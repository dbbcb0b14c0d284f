"""How far colour alone goes: logistic regression on the histograms of patches."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from geocity.core.cities.colour_histogram import colour_histogram
from geocity.core.cities.scores import balanced_accuracy
from geocity.core.progress import Progress, silent

Patches = Dataset[dict[str, Any]]

# Where histograms of patches overlap, more patches of a city add little; the fit stays quick.
_PATCHES_PER_CITY = 2000


def colour_accuracy(
    train: Patches, asked: Mapping[str, Patches], *, seed: int = 0, progress: Progress = silent
) -> dict[str, float]:
    """Return how well histograms learnt on some patches name the cities of others.

    Args:
        train: patches to learn from; at most 2,000 a city are, drawn by the seed.
        asked: groups of patches by name.
        seed: all chance comes from it.
        progress: told how many patches are read.

    Returns:
        Balanced accuracy by group.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    done = _Count(progress, sum(_length(group) for group in asked.values()))
    colours, cities = _histograms(train, _drawn(train, seed), done)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, random_state=seed))
    model.fit(colours, cities)
    accuracies = {}
    for name, group in asked.items():
        colours, cities = _histograms(group, np.arange(_length(group)), done)
        accuracies[name] = balanced_accuracy(cities, model.predict(colours))
    return accuracies


class _Count:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total

    def expect(self, more: int) -> None:
        self._total += more

    def step(self) -> None:
        self._done += 1
        self._progress(self._done, self._total, "colour alone")


def _drawn(train: Patches, seed: int) -> NDArray[np.int64]:
    """Return patches in their order, image by image, at most so many of each city."""
    labels = np.asarray(train.labels)  # type: ignore[attr-defined]  # CityPatchDataset has them
    rng = np.random.default_rng(seed)
    kept = [
        rng.permutation(np.flatnonzero(labels == city))[:_PATCHES_PER_CITY]
        for city in np.unique(labels)
    ]
    return np.sort(np.concatenate(kept))


def _histograms(
    patches: Patches, chosen: NDArray[np.integer], done: _Count
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rows, cities = [], []
    for index in chosen:
        sample = patches[int(index)]
        rows.append(colour_histogram(sample["image"].numpy()))
        cities.append(int(sample["label"]))
        done.step()
    return np.array(rows), np.array(cities, np.int64)


def _length(patches: Patches) -> int:
    return len(patches)  # type: ignore[arg-type]  # map-style datasets have a length
