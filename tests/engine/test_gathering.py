"""Pixels of a span, in any pieces and any order, become its parts."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from geocity.core.grid import Window, blocks
from geocity.engine import gathering
from geocity.engine.gathering import Gathering
from geocity.engine.plan import plan_parts


@pytest.fixture(params=[0, 100, 1 << 20], autouse=True, scope="module")
def plain(request):
    """Compress everything, something, nothing."""
    former, gathering._PLAIN_BYTES = gathering._PLAIN_BYTES, request.param
    yield
    gathering._PLAIN_BYTES = former


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.randoms(use_true_random=False),
)
def test_every_part_gets_its_pixels(shape, piece, random):
    values = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(np.uint8)
    parts = plan_parts(shape, 8)
    rows, cols = (list(range(n)) for n in (-(-shape[0] // 8), -(-shape[1] // 8)))
    rows, cols = (span[len(span) // 3 :] for span in (rows, cols))
    span = [part for part in parts if part.row in rows and part.col in cols]
    first, last = span[0].window, span[-1].window
    window = Window(first.row, first.col, last.row_end - first.row, last.col_end - first.col)
    held = Gathering(span, {"one": 1, "two": 2})
    pieces = [(name, b) for name in ("one", "two") for b in blocks(window.shape, piece)]
    random.shuffle(pieces)
    found = {}
    for name, block in pieces:
        own = values[(slice(None), *block.shift(window.row, window.col).slices)]
        held.add(name, own[0] if name == "one" else own[1:], block)
        found |= dict(held.whole())
    assert set(found) == set(span)
    for part, rasters in found.items():
        np.testing.assert_array_equal(rasters["one"], values[(slice(0, 1), *part.window.slices)])
        np.testing.assert_array_equal(rasters["two"], values[(slice(1, 3), *part.window.slices)])
    assert held._plain == 0
    assert not held._held
