"""Patches of cities into batches: which patch when, on which rank, and changed how."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from geocity.data.cities.augment import STRENGTHS, augment_patches
from geocity.data.cities.normalise import Normalisation
from geocity.data.cities.patches import CityPatchDataset, patch_rows
from geocity.data.feeding import feeding, refuse_idle_devices
from geocity.errors import InputError
from geocity.io.cities.manifest import CityFolder

# An epoch of fewer steps makes a poor schedule; a small folder is drawn several times instead.
_MIN_STEPS = 16
_BANDS = 3
CACHE_BYTES = 1 << 30
"""Of decoded images that training keeps; fifteen of 4800 x 4800 pixels."""


@dataclass(frozen=True, slots=True)
class PatchBatchOptions:
    """How patches become batches.

    Attributes:
        batch_size: patches in a batch, on each device.
        input_px: side of what the network sees, in pixels.
        augment: one of `STRENGTHS`.
        fold: which fold of the folder's split to train on.
        seed: all chance comes from it.
        cache_bytes: decoded images are kept in memory up to this size, half of it for validation.
        devices: how many devices train together.
    """

    batch_size: int
    input_px: int
    augment: str
    fold: int = 0
    seed: int = 0
    cache_bytes: int = CACHE_BYTES
    devices: int = 1


class BalancedSampler(Sampler[tuple[int, int]]):
    """Draws every city equally often, in an order of seed and epoch.

    The draws are as even as they can be: with 2.3 draws due, a patch gets two or three. Ranks of a
    distributed run each take a piece of the epoch's order, equally long, so that none is drawn
    twice; up to ``ranks - 1`` draws, others each epoch, are left out.

    A JPEG can only be decoded whole. So the images of an epoch are shuffled and parted into blocks
    that fit into memory, and the draws of a block are shuffled among themselves: each image is
    decoded once an epoch. When all images fit, all draws are shuffled.

    Args:
        labels: city of each patch.
        images: image of each patch, any whole numbers.
        image_bytes: what each patch's image takes in memory once decoded, 0 if it is read in parts.
        draws: number of draws in an epoch, over all ranks.
        seed: all chance comes from it.
        block_bytes: of decoded images in a block.
        rank: which of the ranks this is.
        ranks: how many there are.
    """

    def __init__(
        self,
        labels: NDArray[np.int64],
        images: NDArray[np.int64],
        image_bytes: NDArray[np.int64],
        *,
        draws: int,
        seed: int,
        block_bytes: int = CACHE_BYTES,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        weights = 1.0 / np.bincount(labels)[labels]
        self._shares = np.cumsum(weights / weights.sum())[:-1]
        _, first, self._image = np.unique(images, return_index=True, return_inverse=True)
        self._sizes = image_bytes[first]
        self._draws, self._seed, self._block_bytes = draws, seed, block_bytes
        self._rank, self._ranks = rank, ranks
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch; Lightning calls it before each."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._draws // self._ranks

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng([self._seed, self.epoch])
        # Systematic sampling: evenly spaced marks over the heaped-up shares.
        marks = (np.arange(self._draws) + rng.random()) / self._draws
        patches = np.searchsorted(self._shares, marks, side="right")
        block = self._blocks(rng)[self._image[patches]]
        order = patches[np.lexsort((rng.random(self._draws), block))]
        keys = rng.integers(0, 1 << 62, self._draws)
        for place in range(self._rank * len(self), (self._rank + 1) * len(self)):
            yield int(order[place]), int(keys[place])

    def _blocks(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the block of every image, in a new shuffle."""
        order = rng.permutation(len(self._sizes))
        filled = np.cumsum(self._sizes[order])
        blocks = np.empty(len(order), np.int64)
        # An image that begins in one block and ends in the next counts to the next.
        largest = int(self._sizes.max())
        blocks[order] = (filled - 1).clip(0) // max(self._block_bytes - largest, largest, 1)
        return blocks


class KeyedPatches(Dataset[dict[str, Any]]):
    """Patches asked for with the number that decides how each is changed."""

    def __init__(self, patches: CityPatchDataset) -> None:
        self._patches = patches

    def __len__(self) -> int:
        return len(self._patches)

    def __getitem__(self, draw: tuple[int, int]) -> dict[str, Any]:
        patch, key = draw
        return {**self._patches[patch], "key": key}


class CityDataModule(LightningDataModule):
    """A city folder as batches for training and validation.

    Batches are ``image`` (batch, 3, input_px, input_px) normalised, and ``label``. Training
    batches are augmented on the device they are moved to.

    Args:
        folder: the cities.
        options: how their patches become batches.
        normalisation: how pixels become the network's numbers.
    """

    def __init__(
        self, folder: CityFolder, options: PatchBatchOptions, normalisation: Normalisation
    ) -> None:
        super().__init__()
        if options.augment not in STRENGTHS:
            raise InputError(
                f"unknown augmentation {options.augment!r}; expected {', '.join(STRENGTHS)}"
            )
        self.folder, self.options, self.normalisation = folder, options, normalisation
        self.train_patches = self._dataset("train")
        self.val_patches = self._dataset("val")
        self._strength = STRENGTHS[options.augment]
        self._check_cities()
        refuse_idle_devices(options.devices, len(self.val_patches), "patches")

    @property
    def draws(self) -> int:
        """Return the number of patches in an epoch: all, or more where that would be too few."""
        return max(len(self.train_patches), _MIN_STEPS * self.options.batch_size)

    def train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Return the training batches of this rank."""
        rank, ranks = self._place()
        rows = self.folder.patches.iloc[self.train_patches.rows]
        images = rows["image"].to_numpy()
        sampler = BalancedSampler(
            self.train_patches.labels,
            images,
            decoded_bytes(self.folder)[images],
            draws=self.draws,
            seed=self.options.seed,
            block_bytes=self._cache_bytes,
            rank=rank,
            ranks=ranks,
        )
        return DataLoader(
            KeyedPatches(self.train_patches),
            batch_size=self.options.batch_size,
            sampler=sampler,
            drop_last=len(sampler) >= self.options.batch_size,
            **self._feeding(),
        )

    def val_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Return the validation patches of this rank, unchanged, image by image."""
        rank, ranks = self._place()
        mine = list(range(rank, len(self.val_patches), ranks))
        return DataLoader(
            self.val_patches,
            batch_size=self.options.batch_size,
            sampler=mine,
            **self._feeding(),
        )

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        """Augment training batches and normalise all, on the device."""
        training = self.trainer is not None and self.trainer.training
        return self.prepared(batch, training=training)

    def prepared(self, batch: dict[str, Any], *, training: bool) -> dict[str, Any]:
        """Return a batch as the network sees it; in training its keys decide how it is changed."""
        pixels = batch["image"]
        if training and self._strength is not None:
            generator = torch.Generator().manual_seed(int(batch["key"][0]))
            pixels = augment_patches(pixels, self._strength, generator)
        return {**batch, "image": self.normalisation(pixels)}

    def _dataset(self, part: str) -> CityPatchDataset:
        rows = patch_rows(self.folder, part, self.options.fold)
        if not rows:
            name = {"train": "training", "val": "validation"}[part]
            raise InputError(
                f"{self.folder.path} has no {name} patches in fold {self.options.fold}; prepare "
                "the folder with a split that holds sites out (geocity city prepare --split …)"
            )
        return CityPatchDataset(
            self.folder,
            rows,
            side_px=self.options.input_px,
            cache_bytes=self._cache_bytes,
        )

    @property
    def _cache_bytes(self) -> int:
        """Return what each part may keep: validation keeps its images while training goes on."""
        return self.options.cache_bytes // 2

    def _feeding(self) -> dict[str, Any]:
        pixels = self.options.batch_size * self.options.input_px**2
        # Each process would decode, and keep, what others have too; windows are read in parallel.
        most = {"most": 1} if decoded_bytes(self.folder).any() else {}
        return feeding(self.trainer, pixels * _BANDS * 4, **most)

    def _check_cities(self) -> None:
        missing = missing_cities(self.folder, self.train_patches.labels)
        if missing:
            raise InputError(
                f"{', '.join(missing)} has no training patches in fold {self.options.fold}; "
                "add sites of it, or leave it out of the folder"
            )

    def _place(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size


def missing_cities(folder: CityFolder, labels: NDArray[np.int64]) -> Sequence[str]:
    """Return the names of the cities that no patch shows."""
    seen = set(labels.tolist())
    return [city.name for i, city in enumerate(folder.cities) if i not in seen]


def decoded_bytes(folder: CityFolder) -> NDArray[np.int64]:
    """Return what each image takes once decoded; 0 where it is read by window."""
    images = folder.images
    whole = images["rows"].to_numpy() * images["cols"].to_numpy() * _BANDS
    sizes: NDArray[np.int64] = np.where(images["placed"].to_numpy() == "file", 0, whole)
    return sizes
