"""Chips into batches: which chip when, on which rank, and changed how."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from geocity.data.augment import STRENGTHS, augment
from geocity.data.chip_dataset import (
    CACHE_BYTES,
    SIDE_MULTIPLE,
    ChipDataset,
    Draw,
    chip_normalisation,
)
from geocity.errors import InputError
from geocity.io.chips import ChipFolder

# An epoch of fewer steps makes a poor schedule; a small folder is drawn several times instead.
_MIN_STEPS = 16


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How chips become batches.

    Attributes:
        batch_size: crops in a batch, on each device.
        crop_size: side of the training crops in pixels; 0 chooses the chip's, at most 256.
        augment: ``strong``, ``light`` or ``none``.
        seed: all chance comes from it.
        cache_bytes: decoded chips are kept in memory up to this size.
    """

    batch_size: int = 8
    crop_size: int = 0
    augment: str = "strong"
    seed: int = 0
    cache_bytes: int = CACHE_BYTES


class TrainingSampler(Sampler[Draw]):
    """Draws every chip the same number of times an epoch, in an order of seed and epoch.

    The ranks of a distributed run share each pass over the chips out between them: within a pass
    no chip goes to two ranks. Ranks get equally many draws, so up to ``ranks - 1`` chips of the
    last pass, others each time, are left out.

    Args:
        chips: number of chips.
        passes: how often each is drawn in an epoch.
        seed: all chance comes from it.
        rank: which of the ranks this is.
        ranks: how many there are.
    """

    def __init__(
        self, chips: int, *, passes: int, seed: int, rank: int = 0, ranks: int = 1
    ) -> None:
        self._chips, self._passes, self._seed = chips, passes, seed
        self._rank, self._ranks = rank, ranks
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch; Lightning calls it before each."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._chips * self._passes // self._ranks

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self._seed, self.epoch])
        order = np.concatenate([rng.permutation(self._chips) for _ in range(self._passes)])
        keys = rng.integers(0, 1 << 62, len(order))
        for place in range(self._rank, len(self) * self._ranks, self._ranks):
            yield Draw(int(order[place]), int(keys[place]))


class ChipDataModule(LightningDataModule):
    """A chip folder as batches for training and validation.

    Batches are ``image`` (batch, bands, rows, cols) normalised and ``mask`` (batch, rows, cols)
    with 255 where unknown. Training batches are augmented on the device they are moved to.

    Args:
        folder: the chips.
        options: how they become batches.
    """

    def __init__(self, folder: ChipFolder, options: BatchOptions) -> None:
        super().__init__()
        self.folder = folder
        self.options = options
        self.normalisation = chip_normalisation(folder)
        self.crop_size = _crop_size(folder, options.crop_size)
        self.train_chips = self._dataset("train")
        self.val_chips = self._dataset("val")
        if options.augment not in STRENGTHS:
            raise InputError(
                f"unknown augmentation {options.augment!r}; expected {', '.join(STRENGTHS)}"
            )
        self._strength = STRENGTHS[options.augment]
        self._loader: DataLoader[dict[str, Tensor]] | None = None

    @property
    def passes(self) -> int:
        """Return how often each chip is drawn in an epoch.

        As often as crops fit into it, and more where an epoch would be too short.
        """
        fitting = round((self.folder.chip_size / self.crop_size) ** 2)
        needed = -(-_MIN_STEPS * self.options.batch_size // len(self.train_chips))
        return max(1, fitting, needed)

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Return the training batches of this rank."""
        rank, ranks = self._place()
        sampler = TrainingSampler(
            len(self.train_chips),
            passes=self.passes,
            seed=self.options.seed,
            rank=rank,
            ranks=ranks,
        )
        return DataLoader(
            self.train_chips,
            batch_size=self.options.batch_size,
            sampler=sampler,
            drop_last=len(sampler) >= self.options.batch_size,
        )

    def val_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Return the whole validation chips of this rank, unchanged."""
        rank, ranks = self._place()
        mine = list(range(rank, len(self.val_chips), ranks))
        return DataLoader(self.val_chips, batch_size=self._whole_batch(), sampler=mine)

    def on_after_batch_transfer(
        self, batch: dict[str, Tensor], dataloader_idx: int
    ) -> dict[str, Tensor]:
        """Augment training batches, on the device."""
        if self.trainer is None or not self.trainer.training:
            return batch
        return self.augmented(batch)

    def augmented(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a batch as training sees it; the samples' keys decide how it is changed."""
        if self._strength is None:
            return dict(batch)
        generator = torch.Generator().manual_seed(int(batch["key"][0]))
        image, mask = augment(
            batch["image"],
            batch["mask"],
            self._strength,
            mean=self.normalisation.mean,
            std=self.normalisation.std,
            generator=generator,
        )
        return {**batch, "image": image, "mask": mask}

    def _dataset(self, part: str) -> ChipDataset:
        chips = self.folder.split(part)
        if not chips:
            name = {"train": "training", "val": "validation"}[part]
            raise InputError(
                f"{self.folder.path} has no {name} chips; export more chips, or with another split"
            )
        return ChipDataset(
            chips,
            self.normalisation,
            self.folder.classes,
            crop_size=self.crop_size,
            cache_bytes=self.options.cache_bytes // 2,
        )

    def _whole_batch(self) -> int:
        """Return how many whole chips cost no more memory than a training batch of crops."""
        share = (self.crop_size / self.folder.chip_size) ** 2
        return max(1, int(self.options.batch_size * share))

    def _place(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size


def _crop_size(folder: ChipFolder, asked: int) -> int:
    fitting = folder.chip_size // SIDE_MULTIPLE * SIDE_MULTIPLE
    if asked == 0:
        return max(SIDE_MULTIPLE, min(256, fitting))
    if asked % SIDE_MULTIPLE or not SIDE_MULTIPLE <= asked <= max(fitting, SIDE_MULTIPLE):
        raise InputError(
            f"a crop size of {asked} pixels does not suit chips of {folder.chip_size}; "
            f"choose a multiple of {SIDE_MULTIPLE} up to {fitting}"
        )
    return asked
