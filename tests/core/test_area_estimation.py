import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.area_estimation import StratifiedSample, allocate, sample_size

# Olofsson et al. (2014), section 6: deforestation, forest gain, stable forest, stable non-forest;
# 30 m pixels of Landsat: the error matrix of sample counts, and the results given for it.
MAPPED_PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
HECTARES_PER_PIXEL = 0.09


@pytest.fixture
def published():
    return StratifiedSample(COUNTS, MAPPED_PIXELS * HECTARES_PER_PIXEL)


def test_sample_size_of_the_published_example():
    weights = [0.020, 0.015, 0.320, 0.645]
    assert sample_size(weights, [0.70, 0.60, 0.90, 0.95], standard_error=0.01) == 641


def test_proportions_of_the_published_example(published):
    expected = [
        [0.0176, 0, 0.0013, 0.0011],
        [0, 0.0110, 0.0016, 0.0024],
        [0.0019, 0, 0.2967, 0.0213],
        [0.0040, 0.0020, 0.0179, 0.6212],
    ]
    np.testing.assert_allclose(published.proportions, expected, atol=5.1e-5)


def test_accuracies_of_the_published_example(published):
    overall = published.overall_accuracy()
    assert round(float(overall.value), 2) == 0.95
    assert round(float(overall.margin()), 2) == 0.02
    users, producers = published.users_accuracy(), published.producers_accuracy()
    assert users.value.round(2).tolist() == [0.88, 0.73, 0.93, 0.96]
    assert users.margin().round(2).tolist() == [0.07, 0.10, 0.04, 0.02]
    assert producers.value.round(2).tolist() == [0.75, 0.85, 0.93, 0.96]
    assert round(float(producers.margin()[0]), 2) == 0.21


def test_area_of_deforestation_of_the_published_example(published):
    areas = published.areas()
    assert round(areas.value[0]) == 21_158
    assert areas.margin()[0] == pytest.approx(6158, abs=1)


@given(st.integers(2, 5), st.integers(0, 10_000))
def test_areas_add_up_and_a_perfect_map_is_left_alone(classes, seed):
    rng = np.random.default_rng(seed)
    mapped = rng.uniform(1, 1000, classes)
    counts = rng.integers(0, 40, (classes, classes)) + 2 * np.eye(classes, dtype=int)
    sample = StratifiedSample(counts, mapped)
    assert sample.areas().value.sum() == pytest.approx(mapped.sum())
    assert sample.proportions.sum() == pytest.approx(1)
    perfect = StratifiedSample(np.diag(counts.sum(axis=1)), mapped)
    np.testing.assert_allclose(perfect.areas().value, mapped)
    np.testing.assert_allclose(perfect.areas().standard_error, 0, atol=1e-9)
    assert float(perfect.overall_accuracy().value) == pytest.approx(1)


def test_intervals_hold_what_they_promise():
    """Drawn many times from a known truth, 95 % intervals cover it about 95 times of 100."""
    rng = np.random.default_rng(7)
    mapped = np.array([900.0, 100.0])
    truth = np.array([[0.95, 0.05], [0.2, 0.8]])  # share of each reference class in each stratum
    true_area = (mapped[:, None] * truth).sum(axis=0)
    covered = 0
    for _ in range(1000):
        counts = np.array([rng.multinomial(n, p) for n, p in zip((150, 100), truth, strict=True)])
        areas = StratifiedSample(counts, mapped).areas()
        covered += abs(areas.value[1] - true_area[1]) <= areas.margin()[1]
    assert 920 <= covered <= 975


@given(st.integers(20, 2000), st.lists(st.floats(0, 1e6), min_size=1, max_size=8))
def test_allocation_adds_up_and_gives_the_rare_their_floor(units, areas):
    present = [a for a in areas if a > 0]
    if not present:
        return
    given_units = allocate(units, areas, least=50)
    assert given_units.sum() == units
    floor = min(50, units // len(present))
    assert all(
        (n >= floor - 1) if a > 0 else n == 0 for n, a in zip(given_units, areas, strict=True)
    )


def test_a_class_without_a_sample_is_refused():
    with pytest.raises(ValueError, match="fewer than two"):
        StratifiedSample(np.array([[5, 0], [0, 1]]), np.array([10.0, 5.0]))


@pytest.mark.parametrize("standard_error", [0, 1, -0.1])
def test_an_impossible_standard_error_is_refused(standard_error):
    with pytest.raises(ValueError, match="between 0 and 1"):
        sample_size([1, 1], [0.9, 0.9], standard_error=standard_error)
