"""Chips on disk, and the folder that holds them, whoever wrote it."""

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from geocity.core.band_statistics import BandAccumulator, BandStatistics
from geocity.core.classes import NODATA, ClassTable
from geocity.core.grid import Window
from geocity.core.split import PARTS
from geocity.errors import InputError, LabelError


@dataclass(frozen=True)
class Chip:
    """One training sample.

    Attributes:
        image: the image file.
        label: the label file, same rows and columns.
        split: ``train``, ``val`` or ``test``.
        window: where it lies on the grid of its source; None in folders that do not say.
        source: name of the scene it was cut from; empty in folders that do not say.
        class_pixels: number of pixels per class value, 255 (unknown) included.
        angle: degrees by which the chip is turned against its source, anticlockwise.
        relabel: 256 bytes, the class value for each value in the label file; empty where the
            file holds class values already.
    """

    image: Path
    label: Path
    split: str
    window: Window | None = None
    source: str = ""
    class_pixels: Mapping[int, int] = field(default_factory=dict, compare=False)
    angle: float = 0.0
    relabel: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class ChipFolder:
    """A folder of chips, with everything that training has to know about it.

    Made by `read_chip_folder`. Whatever the folder was written by, class values are 0 (background),
    1, 2 … without a gap, and 255 where the class is unknown; `read_chip` gives labels in these.

    Attributes:
        path: the folder.
        chips: every chip, those of all parts.
        classes: class 0 is the background.
        band_names: one name a band, in the order of the files.
        dtype: number type of the images.
        chip_size: side of a chip in pixels.
        cell_size_m: side of a pixel in metres; 0 in folders that do not say.
        dropped: chips left out because they lie between two parts.
        about: the folder's own description (`chips.json`), empty for ArcGIS folders.

    Example:
        >>> folder = read_chip_folder("chips")                            # doctest: +SKIP
        >>> for chip in folder.split("train"):                            # doctest: +SKIP
        ...     image, label, valid = read_chip(chip)
    """

    path: Path
    chips: tuple[Chip, ...]
    classes: ClassTable
    band_names: tuple[str, ...]
    dtype: np.dtype[Any]
    chip_size: int
    cell_size_m: float
    dropped: int = 0
    about: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    _statistics: dict[str, BandStatistics] = field(default_factory=dict, compare=False, repr=False)

    def split(self, part: str | None) -> tuple[Chip, ...]:
        """Return the chips of a part, ``train``, ``val`` or ``test``; all of them for None."""
        if part is None:
            return self.chips
        if part not in PARTS:
            raise InputError(f"There is no part {part!r}; the parts are {', '.join(PARTS)}.")
        return tuple(chip for chip in self.chips if chip.split == part)

    def band_statistics(self, part: str | None = "train") -> BandStatistics:
        """Return minimum, maximum, mean and spread per band over the valid pixels of a part.

        Folders of geocity have them written down; for others the chips are read once, one by one.

        Args:
            part: ``train``, ``val`` or ``test``; None for all chips.
        """
        key = part or "all"
        if key not in self._statistics:
            accumulator = BandAccumulator(len(self.band_names))
            for chip in self.split(part):
                pixels, valid = read_chip_image(chip.image)
                accumulator.add(pixels, valid)
            self._statistics[key] = accumulator.result()
        return self._statistics[key]

    def class_pixels(self, part: str | None = "train") -> dict[int, int]:
        """Return the number of pixels per class value in a part, unknown pixels left out.

        Args:
            part: ``train``, ``val`` or ``test``; None for all chips.
        """
        chips = self.split(part)
        return {
            value: sum(chip.class_pixels.get(value, 0) for chip in chips)
            for value in self.classes.values
        }


def read_chip(chip: Chip) -> tuple[NDArray[Any], NDArray[np.uint8], NDArray[np.bool_]]:
    """Read the image and the label of a chip.

    Args:
        chip: of a `ChipFolder`.

    Returns:
        The image (bands, rows, cols) as stored, the label uint8 (rows, cols) with 255 where the
        class is unknown, and a mask (rows, cols) that is true where the image has data.

    Raises:
        InputError: if a file is missing or damaged, or the two differ in size.
    """
    pixels, valid = read_chip_image(chip.image)
    label = read_chip_label(chip.label)
    if chip.relabel:
        label = np.frombuffer(chip.relabel, np.uint8)[label]
    if label.shape != valid.shape:
        raise InputError(
            f"{chip.image.name} has {valid.shape} pixels and its label {label.shape}; "
            "export the chips again."
        )
    if chip.image.suffix != ".tif":
        # PNG and JPEG hold no mask: what export-chips blackened is black and of unknown class.
        valid = valid & ~((label == NODATA) & (pixels == 0).all(axis=0))
    return pixels, label, valid


def read_chip_image(path: Path) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read pixels (bands, rows, cols), alpha left out, and the mask of those that hold data."""
    try:
        with unplaced_is_fine(), rasterio.open(path) as source:
            colors = [color.name for color in source.colorinterp]
            bands = [i for i, name in enumerate(colors, start=1) if name != "alpha"]
            pixels = source.read(bands)
            valid = source.dataset_mask() > 0
    except RasterioError as error:
        raise _damaged(path, error) from error
    if pixels.dtype.kind == "f":
        valid &= np.isfinite(pixels).all(axis=0)
    return pixels, valid


def read_chip_label(path: Path) -> NDArray[np.uint8]:
    """Read a label (rows, cols) as stored.

    Raises:
        LabelError: if it holds values that are no class, below 0 or above 255.
    """
    try:
        with unplaced_is_fine(), rasterio.open(path) as source:
            label: NDArray[Any] = source.read(1)
    except RasterioError as error:
        raise _damaged(path, error) from error
    if label.dtype != np.uint8:
        if label.min() < 0 or label.max() > NODATA:
            raise LabelError(
                f"{path.name} holds label values from {label.min()} to {label.max()}, "
                "but classes are numbered 0 to 254; renumber the classes and export again."
            )
        label = label.astype(np.uint8)
    return label


@contextlib.contextmanager
def unplaced_is_fine() -> Iterator[None]:
    """Keep rasterio from warning that PNG and JPEG chips do not say where they lie."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _damaged(path: Path, error: RasterioError) -> InputError:
    found = "cannot be read" if path.exists() else "is missing"
    return InputError(f"{path} {found} ({error}); export the chips again.")
