import numpy as np

from geocity.core.cities.look_alikes import like_districts, most_alike

EMBEDDINGS = np.array([[1, 0], [0, 1], [1, 1], [10, 0.1], [0.1, 2], [3, 3.3], [-1, 0]], float)


def test_the_most_alike_pairs_use_each_patch_once():
    pairs = most_alike(EMBEDDINGS, np.array([0, 1, 2]), np.array([3, 4, 5, 6]), 5)
    assert {(p.first, p.second) for p in pairs} == {(0, 3), (1, 4), (2, 5)}
    similarity = [p.similarity for p in pairs]
    assert similarity == sorted(similarity, reverse=True)


def test_districts_are_ranked_by_their_mean_and_shown_by_their_best_patch():
    district = np.array([9, 9, 9, 1, 2, 2, 3])
    allowed = np.array([False, False, False, True, True, True, True])
    found = like_districts(EMBEDDINGS, np.array([0]), district, allowed, 2)
    assert [f.district for f in found] == [1, 2]
    assert (found[1].patches.first, found[1].patches.second) == (0, 5)


def test_nothing_allowed_nothing_found():
    nothing = np.zeros(7, bool)
    assert like_districts(EMBEDDINGS, np.array([0]), np.zeros(7, int), nothing, 3) == []
