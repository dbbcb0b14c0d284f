"""A map against the truth, piece by piece: counts, borders and calibration gathered together.

Pieces are chips, or blocks of a raster; the sum does not depend on how the ground was cut, except
that a border is not looked for beyond the piece in hand (blocks bring a halo, chips have none).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.boundary import BoundaryCounts, boundary_counts
from geocity.core.calibration import Reliability
from geocity.core.classes import NODATA, ClassTable
from geocity.core.grid import Window
from geocity.core.metrics import ConfusionMatrix

Probabilities = Mapping[int, NDArray[np.float32]]
"""Probability of a class by its value, (rows, cols), NaN where there is none."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What turns pixels into metres.

    Attributes:
        cell_area_m2: area of a pixel, or None where it is unknown.
        tolerance_px: how far apart two borders may lie and still agree.
    """

    cell_area_m2: float | None
    tolerance_px: float


class Agreement:
    """How a map agrees with the truth, over all pieces so far.

    Attributes:
        classes: the classes of both.
        ground: cell area and border tolerance.
        matrix: pixels by true and predicted class.
        unknown_px: pixels that were left out, having no true class.
        boundaries: counts of border pixels of each class but the background.
        reliability: probabilities against outcomes, for each class that came with probabilities.
    """

    def __init__(self, classes: ClassTable, ground: Ground) -> None:
        self.classes = classes
        self.ground = ground
        self.matrix = ConfusionMatrix(classes.values)
        self.unknown_px = 0
        # The background's border is the border of the others; it would count twice.
        self.boundaries = {value: BoundaryCounts() for value in foreground(classes)}
        self.reliability: dict[int, Reliability] = {}

    def update(
        self,
        truth: NDArray[np.uint8],
        predicted: NDArray[np.uint8],
        probabilities: Probabilities | None = None,
        core: Window | None = None,
    ) -> ConfusionMatrix:
        """Take one piece.

        Args:
            truth: class values, uint8 (rows, cols), 255 where unknown.
            predicted: class values, same shape, 255 where none was given.
            probabilities: of the classes that have them, same shape.
            core: the part that counts, where the piece comes with context; all of it if None.

        Returns:
            The matrix of this piece alone.

        Raises:
            ValueError: if shapes differ or a value is no class.
        """
        inside = (core or Window(0, 0, truth.shape[0], truth.shape[1])).slices
        piece = ConfusionMatrix(self.classes.values)
        piece.update(truth[inside], predicted[inside])
        self.matrix += piece
        known = truth[inside] != NODATA
        self.unknown_px += int(known.size - known.sum())
        for value in self.boundaries:
            self.boundaries[value] += boundary_counts(
                truth, predicted, value, self.ground.tolerance_px, core
            )
        for value, probability in (probabilities or {}).items():
            if value in self.boundaries:
                given = known & np.isfinite(probability[inside])
                curve = self.reliability.setdefault(value, Reliability())
                curve.update(probability[inside][given], truth[inside][given] == value)
        return piece

    def class_figures(self) -> list[dict[str, Any]]:
        """Return one row of figures a class, background first; what does not exist is None."""
        return [self._figures_of(value) for value in self.classes.values]

    def _figures_of(self, value: int) -> dict[str, Any]:
        score = self.matrix.score(value)
        area = self.ground.cell_area_m2
        border = self.boundaries.get(value)
        curve = self.reliability.get(value)
        return {
            "value": value,
            "class": self.classes.by_value(value).name,
            "precision": score.precision,
            "recall": score.recall,
            "f1": score.f1,
            "iou": score.iou,
            "true_px": score.true_px,
            "predicted_px": score.predicted_px,
            "hit_px": score.hit_px,
            "true_area_m2": None if area is None else score.true_px * area,
            "predicted_area_m2": None if area is None else score.predicted_px * area,
            "area_error": score.area_error,
            "boundary_f1": border.f1 if border else None,
            "boundary_precision": border.precision if border else None,
            "boundary_recall": border.recall if border else None,
            "ece": curve.ece if curve else None,
            "brier": curve.brier if curve else None,
            "nll": curve.nll if curve else None,
        }

    def report(self) -> dict[str, Any]:
        """Return everything as plain numbers, ready for JSON."""
        return {
            "pixels": {
                "counted": self.matrix.pixels,
                "unknown_truth": self.unknown_px,
                "unanswered": int(self.matrix.unanswered.sum()),
            },
            "cell_area_m2": self.ground.cell_area_m2,
            "boundary_tolerance_px": self.ground.tolerance_px,
            "mean_iou": self.matrix.mean_iou,
            "overall_accuracy_of_all_known_pixels": self.matrix.overall_accuracy,
            "balanced_accuracy_mean_recall_of_classes": self.matrix.balanced_accuracy,
            "classes": self.class_figures(),
            "confusion_true_by_predicted": {
                "values": list(self.matrix.values),
                "counts": self.matrix.counts.tolist(),
            },
            "reliability": {
                str(value): [asdict(bar) for bar in curve.bins]
                for value, curve in self.reliability.items()
            },
        }


def foreground(classes: ClassTable) -> tuple[int, ...]:
    """Return the values of all classes but the background, which is 0."""
    return tuple(value for value in classes.values if value != 0)
