"""What a user must say about a network that was trained elsewhere, checked when it is made."""

from dataclasses import dataclass

import numpy as np

from geocity.core.classes import ClassTable
from geocity.core.contract_fields import DTYPES
from geocity.core.normalise import scale_of
from geocity.errors import InputError


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The contract of a network of segmentation-models-pytorch, in the words of its training.

    Attributes:
        encoder: name of its encoder, for example ``resnet34``.
        classes: pixel values, names and colours, in the order of its output channels.
        bands: names of the bands in the order in which it takes them.
        cell_size_m: side of a pixel in metres.
        mean: per band, subtracted from the scaled pixels.
        std: per band, the result is divided by it.
        architecture: ``unet`` or another of segmentation-models-pytorch.
        dtype: number type of the pixels.
        value_range: lowest and highest pixel value; those of the number type by default, and 0 to
            1 for floats.
        scale: pixels are divided by it first: 255 for uint8, 65535 for uint16, and so on, by
            default. Give 10000 for reflectance that was divided by it, 1 where nothing was.
        tile_size: side of the tiles it is best run with.
        padding: context around a tile's kept centre.
    """

    encoder: str
    classes: ClassTable
    bands: tuple[str, ...]
    cell_size_m: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    architecture: str = "unet"
    dtype: str = "uint8"
    value_range: tuple[float, float] | None = None
    scale: float | None = None
    tile_size: int = 512
    padding: int = 64

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise InputError(
                f"The number type {self.dtype!r} is unknown; give one of {', '.join(DTYPES)}."
            )
        for name in ("mean", "std"):
            count = len(getattr(self, name))
            if count != len(self.bands):
                raise InputError(
                    f"{count} numbers were given for {name} and {len(self.bands)} bands; give one "
                    f"number a band (--{name})."
                )
        if len(self.classes) < 2:
            raise InputError("A model tells at least two classes apart; name them (--classes).")

    @property
    def pixel_range(self) -> tuple[float, float]:
        """Return the value range, with the default settled."""
        if self.value_range is not None:
            return self.value_range
        if np.issubdtype(np.dtype(self.dtype), np.integer):
            limits = np.iinfo(np.dtype(self.dtype))
            return float(max(limits.min, 0)), float(limits.max)
        return 0.0, 1.0

    @property
    def pixel_scale(self) -> float:
        """Return the scale, with the default settled."""
        if self.scale is not None:
            return self.scale
        return scale_of(self.dtype, self.pixel_range[1])
