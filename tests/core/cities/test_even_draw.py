import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.cities.even_draw import even_draw


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    most=st.integers(0, 40),
    seed=st.integers(0, 99),
)
def test_groups_share_what_may_be_drawn(sizes, most, seed):
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(len(sizes)) * 3, sizes))
    drawn = even_draw(group, most, rng)
    assert len(drawn) == min(most, len(group))
    assert (np.diff(drawn) > 0).all()
    counts = [int((group[drawn] == 3 * g).sum()) for g in range(len(sizes))]
    left = [count for count, size in zip(counts, sizes, strict=True) if count < size]
    # A group that could have given more gave at most one less than any other.
    assert not left or min(left) >= max(counts) - 1


def test_the_seed_decides():
    group = np.repeat(np.arange(5), 20)
    first, second, other = (
        even_draw(group, 30, np.random.default_rng(seed)).tolist() for seed in (1, 1, 2)
    )
    assert first == second != other
