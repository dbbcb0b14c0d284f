import numpy as np

from geocity.core.cities.mutual_confusion import mutual_confusion


def test_the_two_directions_are_averaged_and_strangers_are_left_out():
    city = np.array([0, 0, 0, 0, 1, 1, 2])
    named = np.array([5, 5, 3, 9, 3, 5, 5])  # output 5 is city 0, output 3 is city 1
    shares = mutual_confusion(named, city, np.array([5, 3, -1]))
    np.testing.assert_allclose(shares[:2, :2], [[0.5, (0.25 + 0.5) / 2], [0.375, 0.5]])
    assert np.isnan(shares[2]).all()
    assert np.isnan(shares[:, 2]).all()
