"""A border that winds through every row and column of a raster."""

import numpy as np


def spiral():
    """Return a spiral of ones on zeros, one cell wide, uint8 (41, 41)."""
    values = np.zeros((41, 41), np.uint8)
    row, col, turn = 0, 0, 0
    steps = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    for length in [40, 40, 40, *(side for side in range(38, 0, -2) for _ in (0, 1))]:
        for _ in range(length):
            values[row, col] = 1
            row, col = row + steps[turn][0], col + steps[turn][1]
        turn = (turn + 1) % 4
    return values
