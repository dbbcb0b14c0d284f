"""Parts cover a raster once; spans are rectangles that hold the missing parts once."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from geocity.core.grid import Window
from geocity.engine.plan import WIDEST_SPAN, plan_parts, span_window, spans

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(shapes, st.integers(1, 9))
def test_parts_cover_every_pixel_once(shape, side):
    parts = plan_parts(shape, side)
    seen = np.zeros(shape, int)
    for index, part in enumerate(parts):
        assert part.index == index
        assert (part.window.row, part.window.col) == (part.row * side, part.col * side)
        seen[part.window.slices] += 1
    assert (seen == 1).all()
    assert len({part.name for part in parts}) == len(parts)


@given(shapes, st.data(), st.none() | st.integers(1, 30), st.integers(1, 5))
def test_spans_are_rectangles_of_the_missing_parts(shape, data, limit, widest):
    parts = plan_parts(shape, 4)
    missing = data.draw(st.lists(st.sampled_from(parts), unique=True))
    found = spans(missing, limit=limit, widest=widest)
    assert sorted(p.index for span in found for p in span) == sorted(p.index for p in missing)
    for span in found:
        window = span_window(span)
        assert sum(p.window.rows * p.window.cols for p in span) == window.rows * window.cols
        assert all(window.contains(p.window) for p in span)
        assert [p.index for p in span] == sorted(p.index for p in span)
        assert max(p.col for p in span) - min(p.col for p in span) < widest
        assert limit is None or len(span) <= limit


def test_an_undisturbed_raster_is_one_span():
    parts = plan_parts((20_000, 20_000))
    assert spans(parts) == [parts]
    assert len(spans(plan_parts((4096, 2048 * WIDEST_SPAN)))) == 1
    assert len(spans(plan_parts((4096, 2048 * WIDEST_SPAN + 1)))) == 2


def test_what_a_dead_run_left_is_few_spans():
    """A stream that died in row 2 leaves the rest of this row and the rows below."""
    parts = plan_parts((10, 10), 2)
    rest = parts[7:]  # rows of five: two parts of row 1 are done
    assert [len(span) for span in spans(rest)] == [3, 15]


@pytest.mark.parametrize(("limit", "windows"), [(13, 2), (25, 1), (5, 5), (1, 25)])
def test_two_workers_share_a_raster_in_broad_bands(limit, windows):
    """Bands as wide as the raster read least beyond their edges."""
    found = spans(plan_parts((10, 10), 2), limit=limit)
    assert len(found) >= windows
    if limit == 13:
        assert {span_window(span).cols for span in found} == {10}


def test_the_window_of_a_span():
    parts = plan_parts((9, 9), 4)
    assert span_window((parts[4], parts[5], parts[7], parts[8])) == Window(4, 4, 5, 5)
