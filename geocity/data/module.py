"""Chips into batches: how much each is wanted, and how it is changed."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from geocity.core.classes import NODATA
from geocity.data.augment import STRENGTHS, augment
from geocity.data.chip_dataset import (
    CACHE_BYTES,
    SIDE_MULTIPLE,
    Around,
    ChipDataset,
    chip_normalisation,
)
from geocity.data.feeding import feeding, refuse_idle_devices
from geocity.data.training_sampler import TrainingSampler
from geocity.errors import InputError
from geocity.io.chips import Chip, ChipFolder

# An epoch of fewer steps makes a poor schedule; a small folder is drawn several times instead.
_MIN_STEPS = 16
# What a CPU can digest.
_CROP_PX = (96, 256)
_FOREGROUND_SHARE = 0.25
# Enough to know within a tenth how often a class is drawn.
_COUNTED_DRAWS = 512
DRAWS = ("focused", "even")


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How chips become batches.

    Attributes:
        batch_size: crops in a batch, on each device.
        crop_size: side of the training crops in pixels; 0 chooses by `crop_m`.
        crop_m: about how much ground a crop shows: enough to see a settlement in its
            surroundings, and no less than the network will see at once in a scene.
        augment: ``strong``, ``light`` or ``none``.
        draw: ``focused`` takes a quarter of the crops around pixels of classes other than the
            background, and the rest around places that are chosen the more often the rougher they
            look; ``even`` draws all chips alike.
        seed: all chance comes from it.
        cache_bytes: decoded chips are kept in memory up to this size.
        devices: how many devices train together.
    """

    batch_size: int = 16
    crop_size: int = 0
    crop_m: float = 150.0
    augment: str = "light"
    draw: str = "focused"
    seed: int = 0
    cache_bytes: int = CACHE_BYTES
    devices: int = 1


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
        self.crop_size = _crop_size(folder, options)
        self.train_chips = self._dataset("train")
        self.val_chips = self._dataset("val")
        if options.augment not in STRENGTHS:
            raise InputError(
                f"unknown augmentation {options.augment!r}; expected {', '.join(STRENGTHS)}"
            )
        if options.draw not in DRAWS:
            raise InputError(f"unknown draw {options.draw!r}; expected {', '.join(DRAWS)}")
        refuse_idle_devices(options.devices, len(self.val_chips), "chips")
        self._strength = STRENGTHS[options.augment]
        self._weights = self._chip_weights()

    @property
    def draws(self) -> int:
        """Return the number of crops in an epoch.

        As many as fit into the chips, and more where an epoch would be too short.
        """
        fitting = round((self.folder.chip_size / self.crop_size) ** 2) * len(self.train_chips)
        return max(fitting, _MIN_STEPS * self.options.batch_size)

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Return the training batches of this rank."""
        rank, ranks = self._place()
        sampler = TrainingSampler(
            self._weights,
            draws=self.draws,
            seed=self.options.seed,
            rank=rank,
            ranks=ranks,
        )
        return DataLoader(
            self.train_chips,
            batch_size=self.options.batch_size,
            sampler=sampler,
            drop_last=len(sampler) >= self.options.batch_size,
            **self._feeding(),
        )

    def logit_shift(self) -> tuple[float, ...] | None:
        """Return per class how much more often the crops show it than the chips do, as a logarithm.

        Crops are drawn around the classes that are looked for, from which alone a network would
        learn that these are frequent.

        Returns:
            One number a class, 0 for a class that is not there; None if chips are drawn evenly.
        """
        if self.options.draw == "even":
            return None
        sampler = TrainingSampler(self._weights, draws=self.draws, seed=self.options.seed)
        classes = tuple(self.folder.classes.values)
        drawn = np.zeros(len(classes))
        for draw in itertools.islice(sampler, _COUNTED_DRAWS):
            mask = self.train_chips[draw]["mask"].numpy()
            drawn += np.bincount(mask[mask != NODATA], minlength=len(classes))
        pixels = self.folder.class_pixels("train")
        there = np.array([pixels.get(value, 0) for value in classes], np.float64)
        if not drawn.any() or not there.any():
            return None
        seen = (drawn > 0) & (there > 0)
        often = np.divide(
            drawn / drawn.sum(), there / there.sum(), out=np.ones(len(classes)), where=seen
        )
        return tuple(float(shift) for shift in np.log(often))

    def endless(self) -> Iterator[dict[str, Tensor]]:
        """Return training batches without end, epoch after epoch."""
        loader = self.train_dataloader()
        sampler = loader.sampler
        epoch = 0
        while True:
            if isinstance(sampler, TrainingSampler):
                sampler.set_epoch(epoch)
            yield from loader
            epoch += 1

    def val_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Return the whole validation chips of this rank, unchanged."""
        rank, ranks = self._place()
        mine = list(range(rank, len(self.val_chips), ranks))
        return DataLoader(
            self.val_chips, batch_size=self._whole_batch(), sampler=mine, **self._feeding()
        )

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

    def _chip_weights(self) -> dict[Around, NDArray[np.float64]]:
        """Return how much a crop of each training chip is wanted, by what it must hold.

        Most false alarms come from kinds of built-up land that are rare among water, fields and
        runways; they look rough, and are drawn more often.
        """
        chips = self.folder.split("train")
        if self.options.draw == "even":
            return {"anything": np.ones(len(chips))}
        rough = np.array([self.train_chips.roughness(i).sum() for i in range(len(chips))])
        pixels = np.array([_foreground_pixels(chip) for chip in chips], np.float64)
        weights: dict[Around, NDArray[np.float64]] = (
            {"rough": rough / rough.sum()} if rough.any() else {"anything": np.ones(len(chips))}
        )
        if pixels.any():
            share = _FOREGROUND_SHARE / (1 - _FOREGROUND_SHARE)
            total = sum(w.sum() for w in weights.values())
            weights["foreground"] = share * total * pixels / pixels.sum()
        return weights

    def _whole_batch(self) -> int:
        """Return how many whole chips cost no more memory than a training batch of crops."""
        share = (self.crop_size / self.folder.chip_size) ** 2
        return max(1, int(self.options.batch_size * share))

    def _feeding(self) -> dict[str, Any]:
        # Numbers of 4 bytes in the bands and 8 in the mask; a batch of whole chips takes no more.
        pixels = self.options.batch_size * self.crop_size**2
        return feeding(self.trainer, pixels * (4 * len(self.normalisation.mean) + 8))

    def _place(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size


def _foreground_pixels(chip: Chip) -> int:
    return sum(n for value, n in chip.class_pixels.items() if 0 < value < NODATA)


def _crop_size(folder: ChipFolder, options: BatchOptions) -> int:
    asked = options.crop_size
    fitting = folder.chip_size // SIDE_MULTIPLE * SIDE_MULTIPLE
    if asked == 0:
        wanted = round(options.crop_m / folder.cell_size_m / SIDE_MULTIPLE) * SIDE_MULTIPLE
        return max(SIDE_MULTIPLE, min(max(wanted, _CROP_PX[0]), _CROP_PX[1], fitting))
    if asked % SIDE_MULTIPLE or not SIDE_MULTIPLE <= asked <= max(fitting, SIDE_MULTIPLE):
        raise InputError(
            f"a crop size of {asked} pixels does not suit chips of {folder.chip_size}; "
            f"choose a multiple of {SIDE_MULTIPLE} up to {fitting}"
        )
    return asked
