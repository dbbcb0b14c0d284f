"""What the network of a city model sees of a patch: its size and its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import interpolate

from geocity.core.cities.contract import PIXEL_SCALE

# A patch of one colour has no spread; one grey level is the least that a sensor can tell.
_LEAST_STD = 1.0


@dataclass(frozen=True, slots=True)
class Normalisation:
    """How pixels become the network's numbers.

    Attributes:
        per_image: each patch is standardised by itself, band by band; else `mean` and `std` apply.
        mean: mean per band of pixels divided by 255.
        std: their standard deviation.
    """

    per_image: bool
    mean: Sequence[float]
    std: Sequence[float]

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return pixels (batch, bands, rows, cols), 0 to 255, as the network sees them."""
        if self.per_image:
            return standardised(pixels)
        mean = pixels.new_tensor(self.mean).view(1, -1, 1, 1)
        std = pixels.new_tensor(self.std).view(1, -1, 1, 1)
        return (pixels / PIXEL_SCALE - mean) / std


def standardised(pixels: Tensor) -> Tensor:
    """Give every band of every patch mean 0 and standard deviation 1, over its own pixels.

    What light, haze and a camera's settings do to a whole patch, a gain and an offset per band,
    is gone then.
    """
    mean = pixels.mean((2, 3), keepdim=True)
    std = pixels.std((2, 3), keepdim=True, correction=0).clamp_min(_LEAST_STD)
    return (pixels - mean) / std


def resized(pixels: Tensor, side_px: int) -> Tensor:
    """Bring patches (batch, bands, rows, cols) to a side, shrinking without aliasing."""
    if pixels.shape[-2:] == (side_px, side_px):
        return pixels
    return interpolate(
        pixels, (side_px, side_px), mode="bilinear", align_corners=False, antialias=True
    )
