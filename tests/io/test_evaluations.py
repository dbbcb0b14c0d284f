"""The folder of an evaluation: what is in its tables, and what its figures show."""

import csv
import json

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from geocity.core.agreement import Agreement, Ground
from geocity.core.classes import NODATA, ClassTable
from geocity.core.metrics import ConfusionMatrix
from geocity.io.evaluations import WorstPieces, evaluation_table, piece_row, write_evaluation
from geocity.io.figures.accuracy import (
    FALSE_ALARM_COLOR,
    HIT_COLOR,
    MISSED_COLOR,
    Comparison,
    differences,
    draw_comparisons,
    short_number,
    tinted,
)

CLASSES = ClassTable.named(["background", "slum", "water"])


def piece(title="a", seed=0):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 255, (20, 24, 3), np.uint8)
    truth = rng.choice(np.array([0, 1, 2, NODATA], np.uint8), (20, 24))
    return Comparison(title, image, truth, rng.choice(np.array([0, 1, 2], np.uint8), (20, 24)))


def evaluated(folder):
    folder.mkdir()
    agreement = Agreement(CLASSES, Ground(cell_area_m2=0.64, tolerance_px=2))
    rows, worst = [], WorstPieces()
    for number in range(3):
        chip = piece(f"{number}.tif", seed=number)
        probability = np.random.default_rng(number).random((20, 24), np.float32)
        matrix = agreement.update(chip.truth, chip.predicted, {1: probability})
        rows.append(piece_row(chip.title, "test", matrix, CLASSES))
        worst.add(rows[-1]["wrong_px"], chip)
    return agreement, write_evaluation(folder, {"data": "toys"}, agreement, rows, worst)


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_all_files_are_there_and_say_the_same(tmp_path):
    agreement, report = evaluated(tmp_path / "e")
    names = {path.name for path in (tmp_path / "e").iterdir()}
    assert names == {
        "metrics.json",
        "per_class.csv",
        "per_chip.csv",
        "confusion_matrix.png",
        "reliability.png",
        "worst_chips.png",
    }
    assert json.loads((tmp_path / "e/metrics.json").read_text()) == report
    slum = rows_of(tmp_path / "e/per_class.csv")[1]
    assert slum["class"] == "slum"
    assert float(slum["iou"]) == pytest.approx(agreement.matrix.score(1).iou)
    chips = rows_of(tmp_path / "e/per_chip.csv")
    wrong = [int(row["wrong_px"]) for row in chips]
    assert wrong == sorted(wrong, reverse=True)
    assert sum(int(row["slum_hit_px"]) for row in chips) == agreement.matrix.score(1).hit_px
    for name in names:
        if name.endswith(".png"):
            with rasterio.open(tmp_path / "e" / name) as picture:
                assert picture.width > 500


def test_two_runs_write_the_same_bytes(tmp_path):
    evaluated(tmp_path / "a")
    evaluated(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_no_figure_goes_by_the_name_of_accuracy_alone(tmp_path):
    _, report = evaluated(tmp_path / "e")
    assert "accuracy" not in report
    assert "scores 1.0" in report["note"]
    text = evaluation_table(report)
    assert "over all" in text
    assert "background included" in text
    assert "It is not reported here" in text
    assert "accuracy" not in (tmp_path / "e/per_class.csv").read_text(encoding="utf-8-sig")


def test_the_table_has_a_line_a_class_and_a_dash_for_what_does_not_exist():
    agreement = Agreement(CLASSES, Ground(1.0, 1))
    truth = np.array([[0, 0, 1, 1]], np.uint8)
    agreement.update(truth, np.array([[0, 1, 1, NODATA]], np.uint8))
    head, background, slum, water, *rest = evaluation_table(agreement.report()).splitlines()
    assert head.split()[:3] == ["class", "IoU", "precision"]
    assert background.startswith("background")
    assert slum.split()[1] == "0.500"
    assert set(water.split()[1:]) == {"-", "0.000"}
    assert "1 without an answer" in " ".join(rest)


@given(wrongs=st.lists(st.integers(0, 30), max_size=40), keep=st.integers(1, 5))
def test_the_worst_pieces_are_kept_earlier_ones_first(wrongs, keep):
    worst = WorstPieces(keep)
    for number, wrong in enumerate(wrongs):
        if worst.wants(wrong):
            worst.add(wrong, Comparison(str(number), None, None, None))
    ranked = sorted((-wrong, number) for number, wrong in enumerate(wrongs) if wrong)
    expected = [str(number) for _, number in ranked[:keep]]
    assert [kept.title for kept in worst.worst_first()] == expected


def test_differences_tell_hits_misses_and_false_alarms():
    image = np.zeros((1, 6, 3), np.uint8)
    truth = np.array([[1, 1, 0, 0, 2, NODATA]], np.uint8)
    predicted = np.array([[1, 0, 1, 0, 1, 1]], np.uint8)
    picture = differences(Comparison("", image, truth, predicted))
    half = [tuple(value // 2 for value in color) for color in (HIT_COLOR, MISSED_COLOR)]
    alarm = tuple(value // 2 for value in FALSE_ALARM_COLOR)
    none = (0, 0, 0)
    assert [tuple(pixel) for pixel in picture[0]] == [half[0], half[1], alarm, none, half[1], none]
    assert not image.any()  # the caller's picture is left alone


def test_classes_are_tinted_and_background_is_not():
    image = np.full((1, 3, 3), 100, np.uint8)
    picture = tinted(image, np.array([[0, 1, NODATA]], np.uint8), CLASSES)
    assert (picture[0, [0, 2]] == 100).all()
    assert picture[0, 1].tolist() == [50 + value // 2 for value in (230, 0, 77)]


def test_nothing_to_draw_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no piece"):
        draw_comparisons([], CLASSES, tmp_path / "x.png")


def test_a_piece_without_counted_pixels_has_no_share():
    row = piece_row("a", "test", ConfusionMatrix(CLASSES.values), CLASSES)
    assert row["wrong_share"] is None
    assert row["slum_iou"] is None


def test_counts_are_written_short():
    assert [short_number(n) for n in (0, 999, 1_000, 12_345, 4_560_000)] == [
        "0",
        "999",
        "1 k",
        "12.3 k",
        "4.56 M",
    ]
