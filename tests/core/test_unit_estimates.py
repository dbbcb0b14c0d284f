import numpy as np
import pyproj
import pytest
from affine import Affine
from shapely import box

from geocity.core.area_estimation import StratifiedSample
from geocity.core.grid import Grid
from geocity.core.unit_estimates import UnitTally, burn_units, unit_sample

NAMES = ("background", "slum")


def test_a_unit_is_estimated_where_the_sample_allows():
    found = unit_sample(np.array([[20, 2], [1, 9]]), np.array([80.0, 20.0]), NAMES)
    assert isinstance(found, StratifiedSample)
    assert found.areas().value.sum() == pytest.approx(100)


@pytest.mark.parametrize(
    ("counts", "area", "reason"),
    [
        ([[20, 2], [1, 2]], [80, 20], "25 points lie in it, and 30 are needed"),
        ([[40, 2], [0, 1]], [80, 20], "fewer than 2 of its points lie in what is mapped as slum"),
        ([[30, 0], [0, 9]], [80, 20], "none of its 39 points shows an error"),
        ([[0, 0], [0, 0]], [0, 0], "the map does not reach it"),
    ],
)
def test_elsewhere_there_is_a_reason(counts, area, reason):
    found = unit_sample(np.array(counts), np.array(area, float), NAMES)
    assert isinstance(found, str)
    assert reason in found


def test_a_class_that_is_not_mapped_in_the_unit_needs_no_points():
    found = unit_sample(np.array([[38, 2], [0, 0]]), np.array([100.0, 0.0]), NAMES)
    assert found.areas().value.tolist() == [95, 5]


def test_cells_and_points_go_to_their_units():
    """The slow twin: cell by cell."""
    rng = np.random.default_rng(5)
    grid = Grid(pyproj.CRS.from_epsg(32643), Affine(10, 0, 0, 0, -10, 200), (20, 30))
    units = [box(0, 0, 104, 200), box(104, 50, 300, 200)]
    burnt = burn_units(units, grid)
    mapped = rng.choice(np.array([0, 1, 255], np.uint8), grid.shape)
    cell_m2 = rng.uniform(90, 110, grid.shape)
    tally = UnitTally(2, 2)
    for rows in (slice(0, 7), slice(7, 20)):
        tally.add_cells(burnt[rows], mapped[rows], cell_m2[rows])
    expected = np.zeros((2, 2))
    for (row, col), value in np.ndenumerate(mapped):
        x, y = 10 * col + 5, 200 - 10 * row - 5
        unit = 0 if x < 104 else 1 if y > 50 else None
        if unit is not None and value != 255:
            expected[unit, value] += cell_m2[row, col]
    np.testing.assert_allclose(tally.area_m2, expected)
    tally.add_points(
        np.array([1, 1, 0, 2], np.int32), np.array([0, 0, 1, 1]), np.array([1, 1, 1, 0])
    )
    assert tally.counts.tolist() == [[[0, 2], [0, 0]], [[0, 0], [1, 0]]]


def test_intervals_of_units_hold_what_they_promise():
    """A made-up city, sampled many times: a unit's interval covers its true area about 95 %."""
    rng = np.random.default_rng(11)
    size = 40_000
    mapped = (rng.random(size) < 0.3).astype(np.int64)
    true = np.where(rng.random(size) < np.where(mapped == 1, 0.2, 0.08), 1 - mapped, mapped)
    unit = rng.random(size) < 0.35
    area = np.bincount(mapped[unit], minlength=2).astype(float)
    hits = drawn = 0
    for _ in range(400):
        sample = np.concatenate(
            [
                rng.choice(np.flatnonzero(mapped == c), n, replace=False)
                for c, n in enumerate((180, 120))
            ]
        )
        inside = sample[unit[sample]]
        counts = np.zeros((2, 2), np.int64)
        np.add.at(counts, (mapped[inside], true[inside]), 1)
        found = unit_sample(counts, area, NAMES)
        if isinstance(found, str):
            continue
        drawn += 1
        areas = found.areas()
        hits += abs(areas.value[1] - true[unit].sum()) <= areas.margin()[1]
    assert drawn > 380
    assert 0.91 < hits / drawn < 0.98
