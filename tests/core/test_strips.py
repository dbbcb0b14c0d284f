"""Strips hold what blocks brought, each row once, in whole heights."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.grid import blocks
from geocity.core.strips import Strips


@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    block=st.integers(1, 12),
    piece=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    layers=st.sampled_from([(), (2,)]),
)
def test_blocks_in_pieces_out(shape, block, piece, layers):
    values = np.arange(np.prod((*layers, *shape))).reshape((*layers, *shape))
    out = np.full_like(values, -1)
    windows = []

    def write(part, window):
        windows.append(window)
        out[(..., *window.slices)] = part

    strips = Strips(shape, layers, np.int64, piece=piece, write=write)
    for window in blocks(shape, block):
        strips.add(values[(..., *window.slices)], window)
    assert windows == list(blocks(shape, piece))
    np.testing.assert_array_equal(out, values)


def test_only_what_is_incomplete_is_held():
    strips = Strips((1000, 10), (), np.uint8, piece=(16, 10), write=lambda *_: None)
    for window in blocks((1000, 10), 5):
        strips.add(np.zeros(window.shape, np.uint8), window)
        assert len(strips._held) + len(strips._spare) <= 2
