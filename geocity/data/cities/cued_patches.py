"""Patches with one cue taken away, for asking what a model lives off."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from geocity.core.cities.cues import (
    Statistics,
    blurred,
    colour_statistics,
    grey,
    in_colours_of,
    shuffled,
)
from geocity.data.cities.patches import CityPatchDataset

# Enough acquisitions to borrow colours from; each costs the decoding of an image.
_DONORS_PER_CITY = 4


class CuedPatches(Dataset[dict[str, Any]]):
    """The samples of a dataset of patches, changed in one way. Repeatable, whatever the order."""

    def __init__(
        self,
        patches: CityPatchDataset,
        cue: str,
        *,
        donors: dict[int, list[Statistics]],
        seed: int = 0,
    ) -> None:
        """Choose the change.

        Args:
            patches: the samples.
            cue: of `geocity.core.cities.cue_audit.CUES`.
            donors: colours by city, of `colour_donors`; a patch gets those of another city.
            seed: makes choices repeatable.
        """
        self._patches, self._cue, self._donors, self._seed = patches, cue, donors, seed

    def __len__(self) -> int:
        return len(self._patches)

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = self._patches[index]
        pixels = sample["image"].numpy()
        rng = np.random.default_rng((self._seed, sample["patch"]))
        if self._cue == "grey":
            changed = grey(pixels)
        elif self._cue == "blur":
            changed = blurred(pixels)
        elif self._cue == "shuffle":
            changed = shuffled(pixels, rng)
        else:
            others = [
                donor
                for city, statistics in sorted(self._donors.items())
                if city != sample["label"]
                for donor in statistics
            ]
            changed = in_colours_of(pixels, others[rng.integers(len(others))])
        return {**sample, "image": torch.from_numpy(np.ascontiguousarray(changed))}


def colour_donors(patches: CityPatchDataset, seed: int = 0) -> dict[int, list[Statistics]]:
    """Return the colours of a few patches of every city, whose patches are taken at random."""
    rng = np.random.default_rng(seed)
    donors: dict[int, list[Statistics]] = {}
    for city in np.unique(patches.labels).tolist():
        mine = np.flatnonzero(patches.labels == city)
        chosen = rng.choice(mine, size=min(_DONORS_PER_CITY, len(mine)), replace=False)
        donors[city] = [
            colour_statistics(patches[int(i)]["image"].numpy()) for i in np.sort(chosen)
        ]
    return donors
