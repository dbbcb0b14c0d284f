"""Which learning rate a range test suggests.

The rule of ArcGIS's ``lr_find``: not the steepest point, nor a tenth of the lowest, but about the
middle of the longest falling stretch.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

MIN_RATE = 1e-6
MAX_RATE = 1.0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A learning rate and why.

    Attributes:
        index: position of the suggestion among the points.
        rate: the learning rate there.
        start: first point of the falling stretch.
        end: last point of the falling stretch.
    """

    index: int
    rate: float
    start: int
    end: int


def range_test_rate(step: int, steps: int) -> float:
    """Return the learning rate of a step: exponentially from 1e-6 towards 1.

    Example:
        >>> range_test_rate(75, 150)
        0.001
    """
    return round(MIN_RATE * math.pow(MAX_RATE / MIN_RATE, step / steps), 15)


def smooth_losses(losses: Sequence[float], *, beta: float = 0.98) -> list[float]:
    """Smooth losses exponentially, corrected for the start from zero.

    Example:
        >>> smooth_losses([2.0, 2.0, 2.0])
        [2.0, 2.0, 2.0]
    """
    average, smoothed = 0.0, []
    for step, loss in enumerate(losses, start=1):
        average = beta * average + (1 - beta) * loss
        smoothed.append(round(average / (1 - beta**step), 12))
    return smoothed


def longest_falling_end(losses: Sequence[float]) -> tuple[int, int]:
    """Find the longest strictly falling subsequence, whose members need not be neighbours.

    Of several equally long ones, the one whose last member comes first counts.

    Returns:
        The position of its last member, and its length.

    Raises:
        ValueError: if there are no losses.
    """
    if not losses:
        raise ValueError("no losses to look at")
    # Patience sorting: lowest[n] is the negated highest last loss of a falling run of n + 1.
    lowest: list[float] = []
    end, length = 0, 0
    for position, loss in enumerate(losses):
        place = bisect_left(lowest, -loss)
        lowest[place : place + 1] = [-loss]
        if place + 1 > length:
            end, length = position, place + 1
    return end, length


def suggest_rate(rates: Sequence[float], losses: Sequence[float], *, skip: int = 5) -> Suggestion:
    """Suggest a learning rate from a range test.

    Among the points without the first and last ``skip`` it takes the longest strictly falling
    subsequence of losses; with ``end`` its last position and L its length, ``start = end - L``,
    and the suggestion lies at ``start + third + third // 2`` where ``third`` is a third of L.

    Args:
        rates: rising learning rates.
        losses: the smoothed loss at each.
        skip: points left out at either end.

    Raises:
        ValueError: if the lengths differ, or no point is left.
    """
    if len(rates) != len(losses):
        raise ValueError(f"{len(rates)} rates and {len(losses)} losses")
    kept = losses[skip : len(losses) - skip]
    end, length = longest_falling_end(kept)
    start = end - length  # one before the stretch when nothing interrupts it
    third = (end - start) / 3
    index = skip + start + int(third) + int(third / 2)
    return Suggestion(index, rates[index], skip + start, skip + end)
