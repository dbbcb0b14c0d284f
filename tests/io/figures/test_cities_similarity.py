import numpy as np
import pytest
import rasterio
from scipy.cluster import hierarchy

from geocity.core.cities.branch_support import city_tree
from geocity.io.figures.cities_similarity import (
    city_colors,
    decimals,
    draw_matrices,
    draw_tree,
    tree_branches,
)


def distances(cities, seed=0):
    points = np.random.default_rng(seed).normal(size=(cities, 3))
    return np.linalg.norm(points[:, None] - points, axis=2)


def test_branches_are_drawn_as_scipy_draws_them():
    tree = city_tree(distances(12), None)
    drawn = hierarchy.dendrogram(tree.linkage, no_plot=True)
    theirs = {
        (tuple(np.round(x, 9)), tuple(y))
        for x, y in zip(drawn["dcoord"], drawn["icoord"], strict=True)
    }
    ours = {(tuple(np.round(b["along"], 9)), tuple(b["across"])) for b in tree_branches(tree)}
    assert ours == theirs
    assert [branch["root"] for branch in tree_branches(tree)] == [False] * 10 + [True]


def test_every_city_has_a_colour_of_its_own():
    assert len(set(city_colors(45))) == 45


@pytest.mark.parametrize(("largest", "expected"), [(3, 2), (0.1, 2), (0.099, 3), (0.002, 4)])
def test_small_distances_get_more_decimals(largest, expected):
    assert decimals(np.array([[0, largest], [np.nan, 0]])) == expected


def test_figures_grow_with_the_cities_and_take_any_name(tmp_path):
    sizes = []
    for cities in (3, 30):
        names = [f"City $x_{i} & <b>" for i in range(cities)]
        matrix, tree = tmp_path / f"m{cities}.png", tmp_path / f"t{cities}.png"
        values = distances(cities)
        draw_matrices(values, values / 100, names, names, "Distance", matrix)
        draw_tree(city_tree(values, values[None]), names, "Tree", "distance", tree)
        with rasterio.open(matrix) as shown:
            sizes.append(shown.shape)
    assert sizes[1][0] > 1.5 * sizes[0][0]
