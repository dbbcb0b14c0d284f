"""Values known at the nodes of a lattice, wanted for every cell of a window between them."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def between_nodes(table: Floats, rows: Floats, cols: Floats) -> Floats:
    """Interpolate a lattice linearly down and across.

    Args:
        table: (lattice rows, lattice cols) values at the nodes.
        rows: places of the wanted rows, in nodes from the first; beyond the last node its value
            holds.
        cols: places of the wanted columns.

    Returns:
        (rows, cols).
    """
    upper, down = _place(rows, table.shape[0])
    left, right = _place(cols, table.shape[1])
    lines = table[upper] * (1 - down)[:, None] + table[upper + 1] * down[:, None]
    return np.asarray(lines[:, left] * (1 - right) + lines[:, left + 1] * right)


def _place(places: Floats, count: int) -> tuple[NDArray[np.int64], Floats]:
    if count < 2:
        raise ValueError(f"a lattice needs two nodes on each axis, got {count}")
    held = np.clip(places, 0, count - 1)
    first = np.minimum(held.astype(np.int64), count - 2)
    return first, held - first
