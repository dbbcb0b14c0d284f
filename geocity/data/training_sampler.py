"""Which chip is drawn when, on which rank."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from geocity.data.chip_dataset import Around, Draw


class TrainingSampler(Sampler[Draw]):
    """Draws chips in proportion to their weights, in an order of seed and epoch.

    The draws are as even as the weights allow: a chip that is due 2.3 draws gets two or three, and
    with equal weights and as many draws as chips each is drawn once. The ranks of a distributed run
    share the draws of an epoch out between them, so that none is made twice; each gets equally
    many, so up to ``ranks - 1`` draws, others each epoch, are left out.

    Args:
        weights: how much each chip is wanted, 0 or above, by what a crop of it must hold.
        draws: number of draws in an epoch, over all ranks.
        seed: all chance comes from it.
        rank: which of the ranks this is.
        ranks: how many there are.
    """

    def __init__(
        self,
        weights: Mapping[Around, NDArray[np.float64]],
        *,
        draws: int,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self._kinds = tuple(weights)
        self._chips = len(weights[self._kinds[0]])
        heap = np.concatenate([weights[kind] for kind in self._kinds])
        self._shares = heap / heap.sum()
        self._draws, self._seed = draws, seed
        self._rank, self._ranks = rank, ranks
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch; Lightning calls it before each."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._draws // self._ranks

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self._seed, self.epoch])
        # Systematic sampling: evenly spaced marks over the heaped-up shares.
        marks = (np.arange(self._draws) + rng.random()) / self._draws
        # The heap must not end a rounding error below 1.
        places = np.searchsorted(np.cumsum(self._shares)[:-1], marks, side="right")
        order = rng.permutation(places)
        keys = rng.integers(0, 1 << 62, len(order))
        for place in range(self._rank, len(self) * self._ranks, self._ranks):
            kind, chip = divmod(int(order[place]), self._chips)
            yield Draw(chip, int(keys[place]), self._kinds[kind])
