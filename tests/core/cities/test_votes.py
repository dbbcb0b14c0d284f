import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.cities.votes import Units, gather, log_probabilities, patch_units, ranking


def made_up(seed, patches=40, cities=5, images=6):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, images, patches)
    truth = (image % cities).astype(np.int64)
    return patch_units(rng.normal(size=(patches, cities)), truth, image, image // 2 + 10 * truth)


@given(seed=st.integers(0, 10_000))
def test_a_vote_is_the_mean_log_probability_made_to_sum_to_one(seed):
    units = made_up(seed)
    images = gather(units, units.cluster)
    for row, image in enumerate(images.cluster):
        mine = units.logits[units.cluster == image]
        logs = [v - np.log(np.exp(v).sum()) for v in mine]
        product = np.exp(np.mean(logs, axis=0))
        chance = np.exp(log_probabilities(images.logits))[row]
        np.testing.assert_allclose(chance, product / product.sum(), rtol=1e-9)
        assert images.members[row] == len(mine)


def test_images_of_a_site_count_by_their_patches():
    units = made_up(3)
    twice = gather(gather(units, units.cluster), gather(units, units.cluster).site)
    once = gather(units, units.site)
    np.testing.assert_allclose(twice.logits, once.logits)
    np.testing.assert_array_equal(twice.members, once.members)


def test_a_temperature_changes_no_vote():
    units = made_up(5)
    images = gather(units, units.cluster)
    cold, hot = (log_probabilities(images.logits, t).argmax(axis=1) for t in (0.3, 4.0))
    np.testing.assert_array_equal(cold, hot)


def test_an_image_of_two_cities_is_refused():
    units = patch_units(np.zeros((2, 3)), np.array([0, 1]), np.array([7, 7]), np.array([0, 1]))
    with pytest.raises(ValueError, match="two cities"):
        gather(units, units.cluster)


def test_columns_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="columns"):
        Units(np.zeros((2, 3)), *(np.zeros(n, np.int64) for n in (2, 2, 3, 2)))


def test_the_first_of_equal_cities_comes_first():
    np.testing.assert_array_equal(ranking(np.array([[1.0, 3.0, 3.0, 0.0]]), 3), [[1, 2, 0]])


def test_strangers_are_told_apart():
    units = patch_units(np.zeros((3, 2)), np.array([0, -1, 1]), np.arange(3), np.arange(3))
    assert units.known.truth.tolist() == [0, 1]
