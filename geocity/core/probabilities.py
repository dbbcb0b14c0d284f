"""From a network's logits to probabilities, and from those to one class per pixel."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geocity.core.classes import NODATA

# Below exp(-87) float32 has nothing left; beyond it exp overflows.
_STEEPEST = 87.0


def layers_needed(classes: int) -> int:
    """Return how many layers of probability tell everything: one for two classes.

    The probability of the first class is what is missing to 1.
    """
    return 1 if classes == 2 else classes


def probabilities(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float32]:
    """Turn logits into probabilities: the soft-max over classes.

    Args:
        logits: shape (classes, rows, cols).
        temperature: logits are divided by it; above 1 makes probabilities less sure.

    Returns:
        New array: the probability of every class, shape (classes, rows, cols), or of the second
        class alone, shape (1, rows, cols), where there are two.

    Example:
        >>> probabilities(np.zeros((2, 1, 1), np.float32)).tolist()
        [[[0.5]]]
    """
    sharpness = np.float32(1 / temperature)
    if len(logits) == 2:
        odds = logits[:1] - logits[1:]  # (1, rows, cols)
        odds *= sharpness
        np.clip(odds, -_STEEPEST, _STEEPEST, out=odds)
        np.exp(odds, out=odds)
        odds += 1
        second: NDArray[np.float32] = np.reciprocal(odds, out=odds)
        return second
    scores: NDArray[np.float32] = logits - logits.max(axis=0)
    scores *= sharpness
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=0)
    return scores


def decide(
    layers: NDArray[np.float32],
    values: Sequence[int],
    thresholds: Sequence[float] | None = None,
) -> NDArray[np.uint8]:
    """Give every pixel a class.

    Without thresholds it is the most probable one, the first of those that tie. With thresholds it
    is the most probable of the classes that reach theirs, background (value 0) left aside; where
    none does it is background, or nodata for a table that has no background.

    Args:
        layers: what `probabilities` gives, shape (layers, rows, cols).
        values: pixel value of each class, rising.
        thresholds: lowest probability at which each class is given.

    Returns:
        Class values, uint8 (rows, cols).

    Example:
        >>> slum = np.array([[[0.3, 0.6]]], np.float32)
        >>> decide(slum, (0, 1)), decide(slum, (0, 1), (0.25, 0.25))
        (array([[0, 1]], dtype=uint8), array([[1, 1]], dtype=uint8))
    """
    table = np.asarray(values, np.uint8)
    has_background = bool(table[0] == 0)
    chosen: NDArray[np.uint8]
    if len(table) == 2 and len(layers) == 1:
        if thresholds is None or has_background:
            is_second = layers[0] > 0.5 if thresholds is None else layers[0] >= thresholds[1]
            chosen = np.where(is_second, table[1], table[0])
            return chosen
        layers = np.concatenate([1 - layers, layers])
    if thresholds is None:
        chosen = np.take(table, layers.argmax(axis=0))
        return chosen
    first = int(has_background)
    limits = np.asarray(thresholds, np.float32)[first:, None, None]
    reached = np.where(layers[first:] >= limits, layers[first:], np.float32(-1))
    chosen = np.take(table[first:], reached.argmax(axis=0))
    chosen[reached.max(axis=0) < 0] = 0 if has_background else NODATA
    return chosen
