"""Bands traced one by one and joined give the polygons of the whole raster."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geocity.core.bands import BandJoiner, bands
from geocity.core.seams import PolygonTracer
from tests.core.spirals import spiral

rasters = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 16), st.integers(1, 14)), elements=st.integers(0, 2)
)
sparse_rasters = hnp.arrays(
    np.uint8, st.tuples(st.integers(4, 24), st.integers(4, 24)), elements=st.integers(0, 1)
)


def told(batches, with_probability):
    """Return what is told of every polygon, in order."""
    found = []
    for batch in batches:
        summary = (
            np.stack(batch.tally.summary(len(batch))).T.tolist()
            if with_probability
            else [None] * len(batch)
        )
        outlines = [outline.wkb for outline in batch.outlines().geometries()]
        found += zip(batch.values.tolist(), batch.n_px.tolist(), outlines, summary, strict=True)
    return found


def trace_whole(values, classes, probability=None):
    tracer = PolygonTracer(values.shape[1], classes, with_probability=probability is not None)
    return [tracer.feed(values, probability), tracer.finish()]


def trace_bands(values, classes, heights, strip, probability=None):
    """Trace each band strip by strip, join them, and sort what leaves with each band."""
    likely = probability is not None
    joiner, row, batches = BandJoiner(with_probability=likely), 0, []
    while row < len(values):
        end = min(len(values), row + heights[len(batches) % len(heights)])
        tracer = PolygonTracer(
            values.shape[1],
            classes,
            with_probability=likely,
            above=values[row - 1] if row else None,
            first_row=row,
        )
        own = [
            tracer.feed(
                values[top : min(end, top + strip)],
                probability[top : min(end, top + strip)] if likely else None,
            )
            for top in range(row, end, strip)
        ]
        if end == len(values):
            own.append(tracer.finish())
        own.append(joiner.add(tracer.unfinished()))
        features = told(own, likely)
        places = np.concatenate([batch.places() for batch in own])
        assert len(set(places.tolist())) == len(places)
        batches.append([features[i] for i in np.argsort(places)])
        row = end
    return [feature for batch in batches for feature in batch]


@settings(max_examples=30)
@given(rasters, st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(1, 4))
def test_bands_leave_no_trace(values, heights, strip):
    whole = told(trace_whole(values, (1, 2)), False)
    assert trace_bands(values, (1, 2), heights, strip) == whole


@settings(max_examples=30)
@given(sparse_rasters, st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(1, 4))
def test_bands_of_one_class_leave_no_trace(values, heights, strip):
    for classes in ((1,), (0, 1)):
        whole = told(trace_whole(values, classes), False)
        assert trace_bands(values, classes, heights, strip) == whole


@settings(max_examples=30)
@given(rasters, st.integers(1, 6), st.data())
def test_probabilities_are_those_of_the_whole(values, height, data):
    seed = data.draw(st.integers(0, 99))
    probability = np.random.default_rng(seed).integers(0, 256, values.shape).astype(np.uint8)
    whole = told(trace_whole(values, (1, 2), probability), True)
    found = trace_bands(values, (1, 2), [height], 2, probability)
    assert repr(found) == repr(whole)  # NaN equals NaN


def test_a_spiral_through_every_band():
    values = spiral()
    for heights in ([1], [4], [7, 3], [40]):
        whole = told(trace_whole(values, (0, 1)), False)
        assert trace_bands(values, (0, 1), heights, 3) == whole


def test_a_band_that_does_not_follow_is_refused():
    tracer = PolygonTracer(3, (1,), above=np.ones(3, np.uint8), first_row=5)
    tracer.feed(np.ones((2, 3), np.uint8))
    with pytest.raises(ValueError, match="1 runs above it follows one with 0"):
        BandJoiner().add(tracer.unfinished())


def test_bands_are_whole_rows_of_blocks():
    found = list(bands((5000, 12_000), 16_000_000))
    assert [band.rows for band in found] == [1536, 1536, 1536, 392]
    assert all(band.col == 0 and band.cols == 12_000 for band in found)
    assert [band.rows for band in bands((1000, 1_000_000), 16_000_000)] == [512, 488]
