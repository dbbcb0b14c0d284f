"""The figure of an assessment: what is mapped against what there is, with intervals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from geocity.core.classes import ClassTable, LandClass
from geocity.io.figures.style import INK, QUIET, house_style, new_figure, save_figure

_HECTARE = 10_000.0


def draw_areas(
    areas: Mapping[str, Mapping[str, Any]], classes: ClassTable, confidence: float, out: Path
) -> None:
    """Draw the mapped and the error-adjusted area of every class, each on a scale of its own.

    Args:
        areas: by class name: mapped, estimate, low, high; m².
        classes: names and colours.
        confidence: of the intervals.
        out: the PNG file to write.
    """
    with house_style():
        figure = new_figure(7, 1.3 + 0.85 * len(classes))
        rows: list[Axes] = list(figure.subplots(len(classes), 1, squeeze=False)[:, 0])
        for axes, land_class in zip(rows, classes, strict=True):
            _draw_class(axes, areas[land_class.name], land_class)
        figure.suptitle(
            f"Mapped area, and the area adjusted for its errors with {confidence:.0%} interval",
            x=0.01,
            ha="left",
            color=INK,
            fontsize=10,
            fontweight="bold",
        )
        rows[-1].set_xlabel("hectares; each class has a scale of its own")
        handles, labels = rows[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        save_figure(figure, out)


def _draw_class(axes: Axes, area: Mapping[str, Any], land_class: LandClass) -> None:
    red, green, blue = (0.85 * level / 255 for level in land_class.color)
    estimate, low, high, mapped = (
        area[key] / _HECTARE for key in ("estimate", "low", "high", "mapped")
    )
    axes.errorbar(
        [estimate],
        [0],
        xerr=[[estimate - low], [high - estimate]],
        fmt="o",
        color=(red, green, blue),
        markersize=7,
        capsize=5,
        linewidth=2.2,
        label="adjusted for errors, with interval",
    )
    axes.plot([mapped], [0], marker="|", color=INK, markersize=20, linestyle="", label="mapped")
    axes.set_yticks([0], [land_class.name])
    axes.tick_params(axis="y", length=0, colors=INK)
    axes.set_ylim(-1, 1)
    spread = max(high, mapped) - min(low, mapped)
    axes.margins(x=0.12 if spread > 0 else 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="x", colors=QUIET)
