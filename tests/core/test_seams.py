"""Polygons from strips against `rasterio.features.shapes` and against plain counting."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rasterio.features import rasterize, shapes
from scipy import ndimage
from shapely.geometry import shape

from geocity.core.probability_tally import ProbabilityTally
from geocity.core.seams import PolygonTracer
from tests.core.spirals import spiral

rasters = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3)
)
sparse_rasters = hnp.arrays(
    np.uint8, st.tuples(st.integers(4, 24), st.integers(4, 24)), elements=st.integers(0, 1)
)


def trace(values, classes=(1,), rows=None, probability=None):
    """Return (class, pixels, geometry, mean, tenth) of every polygon, in order."""
    tracer = PolygonTracer(values.shape[1], classes, with_probability=probability is not None)
    rows = rows or len(values)
    batches = [
        tracer.feed(
            values[row : row + rows], None if probability is None else probability[row : row + rows]
        )
        for row in range(0, len(values), rows)
    ]
    batches.append(tracer.finish())
    found = []
    for batch in batches:
        means, tenths = (batch.tally or ProbabilityTally()).summary(len(batch))
        outlines = batch.outlines().geometries()
        found += zip(
            batch.values.tolist(), batch.n_px.tolist(), outlines, means, tenths, strict=True
        )
    return found


def as_set(pairs):
    return sorted((value, shapely.normalize(geometry).wkt) for value, geometry in pairs)


def test_pixels_that_meet_at_a_corner_are_four_polygons():
    found = trace(np.array([[1, 0], [0, 1]], np.uint8), classes=(0, 1))
    assert sorted(value for value, *_ in found) == [0, 0, 1, 1]
    assert all(n == 1 for _, n, *_ in found)


def test_a_ring_is_a_polygon_with_a_hole_and_one_for_the_hole():
    ring = np.ones((3, 3), np.uint8)
    ring[1, 1] = 0
    found = {value: geometry for value, _, geometry, *_ in trace(ring, classes=(0, 1))}
    assert len(found[1].interiors) == 1
    assert found[0].equals(shapely.Polygon(found[1].interiors[0]))


def test_nested_rings_keep_their_own_holes():
    nested = np.zeros((9, 9), np.uint8)
    for margin, value in ((1, 1), (2, 0), (3, 1), (4, 0)):
        nested[margin:-margin, margin:-margin] = value
    for rows in (1, 2, 9):
        found = trace(nested, rows=rows)
        assert sorted(n for _, n, *_ in found) == [8, 24]
        assert all(len(geometry.interiors) == 1 for _, _, geometry, *_ in found)


def test_holes_that_meet_at_a_corner_stay_two_holes():
    values = np.ones((4, 4), np.uint8)
    values[1, 1] = values[2, 2] = 0
    for rows in (1, 4):
        ((_, n, geometry, *_),) = trace(values, rows=rows)
        assert n == 14
        assert len(geometry.interiors) == 2
        assert geometry.is_valid


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_hole_that_opens_at_a_corner_far_above_its_seam(rows):
    # Two arms meet at a corner in row 1 and are joined only at the bottom.
    values = np.array(
        [[0, 0, 1, 1, 1], [1, 1, 0, 0, 1], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]],
        np.uint8,
    )
    ((_, n, geometry, *_),) = trace(values, rows=rows)
    assert (n, geometry.area) == (15, 15)
    assert len(geometry.interiors) == 1
    assert geometry.is_valid


@pytest.mark.parametrize("value", [0, 1])
def test_one_value_everywhere_is_one_rectangle_or_nothing(value):
    found = trace(np.full((5, 7), value, np.uint8), rows=2)
    assert [geometry.wkt for _, _, geometry, *_ in found] == [
        "POLYGON ((0 0, 0 5, 7 5, 7 0, 0 0))"
    ] * value


@settings(max_examples=120)
@given(rasters, st.integers(1, 12))
def test_equals_outlinesof_the_whole_raster(values, rows):
    expected = [(int(v), shape(g)) for g, v in shapes(values, mask=values > 0, connectivity=4)]
    found = trace(values, (1, 2, 3), rows=rows)
    assert as_set((v, g) for v, _, g, *_ in found) == as_set(expected)


@settings(max_examples=60)
@given(sparse_rasters)
def test_strips_leave_no_trace(values):
    whole = [(v, n, g.wkb) for v, n, g, *_ in trace(values)]
    for rows in (1, 2, 3, 7):
        assert [(v, n, g.wkb) for v, n, g, *_ in trace(values, rows=rows)] == whole


@settings(max_examples=50)
@given(rasters, st.integers(1, 5))
def test_burning_the_polygons_gives_the_raster(values, rows):
    found = trace(values, (0, 1, 2, 3), rows=rows)
    burnt = rasterize([(g, v) for v, _, g, *_ in found], out_shape=values.shape, fill=9)
    np.testing.assert_array_equal(burnt, values)
    assert all(geometry.is_valid for _, _, geometry, *_ in found)
    assert all(geometry.area == n for _, n, geometry, *_ in found)


def test_a_raster_wider_than_sixteen_bits():
    values = np.zeros((3, 70_000), np.uint8)
    values[:, [0, 65_534, 65_535, 65_536, 65_537, 69_999]] = 1
    values[1, 1000:69_000] = 1
    found = trace(values, rows=1)
    expected = [(1, shape(g)) for g, _ in shapes(values, mask=values > 0, connectivity=4)]
    assert as_set((v, g) for v, _, g, *_ in found) == as_set(expected)


def test_a_spiral_through_every_seam():
    values = spiral()
    expected = [(1, shape(g)) for g, _ in shapes(values, mask=values > 0, connectivity=4)]
    for rows in (1, 4, 41):
        assert as_set((v, g) for v, _, g, *_ in trace(values, rows=rows)) == as_set(expected)


@settings(max_examples=60)
@given(rasters, st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_probabilities_are_exact_over_the_pixels(values, seed, rows):
    probability = np.random.default_rng(seed).integers(0, 256, values.shape).astype(np.uint8)
    found = trace(values, (1, 2), rows=rows, probability=probability)
    for value, n, geometry, mean, tenth in found:
        inside = rasterize([geometry], out_shape=values.shape) == 1
        assert (values[inside] == value).all()
        assert inside.sum() == n
        known = probability[inside & (probability < 255)] / 254
        if len(known):
            assert mean == pytest.approx(known.mean())
            assert tenth == pytest.approx(np.percentile(known, 10))
        else:
            assert np.isnan(mean)
            assert np.isnan(tenth)


@given(sparse_rasters)
def test_every_region_is_one_polygon_in_order_of_its_lowest_edge(values):
    found = trace(values)
    assert len(found) == ndimage.label(values)[1]
    bottoms = [geometry.bounds[3] for _, _, geometry, *_ in found]
    assert bottoms == sorted(bottoms)


@pytest.mark.parametrize("classes", [(), (255,), (-1,)])
def test_refuses_classes_that_are_no_class(classes):
    with pytest.raises(ValueError, match="0 to 254"):
        PolygonTracer(3, classes)


def test_refuses_strips_of_another_width():
    tracer = PolygonTracer(3, (1,), with_probability=True)
    with pytest.raises(ValueError, match="3 columns"):
        tracer.feed(np.zeros((2, 4), np.uint8))
    with pytest.raises(ValueError, match="shape of the strip"):
        tracer.feed(np.zeros((2, 3), np.uint8))
