"""Many small pictures on one sheet: placed by pixels, drawn once."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from geocity.core.cities.heat import (
    HEAT_RAMP,
    SIGNED_RAMP,
    Maps,
    balanced,
    colored,
    salient,
    scaled,
)
from geocity.io.figures.style import DPI, INK, QUIET, RULE, house_style, new_figure, save_figure

Picture = NDArray[np.uint8]
"""uint8 (rows, cols, 3)."""

_POINTS = 72 / DPI
_DIMMED = 0.22
_BRIGHTEST = 99.5  # percentile: one odd pixel must not make the rest pale
_GREY = np.array([0.299, 0.587, 0.114])


class Canvas:
    """A sheet measured in pixels of the file, from the top left.

    Args:
        width: in pixels.
        height: in pixels.
    """

    def __init__(self, width: float, height: float) -> None:
        self._figure: Figure = new_figure(width / DPI, height / DPI)
        self._figure.set_layout_engine("none")  # every piece has its place already
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(height, 0)
        self.width = width

    def picture(
        self, pixels: NDArray[np.uint8], x: float, y: float, width: float, height: float
    ) -> None:
        """Place a picture; it is enlarged or shrunk to fit."""
        self._axes.imshow(
            pixels,
            extent=(x, x + width, y + height, y),
            interpolation="antialiased",
            aspect="auto",
        )

    def text(
        self,
        words: str,
        x: float,
        y: float,
        size: float = 15,
        *,
        color: str = INK,
        bold: bool = False,
        align: str = "left",
    ) -> None:
        """Write; `y` is the middle of the line, `size` its height in pixels."""
        self._axes.text(
            x,
            y,
            words,
            fontsize=size * _POINTS,
            color=color,
            ha=align,
            va="center",
            fontweight="bold" if bold else "normal",
        )

    def rule(self, y: float, x: float = 0, x_end: float | None = None) -> None:
        """Draw a thin line across."""
        end = self.width if x_end is None else x_end
        self._axes.plot([x, end], [y, y], color=RULE, linewidth=0.8)

    def color_bar(self, x: float, y: float, *, signed: bool) -> None:
        """Draw the key of the heat maps."""
        steps = np.linspace(-1 if signed else 0, 1, 128)[None]
        ramp = SIGNED_RAMP if signed else HEAT_RAMP
        self.picture(colored(steps, ramp).round().astype(np.uint8), x, y - 6, 200, 12)
        ends = ("against the city", "for the city") if signed else ("least", "most")
        self.text(ends[0], x - 10, y, 14, color=QUIET, align="right")
        self.text(f"{ends[1]}  ·  each map by its own range", x + 210, y, 14, color=QUIET)

    def save(self, out: Path) -> None:
        """Write the sheet as a PNG file."""
        self._axes.set_xlim(0, self.width)
        save_figure(self._figure, out)


def sheet(width: float, height: float) -> Canvas:
    """Return an empty sheet in the house style."""
    with house_style():
        return Canvas(width, height)


def overlaid(picture: Picture, heat: Maps, *, signed: bool) -> Picture:
    """Return a picture in grey with a heat map over it.

    Args:
        picture: uint8 (rows, cols, 3).
        heat: shape (rows, cols); where it is NaN the picture stays grey.
        signed: whether 0 means "says nothing": then such places stay grey.
    """
    grey = np.repeat((picture @ _GREY)[..., None], 3, axis=-1)
    if signed:
        values = balanced(heat[None], _BRIGHTEST)[0]
        color, cover = colored(values, SIGNED_RAMP), 0.9 * np.sqrt(np.abs(values))[..., None]
        # On dark ground the palest colours of the ramp would read as light; grey is lifted.
        grey = 90 + 0.6 * grey
    else:
        color, cover = colored(scaled(heat[None])[0], HEAT_RAMP), 0.6 * ~np.isnan(heat)[..., None]
    return np.asarray((grey * (1 - cover) + color * cover).round().clip(0, 255), np.uint8)


def masked(picture: Picture, heat: Maps) -> Picture:
    """Return a picture dimmed where its map is not above its mean plus one standard deviation.

    Where the map has no value (NaN), the picture stays as it is.
    """
    dimmed = (picture * _DIMMED).round().astype(np.uint8)
    shown = salient(heat[None])[0] | np.isnan(heat)
    return np.where(shown[..., None], picture, dimmed)
