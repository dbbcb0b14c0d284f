import numpy as np
import pytest

from geocity.core.cities.embedding_map import (
    clear_of_each_other,
    principal_plane,
    spread_out,
)


def test_the_plane_shows_the_largest_spread():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(500, 6)) * [5, 1, 3, 0.1, 0.1, 0.1] + 7
    plane = principal_plane(values)
    expected = np.linalg.svd(values - values.mean(axis=0))[1] ** 2
    assert plane.shares == pytest.approx(tuple(expected[:2] / expected.sum()))
    assert abs(np.corrcoef(plane.places[:, 0], values[:, 0])[0, 1]) > 0.99
    assert abs(np.corrcoef(plane.places[:, 1], values[:, 2])[0, 1]) > 0.99
    np.testing.assert_allclose(plane.place(values), plane.places)


def test_the_plane_never_flips():
    values = np.random.default_rng(1).normal(size=(50, 3))
    mirrored = principal_plane(-values)
    assert (mirrored.axes[np.abs(mirrored.axes).argmax(axis=0), [0, 1]] > 0).all()


@pytest.mark.parametrize("values", [np.ones((4, 3)), np.ones((1, 1)), np.arange(3.0)[:, None]])
def test_few_or_equal_patches_have_a_place(values):
    plane = principal_plane(values)
    assert np.isfinite(plane.places).all()
    assert 0 <= sum(plane.shares) <= 1 + 1e-9


def test_no_patch_no_map():
    with pytest.raises(ValueError, match="no patch"):
        principal_plane(np.zeros((0, 3)))


def test_labels_stand_clear_and_stay_where_they_can():
    rng = np.random.default_rng(4)
    places = np.vstack([rng.normal(0, 8, (45, 2)), [[500, 500]]])
    stand = clear_of_each_other(places, 6, 3)
    gap = np.abs(stand[:, None] - stand)
    covers = (gap[..., 0] < 6 - 1e-6) & (gap[..., 1] < 3 - 1e-6)
    assert covers.sum() == len(places)  # each itself alone
    assert (stand[[0, -1]] == places[[0, -1]]).all()


def test_pictures_are_spread_one_a_square():
    rng = np.random.default_rng(2)
    places = rng.random((400, 2)) * [10, 5]
    chosen = spread_out(places, 10)
    side = (places.max(axis=0) - places.min(axis=0)).max() / 10
    squares = np.minimum((places - places.min(axis=0)) // side, 9)
    assert len(chosen) == len(np.unique(squares, axis=0))
    assert len(np.unique(squares[chosen], axis=0)) == len(chosen)
    assert spread_out(np.zeros((3, 2)), 4).shape == (1,)
