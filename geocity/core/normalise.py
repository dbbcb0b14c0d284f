"""From pixels to what a network takes: one function for training and for inference."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Normalisation(Protocol):
    """Whatever knows a scale, and a mean and a standard deviation per band.

    `ModelContract` is one.
    """

    @property
    def scale(self) -> float:
        """Return the number by which pixels are divided first."""

    @property
    def mean(self) -> tuple[float, ...]:
        """Return the mean of the scaled pixels per band."""

    @property
    def std(self) -> tuple[float, ...]:
        """Return the standard deviation of the scaled pixels per band."""


def scale_of(dtype: str, highest: float) -> float:
    """Return the scale that brings pixels of a number type to about 0 … 1.

    Args:
        dtype: name of the number type, for example ``uint8``.
        highest: the highest pixel value there is; counts for floats only.

    Returns:
        The type's highest value for integers; 1 for floats that already lie within 0 … 1,
        else the highest value.
    """
    if np.issubdtype(np.dtype(dtype), np.integer):
        return float(np.iinfo(np.dtype(dtype)).max)
    return 1.0 if highest <= 1 else float(highest)


def normalise(
    pixels: NDArray[np.generic],
    normalisation: Normalisation,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Bring pixels to mean 0 and spread 1 per band: ``(pixel / scale - mean) / std``.

    Pixels that are not valid, and pixels that are not finite numbers, become 0, which is what an
    average pixel becomes.

    Args:
        pixels: shape (bands, rows, cols), any number type.
        normalisation: scale, and mean and std of the scaled pixels per band.
        valid: shape (rows, cols), False where there is no data; None where all is valid.

    Returns:
        A new float32 array of the same shape.

    Raises:
        ValueError: if the number of bands differs from the normalisation's, or the shapes differ.

    Example:
        >>> from types import SimpleNamespace
        >>> half = SimpleNamespace(scale=255.0, mean=(0.5,), std=(0.25,))
        >>> normalise(np.array([[[0, 255]]], np.uint8), half, np.array([[True, False]]))
        array([[[-2.,  0.]]], dtype=float32)
    """
    mean = np.asarray(normalisation.mean, np.float64)
    std = np.asarray(normalisation.std, np.float64)
    if pixels.ndim != 3 or len(pixels) != len(mean):
        raise ValueError(f"expected {len(mean)} bands (bands, rows, cols), got {pixels.shape}")
    if valid is not None and valid.shape != pixels.shape[1:]:
        raise ValueError(f"valid is {valid.shape} and the pixels are {pixels.shape[1:]}")
    # One multiply and one add in float32; the factors are worked out in float64.
    gain = (1.0 / (normalisation.scale * std)).astype(np.float32)
    offset = (-mean / std).astype(np.float32)
    result = pixels.astype(np.float32)
    result *= gain[:, None, None]
    result += offset[:, None, None]
    if not np.issubdtype(pixels.dtype, np.integer):
        np.nan_to_num(result, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    if valid is not None and not valid.all():
        result[:, ~valid] = 0.0
    return result
