"""A figure of chips with their labels over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from geocity.core.classes import NODATA, ClassTable, LandClass
from geocity.io.figures.style import INK, QUIET, house_style, limits, new_figure, stretch

_UNKNOWN = (0.55, 0.55, 0.55)
_CHIP_INCHES = 2.1


@dataclass(frozen=True)
class ChipPicture:
    """A chip to draw.

    Attributes:
        pixels: shape (bands, rows, cols).
        valid: shape (rows, cols).
        label: class values (rows, cols), 255 where unknown.
        title: stands above it.
    """

    pixels: NDArray[Any]
    valid: NDArray[np.bool_]
    label: NDArray[np.uint8]
    title: str


def chips_figure(
    pictures: Sequence[ChipPicture],
    classes: ClassTable,
    *,
    columns: int,
    opacity: float,
    title: str,
) -> Figure:
    """Draw chips in rows, classes over the imagery, with a legend.

    Background stays clear. Where the class is unknown, the chip is hatched in grey.

    Args:
        pictures: the chips, drawn from the top left.
        classes: give the colours.
        columns: chips in a row.
        opacity: of the classes, 0 (not to be seen) to 1.
        title: of the figure.
    """
    rows = -(-len(pictures) // columns)
    bands = _display_limits(pictures)
    with house_style():
        figure = new_figure(columns * _CHIP_INCHES, rows * (_CHIP_INCHES + 0.18) + 0.7)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
            axes.set(xticks=[], yticks=[])  # hidden ticks would be laid out all the same
        for axes, picture in zip(grid.flat, pictures, strict=False):
            axes.imshow(stretch(picture.pixels, picture.valid, low=bands[0], high=bands[1]))
            axes.imshow(_overlay(picture.label, classes, opacity), interpolation="nearest")
            _hatch_unknown(axes, picture.label)
            axes.set_title(picture.title, fontsize=7, fontweight="normal", color=QUIET, pad=3)
        figure.suptitle(title, x=0.006, ha="left", fontsize=11, fontweight="bold", color=INK)
        figure.legend(
            handles=_legend(pictures, classes, opacity),
            loc="outside lower left",
            ncols=6,
            handlelength=1.2,
            handleheight=1.0,
        )
    return figure


def _display_limits(
    pictures: Sequence[ChipPicture],
) -> tuple[tuple[float, ...], tuple[float, ...]] | tuple[None, None]:
    """Return one stretch for all chips, so that bright and dark places stay so; none for 8 bit."""
    if pictures[0].pixels.dtype == np.uint8:
        return None, None
    bands = 3 if len(pictures[0].pixels) >= 3 else 1
    # A pixel in sixteen is plenty for a percentile.
    pixels = np.concatenate([p.pixels[:bands, ::4, ::4].reshape(bands, -1) for p in pictures], 1)
    valid = np.concatenate([p.valid[::4, ::4].reshape(-1) for p in pictures])
    return limits(pixels, valid)


def _overlay(label: NDArray[np.uint8], classes: ClassTable, opacity: float) -> NDArray[np.float64]:
    colors = np.zeros((NODATA + 1, 4))
    for land_class in classes:
        if land_class.value != 0:
            colors[land_class.value] = _color(land_class, opacity)
    overlay: NDArray[np.float64] = colors[label]
    return overlay


def _color(land_class: LandClass, opacity: float) -> tuple[float, float, float, float]:
    red, green, blue = (channel / 255 for channel in land_class.color)
    return red, green, blue, opacity


def _hatch_unknown(axes: Any, label: NDArray[np.uint8]) -> None:
    unknown = label == NODATA
    if not unknown.any():
        return
    rows, cols = np.indices(label.shape)
    step = max(6, label.shape[0] // 12)
    stripes = unknown & ((rows + cols) % step < step / 8)
    paint = np.zeros((*label.shape, 4))
    paint[stripes] = (*_UNKNOWN, 0.6)
    axes.imshow(paint, interpolation="antialiased")


def _legend(pictures: Sequence[ChipPicture], classes: ClassTable, opacity: float) -> list[Patch]:
    handles = [
        Patch(facecolor=_color(k, max(opacity, 0.35)), label=k.name)
        for k in classes
        if k.value != 0
    ]
    if any((picture.label == NODATA).any() for picture in pictures):
        handles.append(
            Patch(facecolor="white", edgecolor=_UNKNOWN, hatch="////", lw=0, label="unknown")
        )
    return handles
