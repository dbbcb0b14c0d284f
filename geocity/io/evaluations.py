"""The folder of an evaluation: figures as JSON, as tables, and as pictures."""

import heapq
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from geocity.core.agreement import Agreement, foreground
from geocity.core.classes import ClassTable
from geocity.core.metrics import ConfusionMatrix, ratio
from geocity.io.csv_tables import write_csv
from geocity.io.figures.accuracy import (
    Comparison,
    draw_comparisons,
    draw_confusion_matrix,
    draw_reliability,
)
from geocity.io.text_tables import aligned

METRICS_JSON = "metrics.json"
PER_CLASS_CSV = "per_class.csv"
PER_CHIP_CSV = "per_chip.csv"
CONFUSION_PNG = "confusion_matrix.png"
RELIABILITY_PNG = "reliability.png"
WORST_PNG = "worst_chips.png"

NOT_THE_SAMPLES_ACCURACY = (
    'The "accuracy" of the notebook of the slum sample by Esri left out every pixel of class 0: '
    "it was the recall of the labelled pixels, and a map that paints everything slum scores 1.0 "
    "on it. It is not reported here; read recall together with precision and IoU."
)
"""Said wherever figures are shown, for people who come from there."""

_SHOWN = 12


def piece_row(name: str, part: str, piece: ConfusionMatrix, classes: ClassTable) -> dict[str, Any]:
    """Return the figures of one chip or block as a row of a table.

    Args:
        name: of the chip or block.
        part: the split it belongs to, or what stands for it.
        piece: its counts.
        classes: names of the classes.
    """
    wrong = piece.pixels - int(np.trace(piece.counts))
    row: dict[str, Any] = {
        "chip": name,
        "part": part,
        "counted_px": piece.pixels,
        "wrong_px": wrong,
        "wrong_share": ratio(wrong, piece.pixels),
    }
    for value in foreground(classes):
        score, label = piece.score(value), classes.by_value(value).name
        row |= {
            f"{label}_true_px": score.true_px,
            f"{label}_predicted_px": score.predicted_px,
            f"{label}_hit_px": score.hit_px,
            f"{label}_iou": score.iou,
        }
    return row


@dataclass
class WorstPieces:
    """Keeps the pieces with most wrong pixels; memory does not grow with their number."""

    keep: int = _SHOWN
    _heap: list[tuple[int, int, Comparison]] = field(default_factory=list)
    _seen: int = 0

    def wants(self, wrong_px: int) -> bool:
        """Tell whether a piece with so many wrong pixels is among the worst so far."""
        return wrong_px > 0 and (len(self._heap) < self.keep or wrong_px > self._heap[0][0])

    def add(self, wrong_px: int, piece: Comparison) -> None:
        """Take a piece, and let go of the best one kept where there are too many."""
        self._seen += 1
        # Among equals the earlier one stays: the number tells them apart and is never compared on.
        heapq.heappush(self._heap, (wrong_px, -self._seen, piece))
        if len(self._heap) > self.keep:
            heapq.heappop(self._heap)

    def worst_first(self) -> list[Comparison]:
        """Return the pieces, the one with most wrong pixels first."""
        return [piece for _, _, piece in sorted(self._heap, key=lambda item: item[:2])[::-1]]


def write_evaluation(
    folder: Path,
    about: Mapping[str, Any],
    agreement: Agreement,
    rows: Sequence[Mapping[str, Any]],
    worst: WorstPieces,
) -> dict[str, Any]:
    """Write all files of an evaluation.

    Args:
        folder: an empty folder.
        about: what was evaluated, on what; comes first in the JSON.
        agreement: the figures.
        rows: one a chip or block, of `piece_row`.
        worst: the pieces to show.

    Returns:
        The content of ``metrics.json``.
    """
    report = {**about, **agreement.report(), "note": NOT_THE_SAMPLES_ACCURACY}
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / METRICS_JSON).write_text(text + "\n", encoding="utf-8")
    write_csv(folder / PER_CLASS_CSV, agreement.class_figures())
    pieces = sorted(rows, key=lambda row: -int(row["wrong_px"]))
    write_csv(folder / PER_CHIP_CSV, pieces, None if pieces else ["chip"])
    draw_confusion_matrix(agreement.matrix, agreement.classes.names, folder / CONFUSION_PNG)
    if agreement.reliability:
        draw_reliability(agreement.reliability, agreement.classes, folder / RELIABILITY_PNG)
    if shown := worst.worst_first():
        draw_comparisons(shown, agreement.classes, folder / WORST_PNG)
    return report


def evaluation_table(report: Mapping[str, Any]) -> str:
    """Return the figures of a report as a table for people, with what they were counted over."""
    head = (
        "class",
        "IoU",
        "precision",
        "recall",
        "F1",
        "border F1",
        "true km²",
        "found km²",
        "area",
    )
    table = aligned([head, *(_class_line(row) for row in report["classes"])])
    pixels = report["pixels"]
    overall = _share(report["overall_accuracy_of_all_known_pixels"])
    unanswered = f", {pixels['unanswered']:,} without an answer" if pixels["unanswered"] else ""
    return (
        f"{table}\n\n"
        f"Mean IoU {_share(report['mean_iou'])}; overall accuracy over all {pixels['counted']:,} "
        f"known pixels, background included, {overall}{unanswered}. Borders may lie "
        f"{report['boundary_tolerance_px']:.3g} pixels apart.\n{NOT_THE_SAMPLES_ACCURACY}"
    )


def _class_line(row: Mapping[str, Any]) -> tuple[str, ...]:
    shares = ("iou", "precision", "recall", "f1", "boundary_f1")
    areas = ("true_area_m2", "predicted_area_m2")
    error = row["area_error"]
    return (
        str(row["class"]),
        *(_share(row[name]) for name in shares),
        *("-" if row[name] is None else f"{row[name] / 1e6:.3f}" for name in areas),
        "-" if error is None else f"{error:+.1%}",
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
