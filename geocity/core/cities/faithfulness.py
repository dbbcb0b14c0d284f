"""Is a heat map true to the network? Four measures.

* **Average drop and increase**: the network sees only what the map calls important. Lee et al.
  (CVPR 2021) and Chattopadhay et al. (WACV 2018) differ in what the drop is divided by, so both
  are given by name.
* **Deletion and insertion** (Petsiuk, Das, Saenko: *RISE*, BMVC 2018): pixels are taken away, or
  put back, most important first; the area under the probability says how quickly it falls or
  rises.
* **The redraw check** (Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018): when the
  weights of the head are drawn anew, the map must change. A map that does not shows what is in the
  image, not why it got its class.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from geocity.core.cities.heat import Maps, scaled

KEPT_SHARE = 0.5
"""Share of the pixels that a network may keep when the average drop is measured."""

REDRAW_LIMIT = 0.4
"""Rank agreement before and after redrawing the head from which on a map is not believed."""


@dataclass(frozen=True, slots=True)
class AverageDrop:
    """How much of the probability goes when only what is important is left.

    Attributes:
        per_image: mean relative drop in percent, over all images (Grad-CAM++, torchcam).
        per_dropped: the same sum divided by the number of images that dropped (the published
            code of Relevance-CAM); 0 where none did.
        increase: percentage of the images that did not drop.
        images: number of images.
        dropped: number of images that dropped.
    """

    per_image: float
    per_dropped: float
    increase: float
    images: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """How true the maps of one method at one layer are.

    Attributes:
        method: such as ``relevance-cam``.
        layer: of the network.
        drop: what is lost when only the important half of the pixels is left, weighted.
        deletion: mean probability while the most important pixels go, see `curve_shares`.
        insertion: the same while they come back to a blurred image.
        redraw: mean rank agreement of maps before and after redrawing the head; None where every
            map was flat.
    """

    method: str
    layer: str
    drop: AverageDrop
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    redraw: float | None

    @property
    def deletion_area(self) -> float:
        """Return the area under the deletion curve; low is good."""
        return curve_area(self.deletion)

    @property
    def insertion_area(self) -> float:
        """Return the area under the insertion curve; high is good."""
        return curve_area(self.insertion)

    @property
    def depends_on_head(self) -> bool | None:
        """Tell whether the redraw check is passed: the map changes with what it explains."""
        return None if self.redraw is None else self.redraw < REDRAW_LIMIT


def keep_top(maps: Maps, share: float = KEPT_SHARE) -> NDArray[np.float64]:
    """Return what an image is multiplied by: each map scaled to 0 … 1, its lower part set to 0.

    Args:
        maps: shape (images, rows, cols).
        share: of the pixels, counted from the highest, that stay above 0.
    """
    weights = scaled(maps)
    limit = np.quantile(weights, 1 - share, axis=(1, 2), keepdims=True)
    return np.where(weights >= limit, weights, 0.0)


def average_drop(before: Sequence[float], after: Sequence[float]) -> AverageDrop:
    """Compare the probability of the class for whole images and for what the map leaves.

    Args:
        before: one an image, above 0.
        after: one an image.

    Raises:
        ValueError: if there is no image, or the numbers do not pair up.
    """
    first, second = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if first.shape != second.shape or not len(first):
        raise ValueError(f"cannot compare {first.shape} with {second.shape} probabilities")
    drop = np.clip(first - second, 0, None) / first
    dropped = int((second < first).sum())
    total = 100 * float(drop.sum())
    count = len(first)
    increase = 100 * (1 - dropped / count)
    return AverageDrop(total / count, total / dropped if dropped else 0.0, increase, count, dropped)


def ranks(values: Maps) -> NDArray[np.int64]:
    """Return the place of every pixel when the most important comes first, 0 to pixels - 1.

    Ties are broken by position, row by row.

    Args:
        values: one map (rows, cols).
    """
    order = np.argsort(-values.ravel(), kind="stable")
    places = np.empty(order.size, np.int64)
    places[order] = np.arange(order.size)
    return places.reshape(values.shape)


def first_pixels(places: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Return which pixels are among the given share, most important first."""
    return places < round(share * places.size)


def curve_shares(steps: int) -> tuple[float, ...]:
    """Return the shares at which a deletion or insertion curve is measured, 0 and 1 included."""
    if steps < 1:
        raise ValueError(f"a curve needs at least one step, got {steps}")
    return tuple(step / steps for step in range(steps + 1))


def curve_area(probabilities: Sequence[float] | NDArray[np.floating]) -> float:
    """Return the area under a curve of evenly spaced points over the shares 0 to 1."""
    values = np.asarray(probabilities, np.float64)
    return float((values[1:] + values[:-1]).mean() / 2)


def rank_agreement(first: Maps, second: Maps) -> NDArray[np.float64]:
    """Return Spearman's rank correlation of two maps, image by image; NaN where one is flat.

    Args:
        first: shape (images, rows, cols).
        second: same shape.
    """
    agreement = np.full(len(first), math.nan)
    for index, pair in enumerate(zip(first, second, strict=True)):
        a, b = (scipy.stats.rankdata(one) for one in pair)
        if np.ptp(a) and np.ptp(b):
            agreement[index] = np.corrcoef(a, b)[0, 1]
    return agreement
