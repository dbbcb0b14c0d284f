"""The confusion matrix and its figures, against counting pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geocity.core.classes import NODATA
from geocity.core.metrics import ConfusionMatrix, mean_of

VALUES = (0, 1, 6)
pixels = hnp.arrays(np.uint8, (5, 7), elements=st.sampled_from([*VALUES, NODATA]))


def matrix_of(truth, predicted, values=VALUES):
    matrix = ConfusionMatrix(values)
    matrix.update(np.asarray(truth, np.uint8), np.asarray(predicted, np.uint8))
    return matrix


def slow_figures(truth, predicted, value):
    """Return precision, recall, F1 and IoU from the definitions, by sets of pixels."""
    counted = [
        i for i in range(truth.size) if truth.flat[i] != NODATA and predicted.flat[i] != NODATA
    ]
    true_set = {i for i in counted if truth.flat[i] == value}
    found = {i for i in counted if predicted.flat[i] == value}
    both, either = true_set & found, true_set | found
    precision = len(both) / len(found) if found else None
    recall = len(both) / len(true_set) if true_set else None
    f1 = 2 * len(both) / (len(true_set) + len(found)) if either else None
    iou = len(both) / len(either) if either else None
    return precision, recall, f1, iou


@given(truth=pixels, predicted=pixels)
def test_figures_equal_their_definitions(truth, predicted):
    matrix = matrix_of(truth, predicted)
    for value in VALUES:
        score = matrix.score(value)
        found = (score.precision, score.recall, score.f1, score.iou)
        assert found == pytest.approx(slow_figures(truth, predicted, value))
    counted = (truth != NODATA) & (predicted != NODATA)
    assert matrix.pixels == counted.sum()
    assert matrix.unanswered.sum() == ((truth != NODATA) & (predicted == NODATA)).sum()
    if counted.any():
        assert matrix.overall_accuracy == pytest.approx((truth == predicted)[counted].mean())
    else:
        assert matrix.overall_accuracy is None


@given(truth=pixels, predicted=pixels, cut=st.integers(0, 5))
def test_pieces_add_up(truth, predicted, cut):
    whole = matrix_of(truth, predicted)
    parts = matrix_of(truth[:cut], predicted[:cut]) + matrix_of(truth[cut:], predicted[cut:])
    assert np.array_equal(whole.counts, parts.counts)
    assert np.array_equal(whole.unanswered, parts.unanswered)


def test_a_known_matrix():
    matrix = matrix_of([0, 0, 0, 1, 1, NODATA], [0, 1, 0, 1, 0, 1], (0, 1))
    assert matrix.counts.tolist() == [[2, 1], [1, 1]]
    slum = matrix.score(1)
    assert (slum.precision, slum.recall, slum.f1) == (0.5, 0.5, 0.5)
    assert slum.iou == pytest.approx(1 / 3)
    assert slum.area_error == 0
    assert matrix.overall_accuracy == pytest.approx(3 / 5)
    assert matrix.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert matrix.mean_iou == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_a_class_that_is_nowhere_has_no_figures_and_lowers_no_mean():
    matrix = matrix_of([0, 1], [0, 1])
    absent = matrix.score(6)
    assert (absent.precision, absent.recall, absent.f1, absent.iou) == (None,) * 4
    assert absent.area_error is None
    assert matrix.mean_iou == 1.0
    assert matrix.balanced_accuracy == 1.0


def test_a_false_alarm_of_an_absent_class_scores_zero_and_has_no_recall():
    ghost = matrix_of([0, 0], [0, 6]).score(6)
    assert (ghost.precision, ghost.recall, ghost.f1, ghost.iou) == (0.0, None, 0.0, 0.0)


def test_painting_everything_slum_has_full_recall_and_a_poor_iou():
    truth = np.zeros(100, np.uint8)
    truth[:10] = 1
    matrix = matrix_of(truth, np.ones(100, np.uint8), (0, 1))
    slum = matrix.score(1)
    assert slum.recall == 1.0  # what the seed called accuracy
    assert slum.iou == pytest.approx(0.1)
    assert slum.area_error == pytest.approx(9.0)
    assert matrix.overall_accuracy == pytest.approx(0.1)


def test_nothing_counted_gives_no_figures():
    empty = ConfusionMatrix((0, 1))
    assert empty.overall_accuracy is None
    assert empty.balanced_accuracy is None
    assert empty.mean_iou is None
    assert mean_of([None, None]) is None


@pytest.mark.parametrize("values", [(), (1, 0), (0, 0), (0, 255), (-1, 0)])
def test_impossible_classes_are_refused(values):
    with pytest.raises(ValueError, match="rising numbers from 0 to 254"):
        ConfusionMatrix(values)


@pytest.mark.parametrize(
    ("truth", "predicted", "side"), [([3], [0], "truth"), ([0], [3], "prediction")]
)
def test_a_value_that_is_no_class_is_refused(truth, predicted, side):
    with pytest.raises(ValueError, match=f"the {side} holds the value 3"):
        matrix_of(truth, predicted)


def test_a_strange_prediction_where_the_truth_is_unknown_does_no_harm():
    assert matrix_of([NODATA], [3]).pixels == 0


def test_pieces_that_do_not_fit_are_refused():
    matrix = ConfusionMatrix((0, 1))
    with pytest.raises(ValueError, match=r"\(2,\) and the prediction is \(3,\)"):
        matrix.update(np.zeros(2, np.uint8), np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match="expected uint8"):
        matrix.update(np.zeros(2, np.int64), np.zeros(2, np.uint8))
    with pytest.raises(ValueError, match="none of the classes"):
        matrix.score(2)
    with pytest.raises(ValueError, match="cannot be added"):
        matrix + ConfusionMatrix((0, 2))
