"""Strips hold what blocks brought, each row once, in whole heights."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.grid import Window, blocks
from geocity.core.strips import Strips


@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    block=st.integers(1, 12),
    height=st.integers(1, 12),
    layers=st.sampled_from([(), (2,)]),
)
def test_blocks_in_strips_out(shape, block, height, layers):
    values = np.arange(np.prod((*layers, *shape))).reshape((*layers, *shape))
    written = []
    strips = Strips(
        shape,
        layers,
        np.int64(-1),
        height=height,
        write=lambda v, w: written.append((v.copy(), w)),
    )
    for window in blocks(shape, block):
        strips.add(values[(..., *window.slices)], window)
    expected = [Window(w.row, 0, w.rows, shape[1]) for w in blocks(shape, (height, shape[1]))]
    assert [w for _, w in written] == expected
    np.testing.assert_array_equal(np.concatenate([v for v, _ in written], axis=-2), values)
