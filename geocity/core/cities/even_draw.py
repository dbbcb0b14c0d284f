"""Fewer patches, drawn so that every site keeps its say."""

import numpy as np
from numpy.typing import NDArray


def even_draw(group: NDArray[np.integer], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw members of groups at random, as evenly over the groups as their sizes allow.

    Every group gives its first member before any gives its second, and so on.

    Args:
        group: (n,), the group of each.
        most: how many may be drawn; where there are no more, all are.
        rng: the source of chance.

    Returns:
        The drawn ones, rising.
    """
    number = len(group)
    if number <= most:
        return np.arange(number)
    chance = rng.random(number)
    order = np.lexsort((chance, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=group[order[0]] - 1))
    sizes = np.diff(starts, append=number)
    turn = np.empty(number, np.int64)
    turn[order] = np.arange(number) - np.repeat(starts, sizes)
    return np.sort(np.lexsort((chance, turn))[:most])
