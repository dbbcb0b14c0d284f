"""Figures of an evaluation: confusion matrix, reliability curve, ground truth beside prediction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from geocity.core.calibration import Reliability
from geocity.core.classes import NODATA, ClassTable, Color, LandClass
from geocity.core.metrics import ConfusionMatrix
from geocity.io.figures.style import INK, QUIET, RULE, house_style, new_figure, save_figure

HIT_COLOR: Color = (27, 158, 119)
MISSED_COLOR: Color = (217, 44, 44)
FALSE_ALARM_COLOR: Color = (245, 196, 0)

_Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A piece of ground to look at.

    Attributes:
        title: what it is and how it scored, one or two short lines.
        image: uint8 (rows, cols, 3), as people see it.
        truth: class values, uint8 (rows, cols), 255 where unknown.
        predicted: class values, same shape.
    """

    title: str
    image: _Rgb
    truth: NDArray[np.uint8]
    predicted: NDArray[np.uint8]


def draw_confusion_matrix(matrix: ConfusionMatrix, names: Sequence[str], out: Path) -> None:
    """Draw a confusion matrix: shares of each true class, with pixel counts below.

    Args:
        matrix: the counts.
        names: of the classes, in the order of the matrix.
        out: the PNG file to write.
    """
    counts = matrix.counts
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    side = 2.2 + 0.95 * len(names)
    with house_style():
        figure = new_figure(side + 0.8, side)
        axes = figure.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, col), count in np.ndenumerate(counts):
            text = f"{shares[row, col]:.1%}\n{short_number(int(count))}"
            color = "white" if shares[row, col] > 0.55 else INK
            axes.text(col, row, text, ha="center", va="center", color=color)
        axes.set_xticks(range(len(names)), names, rotation=30 if len(names) > 3 else 0)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("predicted")
        axes.set_ylabel("ground truth")
        axes.set_title("Where the pixels of each true class went")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        save_figure(figure, out)


def draw_reliability(curves: Mapping[int, Reliability], classes: ClassTable, out: Path) -> None:
    """Draw how often a class was true where a probability was given, and how many pixels had it.

    Args:
        curves: by class value.
        classes: names and colours.
        out: the PNG file to write.
    """
    with house_style():
        figure = new_figure(5, 6.2)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot(
            [0, 1], [0, 1], color=QUIET, linewidth=1, linestyle="--", label="as it should be"
        )
        for value, curve in curves.items():
            _draw_curve(upper, lower, curve, classes.by_value(value))
        upper.set_title("Do the probabilities mean what they say?")
        upper.set_ylabel("share that truly was the class")
        upper.set_xlim(0, 1)
        upper.set_ylim(0, 1)
        upper.legend(loc="upper left")
        lower.set_yscale("symlog", linthresh=1)
        lower.set_ylabel("pixels")
        lower.set_xlabel("probability given by the model")
        save_figure(figure, out)


def _draw_curve(upper: Axes, lower: Axes, curve: Reliability, land_class: LandClass) -> None:
    color = _unit(land_class.color)
    bars = curve.bins
    draw_frequencies(upper, curve, land_class.name, color)
    edges = [bar.low for bar in bars] + [1.0]
    lower.stairs([bar.pixels for bar in bars], edges, color=color, fill=True, alpha=0.6)


def draw_frequencies(
    axes: Axes, curve: Reliability, name: str, color: str | tuple[float, float, float]
) -> None:
    """Draw how often what was given a probability was true, bin by bin.

    Args:
        axes: both from 0 to 1.
        curve: the counts.
        name: for the legend, which tells the calibration error too.
        color: of line and marks.
    """
    filled = curve.pixels > 0
    axes.plot(
        curve.probability_sum[filled] / curve.pixels[filled],
        curve.true_px[filled] / curve.pixels[filled],
        marker="o",
        markersize=4,
        color=color,
        label=f"{name} (calibration error {curve.ece or 0:.3f})",
    )


def draw_comparisons(comparisons: Sequence[Comparison], classes: ClassTable, out: Path) -> None:
    """Draw imagery, ground truth, prediction and where they differ, one row a piece.

    Args:
        comparisons: in the order of the rows; at least one.
        classes: names and colours.
        out: the PNG file to write.

    Raises:
        ValueError: if there is nothing to draw.
    """
    if not comparisons:
        raise ValueError("there is no piece to draw")
    with house_style():
        figure = new_figure(11, 2.75 * len(comparisons) + 0.6)
        grid = figure.subplots(len(comparisons), 4, squeeze=False)
        heads = ("imagery", "ground truth", "prediction", "difference")
        for axes, head in zip(grid[0], heads, strict=True):
            axes.set_title(head)
        for row, piece in zip(grid, comparisons, strict=True):
            pictures = (
                piece.image,
                tinted(piece.image, piece.truth, classes),
                tinted(piece.image, piece.predicted, classes),
                differences(piece),
            )
            for axes, picture in zip(row, pictures, strict=True):
                _show(axes, picture)
            row[0].set_ylabel(piece.title, color=INK)
        marks = [(c.color, c.name) for c in classes if c.value != 0]
        marks += [
            (HIT_COLOR, "found"),
            (MISSED_COLOR, "missed"),
            (FALSE_ALARM_COLOR, "false alarm"),
        ]
        figure.legend(
            handles=[Patch(color=_unit(color), label=name) for color, name in marks],
            loc="outside lower center",
            ncols=min(len(marks), 6),
        )
        save_figure(figure, out)


def tinted(image: _Rgb, values: NDArray[np.uint8], classes: ClassTable) -> _Rgb:
    """Return imagery with every class but the background tinted in its colour.

    Args:
        image: uint8 (rows, cols, 3).
        values: class values, uint8 (rows, cols).
        classes: the colours.
    """
    result = image.copy()
    for land_class in classes:
        if land_class.value != 0:
            _tint(result, values == land_class.value, land_class.color)
    return result


def differences(piece: Comparison) -> _Rgb:
    """Return imagery with hits, misses and false alarms tinted; unknown pixels are darkened.

    A false alarm is a class where the truth is background; a true class that was given as
    background or as another class is missed.
    """
    result = piece.image.copy()
    known = piece.truth != NODATA
    something, right = piece.truth != 0, piece.truth == piece.predicted
    _tint(result, known & something & right, HIT_COLOR)
    _tint(result, known & something & ~right, MISSED_COLOR)
    _tint(result, known & ~something & ~right & (piece.predicted != NODATA), FALSE_ALARM_COLOR)
    result[~known] //= 3
    return result


def _tint(image: _Rgb, where: NDArray[np.bool_], color: Color) -> None:
    half = image[where] // 2
    image[where] = half + np.asarray(color, np.uint8) // 2


def _show(axes: Axes, picture: _Rgb) -> None:
    axes.imshow(picture, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_color(RULE)


def _unit(color: Color) -> tuple[float, float, float]:
    red, green, blue = color
    return red / 255, green / 255, blue / 255


def short_number(number: int) -> str:
    """Write a count as people read it.

    Example:
        >>> short_number(950), short_number(12_345), short_number(4_560_000)
        ('950', '12.3 k', '4.56 M')
    """
    for step, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= step:
            return f"{number / step:.3g} {letter}"
    return str(number)
