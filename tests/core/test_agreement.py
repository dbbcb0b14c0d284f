"""A map against the truth: the same in blocks as whole, and every figure from its own module."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocity.core.agreement import Agreement, Ground, foreground
from geocity.core.boundary import boundary_counts, halo
from geocity.core.classes import NODATA, ClassTable
from geocity.core.grid import Window, blocks

CLASSES = ClassTable.named(["background", "slum", "water"])


def maps_of(seed, shape=(23, 31)):
    rng = np.random.default_rng(seed)
    truth = rng.choice(np.array([0, 0, 1, 2, NODATA], np.uint8), shape)
    predicted = rng.choice(np.array([0, 1, 2, NODATA], np.uint8), shape, p=[0.4, 0.3, 0.25, 0.05])
    probability = rng.random(shape, np.float32)
    probability[predicted == NODATA] = np.nan
    return truth, predicted, {1: probability}


@settings(max_examples=20)
@given(seed=st.integers(0, 99), size=st.integers(4, 40), tolerance=st.sampled_from([0, 1, 2.5]))
def test_blocks_give_what_the_whole_gives(seed, size, tolerance):
    truth, predicted, probabilities = maps_of(seed)
    ground = Ground(cell_area_m2=0.25, tolerance_px=tolerance)
    whole, parts = Agreement(CLASSES, ground), Agreement(CLASSES, ground)
    whole.update(truth, predicted, probabilities)
    for core in blocks(truth.shape, size):
        read = core.pad(halo(tolerance)).intersect(Window(0, 0, *truth.shape))
        parts.update(
            truth[read.slices],
            predicted[read.slices],
            {1: probabilities[1][read.slices]},
            core.shift(-read.row, -read.col),
        )
    left, right = whole.report(), parts.report()
    for row, other in zip(left.pop("classes"), right.pop("classes"), strict=True):
        assert row == pytest.approx(other)
    assert left["reliability"]["1"][3] == pytest.approx(right["reliability"]["1"][3])
    del left["reliability"], right["reliability"]
    assert left == right


def test_every_figure_of_a_known_piece():
    truth = np.zeros((4, 6), np.uint8)
    truth[:, :3] = 1
    truth[3, :] = NODATA
    predicted = np.zeros((4, 6), np.uint8)
    predicted[:, :2] = 1
    agreement = Agreement(CLASSES, Ground(cell_area_m2=2.0, tolerance_px=1))
    piece = agreement.update(truth, predicted, {1: np.where(predicted == 1, 0.9, 0.2)})
    assert piece.pixels == 18
    background, slum, water = agreement.class_figures()
    assert (slum["true_px"], slum["predicted_px"], slum["hit_px"]) == (9, 6, 6)
    assert (slum["precision"], slum["recall"]) == (1.0, pytest.approx(2 / 3))
    assert (slum["true_area_m2"], slum["predicted_area_m2"]) == (18.0, 12.0)
    assert slum["area_error"] == pytest.approx(-1 / 3)
    assert slum["boundary_f1"] == boundary_counts(truth, predicted, 1, 1).f1 == 1.0
    # 6 pixels right at 0.9, 3 missed and 9 right at 0.2.
    assert slum["brier"] == pytest.approx((6 * 0.01 + 3 * 0.64 + 9 * 0.04) / 18)
    assert background["boundary_f1"] is None
    assert background["ece"] is None
    assert water["iou"] is None
    report = agreement.report()
    assert report["pixels"] == {"counted": 18, "unknown_truth": 6, "unanswered": 0}
    assert report["overall_accuracy_of_all_known_pixels"] == pytest.approx(15 / 18)
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_without_a_cell_area_there_are_no_square_metres():
    agreement = Agreement(CLASSES, Ground(None, 1))
    agreement.update(*maps_of(0)[:2])
    slum = agreement.class_figures()[1]
    assert slum["true_area_m2"] is None
    assert slum["area_error"] is not None


def test_no_figure_is_called_accuracy_without_its_pixels():
    report = Agreement(CLASSES, Ground(1.0, 1)).report()
    assert "accuracy" not in report
    assert "accuracy" not in report["classes"][0]


def test_the_background_is_no_foreground():
    assert foreground(CLASSES) == (1, 2)
