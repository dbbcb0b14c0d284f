"""Overlay of outlines: exact sums, the tolerance, and who lies in whom."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.outline_change import (
    areal,
    by_class,
    compare_outlines,
    overlaps_of,
    overlay_matrix,
    owners,
    parts_of,
)

AREA = shapely.box(-50, -50, 200, 200)


def blobs(seed, count=8):
    rng = np.random.default_rng(seed)
    corners, sizes = rng.uniform(0, 100, (count, 2)), rng.uniform(3, 40, (count, 2))
    angles = rng.uniform(0, 90, count)
    boxes = [
        shapely.affinity.rotate(shapely.box(x, y, x + w, y + h), angle)
        for (x, y), (w, h), angle in zip(corners, sizes, angles, strict=True)
    ]
    return np.array(boxes, dtype=object)


def one(*corners):
    """A box as the ground of the only group."""
    return np.array([shapely.box(*corners)], dtype=object)


def dissolved(polygons):
    return by_class(["slum"] * len(polygons), polygons, AREA)["slum"]


@given(st.integers(0, 2000), st.sampled_from([0.0, 2.0]), st.sampled_from([0.0, 30.0]))
def test_bookkeeping_and_exchange(seed, tolerance, least):
    before, after = dissolved(blobs(seed)), dissolved(blobs(seed + 1))
    asked = {"tolerance_m": tolerance, "min_area_m2": least}
    found, back = compare_outlines(before, after, **asked), compare_outlines(after, before, **asked)
    persistent = shapely.area(found.persistent).sum()
    growth, loss = shapely.area(found.growth).sum(), shapely.area(found.loss).sum()
    assert growth + found.absorbed_growth_m2 + persistent == pytest.approx(
        shapely.area(after).sum(), abs=0.02
    )
    assert loss + found.absorbed_loss_m2 + persistent == pytest.approx(
        shapely.area(before).sum(), abs=0.02
    )
    assert shapely.area(back.growth).sum() == pytest.approx(loss, abs=0.01)
    assert shapely.area(back.loss).sum() == pytest.approx(growth, abs=0.01)
    assert all(part.area >= least * 0.999 for part in (*found.growth, *found.loss))
    assert shapely.is_valid(np.concatenate([found.growth, found.loss, found.persistent])).all()


@given(st.integers(0, 2000))
def test_matrix_sums(seed):
    names = ["slum", "slum", "park", "park", "slum", "water", "park", "slum"]
    before = by_class(names, blobs(seed), AREA)
    after = by_class(names[::-1], blobs(seed + 1), AREA)
    kinds = ["park", "slum", "water"]
    matrix = overlay_matrix(before, after, AREA, kinds, "background")
    assert matrix.total_m2 == pytest.approx(AREA.area)
    for kind in kinds:
        assert matrix.before_m2(kind) == pytest.approx(shapely.area(before[kind]).sum())
        assert matrix.after_m2(kind) == pytest.approx(shapely.area(after[kind]).sum())
    back = overlay_matrix(after, before, AREA, kinds, "background")
    np.testing.assert_allclose(back.area_m2, matrix.area_m2.T, atol=1e-6)
    # No ground has two classes.
    ground = np.concatenate(list(before.values()))
    assert shapely.union_all(ground).area == pytest.approx(shapely.area(ground).sum())


def test_a_shifted_settlement_has_not_changed():
    before, after = one(0, 0, 50, 50), one(1, 1.5, 51, 51.5)
    found = compare_outlines(before, after, tolerance_m=2)
    assert not len(found.growth)
    assert not len(found.loss)
    assert found.absorbed_growth_m2 == pytest.approx(2500 - 49 * 48.5)
    assert len(compare_outlines(before, after, tolerance_m=1).growth)


def test_real_growth_counts_down_to_the_old_edge():
    before, after = one(0, 0, 50, 50), one(0, 0, 70, 51)
    found = compare_outlines(before, after, tolerance_m=2)
    assert shapely.area(found.growth).sum() == pytest.approx(20 * 51 + 2, abs=4)
    assert shapely.box(50.01, 0.01, 69, 49).within(shapely.union_all(found.growth).buffer(1e-6))
    assert found.absorbed_growth_m2 == pytest.approx(48, abs=4)


def test_who_lies_in_whom():
    settlements = parts_of(
        shapely.MultiPolygon([shapely.box(0, 0, 9, 9), shapely.box(20, 0, 30, 9)])
    )
    pieces = np.array(
        [shapely.box(21, 1, 22, 2), shapely.box(1, 1, 2, 2), shapely.box(50, 0, 51, 1)]
    )
    assert owners(pieces, settlements).tolist() == [1, 0, -1]
    shared = overlaps_of(
        settlements, np.array([shapely.box(5, 0, 25, 9), shapely.box(9, 0, 20, 9)])
    )
    assert shared.before.tolist() == [0, 1]
    assert shared.after.tolist() == [0, 0]  # a common edge is no overlap
    assert shared.area_m2.tolist() == [36, 45]


def test_only_polygons_are_left():
    mixed = shapely.GeometryCollection([shapely.Point(0, 0), shapely.box(0, 0, 1, 1)])
    line = shapely.LineString([(0, 0), (1, 1)])
    kept, nothing = areal(np.array([mixed, line], dtype=object))
    assert kept.equals(shapely.box(0, 0, 1, 1))
    assert nothing.is_empty
    assert areal(np.array([mixed], dtype=object), least_m2=1.0)[0].is_empty
    assert not len(parts_of(line))


@given(st.integers(0, 2000), st.sampled_from([0.0, 3.0]), st.integers(2, 5))
def test_groups_together_are_what_each_is_alone(seed, tolerance, count):
    """To the last bit: whoever is worked on beside a group leaves no trace in it."""
    groups = np.random.default_rng(seed).integers(0, count, 12)
    names = np.random.default_rng(seed + 1).choice(np.array(["park", "slum"], object), 12)
    dates = [blobs(seed + i, 12) for i in range(2)]
    nothing = np.full(count, shapely.Polygon(), dtype=object)

    def compared(which, numbers, size):
        ground = [
            by_class(names[which], date[which], AREA, numbers[which], size).get(
                "slum", nothing[:size]
            )
            for date in dates
        ]
        return compare_outlines(*ground, tolerance_m=tolerance)

    whole = compared(np.ones(12, bool), groups, count)
    alone = [compared(groups == group, np.zeros(12, np.int64), 1) for group in range(count)]
    for kind in ("growth", "loss", "persistent"):
        pieces = np.concatenate([getattr(found, kind) for found in alone])
        assert sorted(shapely.to_wkb(pieces)) == sorted(shapely.to_wkb(getattr(whole, kind)))
