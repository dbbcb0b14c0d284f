import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rasterio.features import rasterize

from geocity.core.seams import PolygonTracer
from geocity.core.simplify import dice, simplify_coverage, vertex_count, with_meeting_points

rasters = hnp.arrays(
    np.uint8, st.tuples(st.integers(3, 14), st.integers(3, 14)), elements=st.integers(0, 2)
)


def outlines_of(values, classes=(0, 1, 2)):
    tracer = PolygonTracer(values.shape[1], classes)
    return tracer.feed(values).outlines().joined(tracer.finish().outlines())


def smooth_patches(size=96, seed=3):
    """Return a map of three classes with wavy borders."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:size, :size]
    centres = rng.uniform(0, size, (12, 2))
    wave = 3 * np.sin(rows / 7) + 3 * np.cos(cols / 5)
    distance = [np.hypot(rows - r + wave, cols - c - wave) for r, c in centres]
    return (np.argmin(distance, axis=0) % 3).astype(np.uint8)


@given(rasters)
@settings(max_examples=60)
def test_meeting_points_change_no_area_and_match_all_edges(values):
    outlines = outlines_of(values)
    noded = with_meeting_points(outlines)
    before, after = outlines.geometries(), noded.geometries()
    assert shapely.equals(before, after).all()
    assert shapely.coverage_is_valid(after)


def test_a_simplified_coverage_has_no_gaps():
    outlines = outlines_of(smooth_patches())
    simple = simplify_coverage(outlines, (0.8, 0.8), 2.0)
    assert shapely.is_valid(simple).all()
    assert shapely.coverage_is_valid(simple)
    assert shapely.get_num_coordinates(simple).sum() < len(outlines.cols) / 3
    whole = shapely.union_all(simple)
    assert whole.geom_type == "Polygon"
    assert not whole.interiors
    assert whole.area == pytest.approx(96 * 96, rel=0.01)


@given(rasters, st.floats(0.1, 5))
@settings(max_examples=60)
def test_simplified_polygons_are_valid_and_do_not_overlap(values, tolerance):
    outlines = outlines_of(values, (1, 2))
    if not len(outlines):
        return
    simple = simplify_coverage(outlines, (1.0, 1.0), tolerance)
    assert len(simple) == len(outlines)
    assert shapely.is_valid(simple).all()
    assert not shapely.is_empty(simple).any()
    overlap = shapely.area(simple).sum() - shapely.area(shapely.union_all(simple))
    assert overlap == pytest.approx(0, abs=1e-9)


@given(rasters, st.integers(4, 12))
@settings(max_examples=60)
def test_diced_pieces_burn_back(values, most):
    pieces = [p for g in outlines_of(values, (1,)).geometries() for p in dice(g, most)]
    assert all(vertex_count(p) <= most and p.is_valid for p in pieces)
    assert sum(p.area for p in pieces) == (values == 1).sum()
    if pieces:
        burnt = rasterize(pieces, out_shape=values.shape)
        np.testing.assert_array_equal(burnt, values == 1)


def test_dice_leaves_small_polygons_alone():
    square = shapely.box(0, 0, 5, 5)
    assert dice(square, 4) == [square]


def test_dice_needs_four_vertices():
    with pytest.raises(ValueError, match="at least 4"):
        dice(shapely.box(0, 0, 1, 1), 3)
