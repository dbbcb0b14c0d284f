from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geocity.core.classes import NODATA
from geocity.core.overviews import halved

RASTERS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.sampled_from([0, 1, 2, 3, 254, NODATA]),
)


def slowly_halved(values):
    rows, cols = values.shape
    result = np.empty((-(-rows // 2), -(-cols // 2)), np.uint8)
    for i, j in np.ndindex(result.shape):
        cells = values[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].ravel().tolist()
        votes = Counter(cell for cell in cells if cell != NODATA)
        # Counter keeps the order of first occurrence, and most_common that of equals.
        result[i, j] = votes.most_common(1)[0][0] if votes else NODATA
    return result


@given(RASTERS)
def test_the_most_frequent_class_stays(values):
    np.testing.assert_array_equal(halved(values), slowly_halved(values))


@given(RASTERS, st.integers(0, 4), st.integers(0, 4))
def test_pieces_make_the_whole(values, row, col):
    rows, cols = values.shape
    row, col = (min(2 * at, length - 1) // 2 * 2 for at, length in ((row, rows), (col, cols)))
    whole = halved(values)
    np.testing.assert_array_equal(halved(values[row:, col:]), whole[row // 2 :, col // 2 :])
