"""From-to matrix: sums, and the dates exchanged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.change_matrix import ChangeMatrixBuilder

N = 255
VALUES, NAMES = (0, 1, 7), ("background", "slum", "water")


def matrix_of(before, after, cell_m2, rows_at_once=99):
    builder = ChangeMatrixBuilder(VALUES)
    for row in range(0, len(before), rows_at_once):
        part = slice(row, row + rows_at_once)
        builder.add(before[part], after[part], cell_m2[part])
    return builder.finish(NAMES)


@given(st.integers(0, 10_000))
def test_sums_parts_and_exchange(seed):
    rng = np.random.default_rng(seed)
    before, after = rng.choice(np.array([*VALUES, N], np.uint8), (2, 9, 7))
    cell_m2 = rng.integers(1, 9, before.shape).astype(float)
    matrix = matrix_of(before, after, cell_m2)
    known = (before != N) & (after != N)
    assert matrix.total_m2 == cell_m2[known].sum()
    for i, (value, name) in enumerate(zip(VALUES, NAMES, strict=True)):
        assert matrix.before_m2(name) == cell_m2[known & (before == value)].sum()
        assert matrix.after_m2(name) == cell_m2[known & (after == value)].sum()
        for j, other in enumerate(VALUES):
            expected = cell_m2[(before == value) & (after == other)].sum()
            assert matrix.area_m2[i, j] == expected
    back = matrix_of(after, before, cell_m2)
    np.testing.assert_array_equal(back.area_m2, matrix.area_m2.T)
    np.testing.assert_array_equal(matrix_of(before, after, cell_m2, 2).area_m2, matrix.area_m2)
    assert len(matrix.rows()) == 9
    assert matrix.rows()[1][:2] == ("background", "slum")
    assert matrix.persistent_m2("slum") == matrix.area_m2[1, 1]


def test_refuses_a_value_that_is_no_class():
    with pytest.raises(ValueError, match="none of the classes"):
        matrix_of(*np.full((2, 1, 1), 3, np.uint8), np.ones((1, 1)))
