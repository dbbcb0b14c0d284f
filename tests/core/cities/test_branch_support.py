import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from geocity.core.cities.branch_support import branches, city_tree


def matrix(points):
    return squareform(pdist(np.asarray(points, float)))


TWO_PAIRS = matrix([[0, 0], [0, 1], [10, 0], [10, 1.5]])
CROSSED = matrix([[0, 0], [10, 0], [0, 1], [10, 1.5]])


@pytest.mark.parametrize("method", ["average", "ward"])
def test_branches_are_groups_of_cities(method):
    tree = city_tree(TWO_PAIRS, None, method)
    assert branches(tree.linkage) == [
        frozenset({0, 1}),
        frozenset({2, 3}),
        frozenset({0, 1, 2, 3}),
    ]
    assert np.isnan(tree.support).all()
    assert sorted(tree.leaves) == [0, 1, 2, 3]
    assert abs(tree.leaves.index(0) - tree.leaves.index(1)) == 1


def test_support_is_the_share_of_draws_with_the_same_group():
    tree = city_tree(TWO_PAIRS, np.stack([TWO_PAIRS] * 3 + [CROSSED]))
    np.testing.assert_allclose(tree.support, [0.75, 0.75, 1])


def test_support_does_not_depend_on_the_order_of_joins():
    # The pair that joins first changes, the groups do not.
    other = matrix([[0, 0], [0, 1.5], [10, 0], [10, 1]])
    np.testing.assert_allclose(city_tree(TWO_PAIRS, other[None]).support, 1)


def test_two_cities_make_a_tree_and_one_does_not():
    assert city_tree(TWO_PAIRS[:2, :2], TWO_PAIRS[None, :2, :2]).support.tolist() == [1]
    with pytest.raises(ValueError, match="at least two"):
        city_tree(np.zeros((1, 1)), None)
    with pytest.raises(ValueError, match="average, ward"):
        city_tree(TWO_PAIRS, None, "median")
