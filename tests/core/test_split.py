"""Parts that do not leak: checked by brute force against the definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core.split import DROPPED, PARTS, Places, nearer_than, random_split, spatial_split
from geocity.errors import LabelError


def city(rows, cols, *, size=400.0, stride=400.0, seed=0, slum=0.4):
    """Return chips on a lattice, slum in a share of them."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[:rows, :cols].reshape(2, -1)
    centres = np.stack([1e5 + col * stride, 2e6 - row * stride], axis=1).astype(float)
    ones = np.where(rng.random(rows * cols) < slum, rng.integers(1, 900, rows * cols), 0)
    pixels = np.stack([1000 - ones, ones], axis=1).astype(np.int64)
    return Places(centres, size, pixels, ("background", "slum"))


def least_gap(places, parts):
    """Return the least distance between the edges of chips of different parts: plain loops."""
    least = np.inf
    for i, first in enumerate(places.centres):
        for j in range(i):
            if DROPPED in (parts[i], parts[j]) or parts[i] == parts[j]:
                continue
            least = min(least, np.abs(first - places.centres[j]).max() - places.size)
    return least


@given(
    rows=st.integers(6, 12),
    cols=st.integers(6, 12),
    overlap=st.sampled_from([1, 2]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=15, deadline=None)
def test_parts_lie_a_chip_apart_and_hold_every_class(rows, cols, overlap, seed):
    places = city(rows, cols, stride=400.0 / overlap, seed=seed, slum=0.6)
    try:
        split = spatial_split(places, (0.6, 0.2, 0.2), seed=seed)
    except LabelError:
        return
    assert least_gap(places, split.parts) >= places.size * (1 - 1e-6)
    for part in range(3):
        assert (places.class_pixels[split.parts == part].sum(axis=0) > 0).all()
    assert split.dropped == (split.parts == DROPPED).sum()


def test_shares_are_kept_and_most_chips_too():
    places = city(30, 30)
    split = spatial_split(places, (0.7, 0.15, 0.15), seed=1)
    kept = split.parts[split.parts != DROPPED]
    shares = np.bincount(kept, minlength=3) / len(kept)
    assert np.abs(shares - [0.7, 0.15, 0.15]).max() < 0.05
    assert split.dropped < 0.2 * len(split.parts)


def test_the_seed_decides():
    places = city(15, 15)
    first = spatial_split(places, (0.7, 0.15, 0.15), seed=3)
    again = spatial_split(places, (0.7, 0.15, 0.15), seed=3)
    other = spatial_split(places, (0.7, 0.15, 0.15), seed=4)
    assert (first.parts == again.parts).all()
    assert (first.parts != other.parts).any()


def test_the_same_place_on_two_dates_comes_into_one_part():
    one = city(12, 12)
    both = Places(
        np.concatenate([one.centres, one.centres]),
        one.size,
        np.concatenate([one.class_pixels, one.class_pixels]),
        one.class_names,
    )
    parts = spatial_split(both, (0.6, 0.2, 0.2), seed=0).parts
    assert (parts[:144] == parts[144:]).all()


def test_a_class_that_cannot_reach_every_part_is_refused_by_name():
    places = city(8, 8, slum=0.0)
    places.class_pixels[0] = (500, 500)
    with pytest.raises(
        LabelError, match=r"'slum' into the \w+ part as well: 1 of 64 chips hold it"
    ):
        spatial_split(places, (0.6, 0.2, 0.2), seed=0)


def test_a_class_that_occurs_nowhere_is_no_reason_to_refuse():
    split = spatial_split(city(10, 10, slum=0.0), (0.6, 0.2, 0.2), seed=0)
    assert set(range(3)) <= set(split.parts.tolist())


def test_too_few_chips_are_refused():
    with pytest.raises(LabelError, match="too few"):
        spatial_split(city(1, 1), (0.6, 0.2, 0.2), seed=0)


def test_a_part_of_share_zero_stays_empty():
    assert set(spatial_split(city(9, 9), (0.8, 0.2, 0), seed=0).parts.tolist()) <= {-1, 0, 1}
    assert not spatial_split(city(3, 3), (1, 0, 0), seed=0).parts.any()


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.5, 0.6, 0.1), (0, 0.5, 0.5), (1.2, -0.1, -0.1)])
def test_shares_that_make_no_whole_are_refused(shares):
    with pytest.raises(ValueError, match="add up to 1"):
        spatial_split(city(5, 5), shares, seed=0)


def test_a_gap_below_a_chip_is_refused():
    with pytest.raises(ValueError, match="smaller than a chip"):
        spatial_split(city(5, 5), (0.8, 0.2, 0), seed=0, gap=100)


def test_random_split_gives_each_part_its_share():
    split = random_split(200, (0.7, 0.2, 0.1), seed=0)
    assert np.bincount(split.parts).tolist() == [140, 40, 20]
    assert PARTS == ("train", "val", "test")


def test_near_means_nearer_than_the_distance():
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [21.0, 3.0]])
    assert nearer_than(centres, np.array([[20.0, 0.0]]), 10.0).tolist() == [False, False, True]
    assert not nearer_than(centres, np.empty((0, 2)), 10.0).any()
