"""Chips as a torch dataset: normalised images and class indexes, cropped on request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, get_worker_info

from geocity.core.classes import NODATA, ClassTable
from geocity.core.normalise import Normalisation, normalise, scale_of
from geocity.core.texture import CELL, roughness
from geocity.errors import BandMismatchError, LabelError
from geocity.io.chips import Chip, ChipFolder, read_chip

CACHE_BYTES = 1 << 30
# Encoders halve five times; a side that is no multiple of 32 shifts the decoder's grid.
SIDE_MULTIPLE = 32

Pixels = tuple[NDArray[Any], NDArray[np.uint8], NDArray[np.bool_]]


Around = Literal["anything", "foreground", "rough"]


class Draw(NamedTuple):
    """One sample to take: which chip, and the key from which all chance about it comes.

    Attributes:
        chip: position of the chip.
        key: decides where the crop lies and how it is changed.
        around: what the crop must hold: ``anything``; a pixel of a class other than the background
            (``foreground``); or a place chosen the more often the rougher it looks (``rough``).
    """

    chip: int
    key: int
    around: Around = "anything"


@dataclass(frozen=True, slots=True)
class ChipNormalisation:
    """How chips of a folder are normalised; the model's contract repeats it.

    Attributes:
        scale: pixels are divided by it.
        mean: mean of the scaled training pixels per band.
        std: standard deviation of the scaled training pixels per band.
        value_range: lowest and highest training pixel.
    """

    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    value_range: tuple[float, float]


def chip_normalisation(folder: ChipFolder) -> ChipNormalisation:
    """Work out the normalisation of a chip folder from its training part alone."""
    statistics = folder.band_statistics("train")
    scale = scale_of(folder.dtype.name, float(statistics.max.max()))
    # A band that never changes says nothing; 1 keeps it at 0 instead of dividing by 0.
    std = np.where(statistics.std > 0, statistics.std / scale, 1.0)
    return ChipNormalisation(
        scale=scale,
        mean=tuple(float(m) for m in statistics.mean / scale),
        std=tuple(float(s) for s in std),
        value_range=(float(statistics.min.min()), float(statistics.max.max())),
    )


class ChipDataset(Dataset[dict[str, torch.Tensor]]):
    """Chips of one part of a folder.

    Taken by a `Draw`, a sample is a crop at a place that its key decides; taken by a number, it is
    the whole chip, mirrored outwards to a multiple of 32 pixels where the label is 255.

    Args:
        chips: the chips.
        normalisation: scale, mean and std per band.
        classes: classes of the labels; the network's class i is the i-th of them.
        crop_size: side of the crops in pixels.
        cache_bytes: decoded chips are kept in memory up to this size, by all readers together.
    """

    def __init__(
        self,
        chips: Sequence[Chip],
        normalisation: Normalisation,
        classes: ClassTable,
        *,
        crop_size: int,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.chips = tuple(chips)
        self.normalisation = normalisation
        self.crop_size = crop_size
        self._index_of = np.full(256, NODATA - 1, np.uint8)
        self._index_of[list(classes.values)] = np.arange(len(classes))
        self._index_of[NODATA] = NODATA
        self._cache: dict[int, Pixels] = {}
        self._roughness: dict[int, NDArray[np.float64]] = {}
        self._cache_bytes, self._held_bytes = cache_bytes, 0

    def __len__(self) -> int:
        return len(self.chips)

    def __getitem__(self, draw: int | Draw) -> dict[str, torch.Tensor]:
        """Return ``image`` float32 (bands, rows, cols), ``mask`` int64 (rows, cols) and ``key``."""
        if isinstance(draw, Draw):
            pixels, label, valid = self._crop(draw)
            key = draw.key
        else:
            pixels, label, valid = _mirror(self._read(draw))
            key = 0
        return {
            "image": torch.from_numpy(normalise(pixels, self.normalisation, valid)),
            "mask": torch.from_numpy(label.astype(np.int64)),
            "key": torch.tensor(key),
        }

    def __getstate__(self) -> dict[str, Any]:
        # Other processes decode for themselves; the pixels would travel to each of them.
        return {**self.__dict__, "_cache": {}, "_held_bytes": 0}

    def roughness(self, chip: int) -> NDArray[np.float64]:
        """Return how rough the cells of a chip look, see `geocity.core.texture.roughness`."""
        if chip not in self._roughness:
            pixels, _, valid = self._read(chip)
            self._roughness[chip] = roughness(pixels, valid)
        return self._roughness[chip]

    def _crop(self, draw: Draw) -> Pixels:
        size = self.crop_size
        chip = self._read(draw.chip)
        pixels, label, valid = _grow(chip, size, size)
        rng = np.random.default_rng(draw.key)
        last = np.array(label.shape) - size
        corner = rng.integers(0, last + 1)
        pixel = self._place(draw, chip[1], rng)
        if pixel is not None:
            # What is wanted may lie anywhere in the crop.
            corner = np.clip(pixel - rng.integers(0, size, 2), 0, last)
        row, col = (int(at) for at in corner)
        window = (slice(row, row + size), slice(col, col + size))
        return pixels[:, *window], label[window], valid[window]

    def _place(
        self, draw: Draw, label: NDArray[np.uint8], rng: np.random.Generator
    ) -> NDArray[np.intp] | None:
        """Choose the pixel that a crop must hold, if it must hold one and the chip has it."""
        if draw.around == "foreground":
            wanted = np.flatnonzero((label > 0) & (label < NODATA))
            if not wanted.size:
                return None
            return np.array(divmod(int(rng.choice(wanted)), label.shape[1]))
        if draw.around == "rough":
            cells = self.roughness(draw.chip)
            cell = rng.choice(cells.size, p=cells.ravel() / cells.sum())
            inside = np.array(divmod(int(cell), cells.shape[1])) * CELL + rng.integers(0, CELL, 2)
            return np.asarray(np.minimum(inside, np.array(label.shape) - 1))
        return None

    def _read(self, index: int) -> Pixels:
        if index in self._cache:
            return self._cache[index]
        pixels, label, valid = read_chip(self.chips[index])
        bands = len(self.normalisation.mean)
        if len(pixels) != bands:
            raise BandMismatchError(
                f"{self.chips[index].image} has {len(pixels)} bands, the folder has {bands}; "
                "export the chips again from scenes with the same bands"
            )
        chip = pixels, self._indexes(index, label, valid), valid
        size = pixels.nbytes + label.nbytes + valid.nbytes
        if self._held_bytes + size <= self._cache_bytes // _readers():
            self._held_bytes += size
            self._cache[index] = chip
        return chip

    def _indexes(
        self, index: int, label: NDArray[np.uint8], valid: NDArray[np.bool_]
    ) -> NDArray[np.uint8]:
        known = self._index_of[label]
        if (known == NODATA - 1).any():
            odd = np.unique(label[known == NODATA - 1]).tolist()
            raise LabelError(
                f"{self.chips[index].label} holds the values {odd[:5]}, which are no class of the "
                "folder; export the chips again with all classes"
            )
        # Where there is no image there is nothing to learn, whatever the label says.
        return np.where(valid, known, NODATA).astype(np.uint8)


def _readers() -> int:
    """Return how many processes read this dataset beside one another, each with its own cache."""
    worker = get_worker_info()
    return 1 if worker is None else worker.num_workers


def _mirror(chip: Pixels) -> Pixels:
    rows, cols = (-(-side // SIDE_MULTIPLE) * SIDE_MULTIPLE for side in chip[1].shape)
    return _grow(chip, rows, cols)


def _grow(chip: Pixels, rows: int, cols: int) -> Pixels:
    """Mirror a chip outwards to at least a size; what is added is of unknown class."""
    pixels, label, valid = chip
    more = ((0, max(rows - label.shape[0], 0)), (0, max(cols - label.shape[1], 0)))
    if more == ((0, 0), (0, 0)):
        return chip
    return (
        np.pad(pixels, ((0, 0), *more), mode="symmetric"),
        np.pad(label, more, constant_values=NODATA),
        np.pad(valid, more, mode="symmetric"),
    )
