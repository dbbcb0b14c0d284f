"""Charts of heat maps: are they true to the network, and what ground do they lie on?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from geocity.core.cities.faithfulness import REDRAW_LIMIT, Faithfulness, curve_shares
from geocity.core.cities.salience import ClassSalience
from geocity.core.classes import Color
from geocity.io.figures.style import (
    ACCENT,
    INK,
    PALETTE,
    QUIET,
    house_style,
    new_figure,
    save_figure,
)

_MOST_IN_A_CHART = 24


def draw_faithfulness(rows: Sequence[Faithfulness], out: Path) -> None:
    """Draw average drop, deletion and insertion, and the redraw check, layer by layer.

    Args:
        rows: of one or several methods, at the same layers.
        out: the PNG file to write.
    """
    methods = list(dict.fromkeys(row.method for row in rows))
    layers = list(dict.fromkeys(row.layer for row in rows))
    images = rows[0].drop.images
    with house_style():
        figure = new_figure(12, 3.6 + 2.6)
        grid = figure.add_gridspec(2, 12, height_ratios=(1.15, 1))
        upper = [figure.add_subplot(grid[0, at : at + 4]) for at in (0, 4, 8)]
        drop, increase, redraw = upper
        drops = {(r.method, r.layer): r.drop for r in rows}
        _bars(drop, methods, layers, {k: d.per_image for k, d in drops.items()})
        drop.set_title("Average drop (low is good)")
        drop.set_ylabel("% of the probability lost, per image")
        _bars(increase, methods, layers, {k: d.increase for k, d in drops.items()})
        increase.set_title("Increase (high is good)")
        increase.set_ylabel("% of images that did not drop")
        increase.set_ylim(0, 100)
        agreement = {(r.method, r.layer): r.redraw for r in rows}
        _bars(redraw, methods, layers, {k: a for k, a in agreement.items() if a is not None})
        redraw.axhline(REDRAW_LIMIT, color=ACCENT, linestyle="--", linewidth=1)
        redraw.set_ylim(-1, 1)
        redraw.set_title(f"Redraw check (below {REDRAW_LIMIT:g} passes)")
        redraw.set_ylabel("rank agreement with a new head")
        lower = figure.add_subplot(grid[1, :6]), figure.add_subplot(grid[1, 6:])
        _curves(lower, rows, methods, layers)
        handles = [
            Patch(color=PALETTE[i % len(PALETTE)], label=method) for i, method in enumerate(methods)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        figure.suptitle(
            f"Are the maps true to the network?  {images} patches",
            x=0.008, ha="left", fontsize=13, fontweight="bold", color=INK,
        )  # fmt: skip
        save_figure(figure, out)


def _bars(
    axes: Axes, methods: Sequence[str], layers: Sequence[str], values: dict[tuple[str, str], float]
) -> None:
    width = 0.8 / len(methods)
    places = np.arange(len(layers))
    for index, method in enumerate(methods):
        heights = [values.get((method, layer), 0.0) for layer in layers]
        at = places + (index - (len(methods) - 1) / 2) * width
        bars = axes.bar(at, heights, width * 0.92, color=PALETTE[index % len(PALETTE)])
        if len(methods) <= 2:
            labels = [f"{h:.2f}" if abs(h) < 1.05 and max(heights) <= 1 else f"{h:.0f}"
                      for h in heights]  # fmt: skip
            axes.bar_label(bars, labels, fontsize=7, color=QUIET, padding=1)
    axes.set_xticks(places, layers)
    axes.grid(visible=False, axis="x")


def _curves(
    axes: Sequence[Axes],
    rows: Sequence[Faithfulness],
    methods: Sequence[str],
    layers: Sequence[str],
) -> None:
    """Draw deletion and insertion; deeper layers have longer dashes, the deepest a full line."""
    strokes: list[Any] = [(0, (1 + 3 * i, 2)) for i in range(len(layers) - 1)] + ["-"]
    titles = ("Deletion: most telling pixels go first", "Insertion: most telling pixels come first")
    for one, title in zip(axes, titles, strict=True):
        deletion = one is axes[0]
        for row in rows:
            values = row.deletion if deletion else row.insertion
            area = row.deletion_area if deletion else row.insertion_area
            one.plot(
                [100 * share for share in curve_shares(len(values) - 1)],
                values,
                color=PALETTE[methods.index(row.method) % len(PALETTE)],
                linestyle=strokes[layers.index(row.layer)],
                linewidth=1.3,
                label=f"{row.layer}: area {area:.2f}" if len(methods) == 1 else None,
            )
        one.set_title(f"{title} ({'low' if deletion else 'high'} is good)")
        one.set_xlabel(f"% of the pixels {'gone' if deletion else 'there'}")
        one.set_ylabel("probability of the city")
        one.set_ylim(0, 1)
        if len(methods) == 1:
            one.legend(fontsize=8)
        else:
            keys = [
                Line2D([], [], color=QUIET, linestyle=stroke, linewidth=1.3, label=layer)
                for layer, stroke in zip(layers, strokes, strict=True)
            ]
            one.legend(handles=keys, fontsize=8)


def draw_salience(
    rows: Sequence[ClassSalience], colors: Sequence[Color], layer: str, out: Path
) -> None:
    """Draw what ground says each city, beside how much of the ground it is.

    Args:
        rows: of every city and class at the layer, classes in one order.
        colors: of the classes, in that order.
        layer: of the network.
        out: the PNG file to write.
    """
    cities = list(dict.fromkeys(row.city for row in rows))
    classes = list(dict.fromkeys(row.class_name for row in rows))
    found = {(row.city, row.class_name): row for row in rows}
    shown = [i for i, name in enumerate(classes) if any(found[c, name].area > 0 for c in cities)]
    shown = sorted(shown, key=lambda i: -sum(found[c, classes[i]].area for c in cities))
    shown = shown[:_MOST_IN_A_CHART]
    names = [classes[i] for i in shown]
    with house_style():
        high = max(2.6, 0.5 * len(cities) + 1.5)
        figure = new_figure(12, high)
        bars, lifts = figure.subplots(1, 2, width_ratios=(1.25, 1), sharey=True)
        places = np.arange(len(cities))
        for offset, kind, height in ((-0.17, "relevance", 0.4), (0.23, "area", 0.26)):
            left = np.zeros(len(cities))
            for index, name in zip(shown, names, strict=True):
                values = np.array([100 * getattr(found[city, name], kind) for city in cities])
                color = tuple(level / 255 for level in colors[index])
                bars.barh(
                    places + offset, values, height, left=left, color=color,
                    alpha=1.0 if kind == "relevance" else 0.45, edgecolor="white", linewidth=0.6,
                )  # fmt: skip
                _numbers(bars, places + offset, left, values, color, small=kind == "area")
                left += values
        bars.set_yticks(places, cities)
        bars.set_ylim(len(cities) - 0.5, -0.5)
        bars.set_xlim(0, 100)
        bars.set_xlabel("%   thick: of what says the city   ·   thin and pale: of the ground")
        bars.set_title("What lies under it")
        bars.grid(visible=False, axis="y")
        handles = [
            Patch(color=_hex(colors[i]), label=name) for i, name in zip(shown, names, strict=True)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6))
        _draw_lifts(lifts, found, cities, names)
        figure.suptitle(
            f"On what ground lies what says each city?  {layer}",
            x=0.008, ha="left", fontsize=13, fontweight="bold", color=INK,
        )  # fmt: skip
        save_figure(figure, out)


def _hex(color: Color) -> str:
    red, green, blue = (level / 255 for level in color)
    return to_hex((red, green, blue))


def _numbers(
    axes: Axes,
    places: NDArray[np.floating],
    left: NDArray[np.floating],
    values: NDArray[np.floating],
    color: Sequence[float],
    *,
    small: bool,
) -> None:
    light = float(np.dot(color, (0.3, 0.59, 0.11))) > 0.55 or small
    for place, start, value in zip(places, left, values, strict=True):
        if value >= 4:
            axes.text(
                start + value / 2, place, f"{value:.0f}", ha="center", va="center",
                fontsize=6.5 if small else 8, color=INK if light else "white",
            )  # fmt: skip


def _draw_lifts(
    axes: Axes,
    found: dict[tuple[str, str], ClassSalience],
    cities: Sequence[str],
    names: Sequence[str],
) -> None:
    """Draw how many times as much a class says as its area would."""
    lifts = np.array(
        [[found[city, name].lift or np.nan for name in names] for city in cities], float
    )
    shades = np.log2(np.clip(lifts, 0.25, 4))
    axes.imshow(shades, cmap="RdBu_r", vmin=-2, vmax=2, aspect="auto")
    for (row, col), lift in np.ndenumerate(lifts):
        if np.isfinite(lift):
            color = "white" if abs(np.log2(max(lift, 0.01))) > 1.3 else INK
            axes.text(col, row, f"{lift:.1f}", ha="center", va="center", fontsize=8, color=color)
    short = [name if len(name) <= 14 else f"{name[:13]}…" for name in names]
    axes.set_xticks(range(len(names)), short, rotation=30 if len(names) > 4 else 0)
    axes.tick_params(length=0)
    axes.set_title("Lift: share of what says it over share of the ground")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
