"""How well a class raster agrees with the truth: counts first, figures from the counts.

Counts add up, figures do not: a :class:`ConfusionMatrix` takes pixels piece by piece, matrices are
added, and precision, recall, F1 and IoU are read from the sum. So a split scores the same whether
its chips are large or small, and whatever their order.

Definitions for a class (truth T, prediction P, sets of counted pixels): precision |T∩P| / |P|,
recall |T∩P| / |T|, F1 2|T∩P| / (|T| + |P|), IoU |T∩P| / (|T| + |P| - |T∩P|). A figure whose
divisor is zero does not exist and is None, neither 0 nor 1: a class that is absent from the truth
has no recall, and one that is also never predicted has no IoU and no F1. A class that is absent
and yet predicted has precision, IoU and F1 of 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.classes import NODATA


class ConfusionMatrix:
    """Counts of pixels by true and predicted class, gathered piece by piece.

    Pixels without a true class (255) are not counted. Pixels with a true class and no prediction
    (255) are counted apart, as unanswered, and enter no figure: whoever reads the figures should
    read that number beside them, for leaving out hard pixels must not pass for skill.

    Attributes:
        values: the class values, rising; the order of rows and columns.
        counts: int64 (classes, classes), rows true and columns predicted.
        unanswered: int64 (classes,), pixels of each true class without a prediction.
    """

    def __init__(self, values: Sequence[int]) -> None:
        """Make an empty matrix.

        Raises:
            ValueError: if there are no values, or they are not unique, rising and within 0 to 254.
        """
        self.values = tuple(int(v) for v in values)
        rising = list(self.values) == sorted(set(self.values))
        if not self.values or not rising or self.values[0] < 0 or self.values[-1] >= NODATA:
            raise ValueError(f"class values must be rising numbers from 0 to 254, got {values}")
        self.counts: NDArray[np.int64] = np.zeros((len(values), len(values)), np.int64)
        self.unanswered: NDArray[np.int64] = np.zeros(len(values), np.int64)

    def update(self, truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> None:
        """Count the pixels of one piece.

        Args:
            truth: class values, any shape, uint8; 255 where unknown.
            predicted: class values of the same shape, uint8; 255 where none was given.

        Raises:
            ValueError: if shapes or number types do not fit, or a counted pixel has a value that
                is no class.
        """
        if truth.shape != predicted.shape:
            raise ValueError(f"truth is {truth.shape} and the prediction is {predicted.shape}")
        if truth.dtype != np.uint8 or predicted.dtype != np.uint8:
            raise ValueError(f"expected uint8 classes, got {truth.dtype} and {predicted.dtype}")
        # All pairs of two bytes are counted in one pass, whatever the classes.
        pairs = truth.astype(np.uint16).ravel() << 8
        pairs |= predicted.ravel()
        joint = np.bincount(pairs, minlength=1 << 16).reshape(NODATA + 1, NODATA + 1)[:NODATA]
        self._refuse_strangers("truth", joint.sum(axis=1))
        self._refuse_strangers("prediction", joint.sum(axis=0)[:NODATA])
        rows = joint[list(self.values)]
        self.counts += rows[:, list(self.values)]
        self.unanswered += rows[:, NODATA]

    def _refuse_strangers(self, side: str, count_by_value: NDArray[np.int64]) -> None:
        for value in np.flatnonzero(count_by_value):
            if int(value) not in self.values:
                raise ValueError(
                    f"the {side} holds the value {value}, which is none of the classes "
                    f"{', '.join(map(str, self.values))}"
                )

    def __add__(self, other: "ConfusionMatrix") -> "ConfusionMatrix":
        """Return the matrix of both sets of pixels.

        Raises:
            ValueError: if the classes differ.
        """
        if self.values != other.values:
            raise ValueError(f"classes {self.values} and {other.values} cannot be added")
        total = ConfusionMatrix(self.values)
        total.counts = self.counts + other.counts
        total.unanswered = self.unanswered + other.unanswered
        return total

    @property
    def pixels(self) -> int:
        """Return the number of pixels with both a true and a predicted class."""
        return int(self.counts.sum())

    def score(self, value: int) -> "ClassScore":
        """Return the figures of one class.

        Raises:
            ValueError: if the value is none of the classes.
        """
        if value not in self.values:
            raise ValueError(f"{value} is none of the classes {self.values}")
        index = self.values.index(value)
        return ClassScore(
            value=value,
            true_px=int(self.counts[index].sum()),
            predicted_px=int(self.counts[:, index].sum()),
            hit_px=int(self.counts[index, index]),
        )

    def scores(self) -> tuple["ClassScore", ...]:
        """Return the figures of every class, in the order of `values`."""
        return tuple(self.score(value) for value in self.values)

    @property
    def overall_accuracy(self) -> float | None:
        """Share of all counted pixels, background included, whose class is right."""
        return ratio(int(np.trace(self.counts)), self.pixels)

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean recall of the classes that are present in the truth, each counting the same."""
        return mean_of([score.recall for score in self.scores()])

    @property
    def mean_iou(self) -> float | None:
        """Mean IoU of the classes that are present in the truth or predicted."""
        return mean_of([score.iou for score in self.scores()])


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Counts and figures of one class; see the module for the definitions.

    Attributes:
        value: the class value.
        true_px: pixels of the class in the truth.
        predicted_px: pixels that were given the class.
        hit_px: pixels that are both.
    """

    value: int
    true_px: int
    predicted_px: int
    hit_px: int

    @property
    def precision(self) -> float | None:
        """Share of the predicted pixels that are right; None if none was predicted."""
        return ratio(self.hit_px, self.predicted_px)

    @property
    def recall(self) -> float | None:
        """Share of the true pixels that were found; None if there are none."""
        return ratio(self.hit_px, self.true_px)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None if the class is in neither."""
        return ratio(2 * self.hit_px, self.true_px + self.predicted_px)

    @property
    def iou(self) -> float | None:
        """Intersection over union; None if the class is in neither."""
        return ratio(self.hit_px, self.true_px + self.predicted_px - self.hit_px)

    @property
    def area_error(self) -> float | None:
        """Predicted over true area, less 1: +0.1 is a tenth too much; None without true pixels.

        Misses and false alarms cancel here, so it speaks of totals and says nothing about places.
        """
        return ratio(self.predicted_px - self.true_px, self.true_px)


def ratio(part: int | float, whole: int | float) -> float | None:
    """Return part / whole, or None where there is no whole."""
    return part / whole if whole else None


def mean_of(figures: Sequence[float | None]) -> float | None:
    """Return the mean of the figures that exist, or None if none does."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) / len(known) if known else None
