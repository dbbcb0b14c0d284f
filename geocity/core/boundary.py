"""Boundary F1: how many border pixels lie within a tolerance of the other map's border.

IoU says little about outlines: a large settlement with a ragged border scores well. Following
Csurka et al. (2013), "What is a good evaluation measure for semantic segmentation?", BMVC:
precision is the share of predicted border pixels with a true border pixel no farther than the
tolerance, recall the share of true ones with a predicted one, and F1 their harmonic mean.

A border pixel of a class is a pixel of the class with one of its four neighbours in another
class. The edge of the picture and pixels without a true class (255) border nothing: where a
chip is cut, or knowledge ends, there is no outline to find.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geocity.core.classes import NODATA
from geocity.core.grid import Window
from geocity.core.metrics import ratio

_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BoundaryCounts:
    """Border pixels of a class and how many of them were met; counts of pieces add up.

    Attributes:
        true_px: border pixels in the truth.
        true_met: those with a predicted border pixel within the tolerance.
        predicted_px: border pixels in the prediction.
        predicted_met: those with a true border pixel within the tolerance.
    """

    true_px: int = 0
    true_met: int = 0
    predicted_px: int = 0
    predicted_met: int = 0

    def __add__(self, other: "BoundaryCounts") -> "BoundaryCounts":
        """Return the counts of both pieces."""
        return BoundaryCounts(
            self.true_px + other.true_px,
            self.true_met + other.true_met,
            self.predicted_px + other.predicted_px,
            self.predicted_met + other.predicted_met,
        )

    @property
    def precision(self) -> float | None:
        """Share of the predicted border that follows a true one; None if none was predicted."""
        return ratio(self.predicted_met, self.predicted_px)

    @property
    def recall(self) -> float | None:
        """Share of the true border that was followed; None if there is none."""
        return ratio(self.true_met, self.true_px)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None if neither map has a border, 0 if only one has."""
        if not self.true_px or not self.predicted_px:
            return 0.0 if self.true_px or self.predicted_px else None
        precision = self.predicted_met / self.predicted_px
        recall = self.true_met / self.true_px
        return ratio(2 * precision * recall, precision + recall) or 0.0


def boundary_counts(
    truth: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    value: int,
    tolerance_px: float,
    core: Window | None = None,
) -> BoundaryCounts:
    """Count the border pixels of a class and those that the other map meets.

    Args:
        truth: class values, uint8 (rows, cols), 255 where unknown.
        predicted: class values of the same shape; where the truth is unknown it is ignored.
        value: the class.
        tolerance_px: largest distance between pixel centres, in pixels; 0 asks for the same pixel.
        core: count only the pixels of this window, the rest being context. A raster is counted in
            blocks exactly if each comes with :func:`halo` pixels around its core.

    Returns:
        The counts.

    Raises:
        ValueError: if the shapes differ or the tolerance is negative.
    """
    if truth.shape != predicted.shape or truth.ndim != 2:
        raise ValueError(f"truth is {truth.shape} and the prediction is {predicted.shape}")
    if not tolerance_px >= 0:
        raise ValueError(f"a tolerance must be 0 pixels or more, got {tolerance_px}")
    known = (truth != NODATA) & (predicted != NODATA)
    true_border = border(truth == value, known)
    predicted_border = border(predicted == value, known)
    inside = (core or Window(0, 0, truth.shape[0], truth.shape[1])).slices
    true_core, predicted_core = true_border[inside], predicted_border[inside]
    return BoundaryCounts(
        true_px=int(true_core.sum()),
        true_met=int((true_core & near(predicted_border, tolerance_px)[inside]).sum()),
        predicted_px=int(predicted_core.sum()),
        predicted_met=int((predicted_core & near(true_border, tolerance_px)[inside]).sum()),
    )


def halo(tolerance_px: float) -> int:
    """Return how many pixels of context a block needs for exact counts."""
    return math.ceil(tolerance_px) + 1


def border(inside: _Mask, known: _Mask) -> _Mask:
    """Return the pixels of a set with a known 4-neighbour outside it.

    Args:
        inside: the set, bool (rows, cols).
        known: False where nothing is known; such pixels belong to no border and make none.
    """
    outside = known & ~inside
    touched = np.zeros_like(inside)
    touched[1:] |= outside[:-1]
    touched[:-1] |= outside[1:]
    touched[:, 1:] |= outside[:, :-1]
    touched[:, :-1] |= outside[:, 1:]
    return touched & inside & known


def near(marked: _Mask, tolerance_px: float) -> _Mask:
    """Return the pixels whose nearest marked pixel is no farther than the tolerance."""
    if not marked.any():
        return np.zeros_like(marked)
    distances = ndimage.distance_transform_edt(~marked)
    # A hair of slack: 5.0 must reach (3, 4) whatever the last bit of a square root is.
    return np.asarray(distances <= tolerance_px + 1e-9)
