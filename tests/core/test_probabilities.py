"""Probabilities and decisions against their definitions, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geocity.core.probabilities import decide, layers_needed, probabilities

logits = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4)),
    elements=st.floats(-200, 200, width=32),
)


def softmax(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Slow twin in float64."""
    exact = scores.astype(np.float64) / temperature
    exact = np.exp(exact - exact.max(axis=0))
    return exact / exact.sum(axis=0)


@given(scores=logits, temperature=st.sampled_from([0.5, 1.0, 3.0]))
def test_equals_the_softmax(scores, temperature):
    before = scores.copy()
    layers = probabilities(scores, temperature)
    expected = softmax(scores, temperature)
    if len(scores) == 2:
        expected = expected[1:]
    assert len(layers) == layers_needed(len(scores))
    assert layers.dtype == np.float32
    np.testing.assert_allclose(layers, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(scores, before)


def decide_slowly(chances, values, thresholds) -> int:
    """Slow twin: the rule of the docstring for one pixel."""
    if thresholds is None:
        return values[max(range(len(values)), key=lambda i: (chances[i], -i))]
    allowed = [
        (chances[i], -i) for i, v in enumerate(values) if v != 0 and chances[i] >= thresholds[i]
    ]
    if not allowed:
        return 0 if values[0] == 0 else 255
    return values[-max(allowed)[1]]


@given(data=st.data(), background=st.booleans(), classes=st.integers(2, 5))
def test_decisions_equal_the_slow_twin(data, background, classes):
    values = tuple(range(0 if background else 3, classes + (0 if background else 3)))
    raw = data.draw(hnp.arrays(np.float32, (classes, 2, 3), elements=st.floats(-4, 4, width=32)))
    layers = probabilities(raw)
    limits = st.floats(0, 1, width=32)
    thresholds = data.draw(st.none() | st.lists(limits, min_size=classes, max_size=classes))
    full = np.concatenate([1 - layers, layers]) if classes == 2 else layers
    result = decide(layers, values, thresholds)
    assert result.dtype == np.uint8
    for row in range(2):
        for col in range(3):
            assert result[row, col] == decide_slowly(full[:, row, col], values, thresholds)


def test_an_even_chance_is_the_first_class():
    assert decide(np.full((1, 1, 1), 0.5, np.float32), (0, 7)).item() == 0
    assert decide(np.full((1, 1, 1), 0.5, np.float32), (0, 7), (0.5, 0.5)).item() == 7


@pytest.mark.parametrize(("classes", "layers"), [(1, 1), (2, 1), (3, 3)])
def test_two_classes_need_one_layer(classes, layers):
    assert layers_needed(classes) == layers
