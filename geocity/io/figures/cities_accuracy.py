"""Figures of a city model: who is taken for whom, city by city, how sure, and what it lives off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from numpy.typing import NDArray

from geocity.core.calibration import Reliability
from geocity.core.cities.cue_audit import CUES, CueAudit
from geocity.core.cities.scores import Figure, LevelScores
from geocity.io.figures.accuracy import draw_frequencies
from geocity.io.figures.style import (
    ACCENT,
    INK,
    PALETTE,
    QUIET,
    house_style,
    new_figure,
    save_figure,
)

_SHOWN_FROM = 0.01
"""Smaller shares are left to their shade: numbers that say "0" hide those that say something."""


@dataclass(frozen=True, slots=True)
class CityLabels:
    """What cities are called.

    Attributes:
        codes: short, in the model's order.
        names: for people.
    """

    codes: Sequence[str]
    names: Sequence[str]

    @property
    def long(self) -> list[str]:
        """Return name and code of each city, or the one where both are the same."""
        pairs = zip(self.names, self.codes, strict=True)
        return [n if n == c else f"{n}  {c}" for n, c in pairs]


def draw_city_confusion(
    confusion: NDArray[np.integer], labels: CityLabels, out: Path, *, unit: str = "patches"
) -> None:
    """Draw who is taken for whom: shares of each true city, in percent.

    Readable up to some sixty cities: rows carry names, columns codes, and a cell carries its
    number from 1 % on.

    Args:
        confusion: (cities, cities), rows true, columns predicted.
        labels: of the cities.
        out: the PNG file to write.
        unit: what was counted.
    """
    totals = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, totals, out=np.zeros(confusion.shape), where=totals > 0)
    cities = len(confusion)
    side = max(3.4, 0.27 * cities + 1.2)
    size = float(np.interp(cities, (8, 45), (8.5, 6)))
    with house_style():
        figure = new_figure(side + 2.6, side + 0.7)
        axes = figure.add_subplot()
        # The root makes one percent visible beside ninety.
        axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
        for row, col in np.argwhere(shares >= _SHOWN_FROM):
            share = shares[row, col]
            color = "white" if share > 0.3 else INK
            axes.text(
                col, row, f"{share * 100:.0f}", ha="center", va="center", color=color, fontsize=size
            )
        axes.set_yticks(range(cities), _with_totals(labels.long, totals[:, 0]), fontsize=size + 0.8)
        axes.set_xticks(
            range(cities), labels.codes, rotation=90 if cities > 6 else 0, fontsize=size + 0.8
        )
        axes.set_xlabel("named by the model")
        axes.set_ylabel(f"true city ({unit})")
        axes.set_title(f"Who is taken for whom: percent of {unit}")
        _thin_lines(axes, cities)
        save_figure(figure, out)


def _with_totals(names: Sequence[str], totals: NDArray[np.integer]) -> list[str]:
    return [f"{name}  ({total:,})" for name, total in zip(names, totals, strict=True)]


def _thin_lines(axes: Axes, cities: int) -> None:
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    edges = np.arange(cities + 1) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(visible=True, which="minor", color="white", linewidth=0.5)


def draw_city_scores(levels: Mapping[str, LevelScores], labels: CityLabels, out: Path) -> None:
    """Draw the share of each city's patches and images that are named right, with intervals.

    Args:
        levels: by what they are called.
        labels: of the cities.
        out: the PNG file to write.
    """
    first = next(iter(levels.values()))
    recall = [_value(city["recall"]) for city in first.by_city]
    order = np.argsort(np.nan_to_num(recall, nan=-1.0), kind="stable")
    with house_style():
        figure = new_figure(6.4, 1.3 + 0.24 * len(order))
        axes = figure.add_subplot()
        places = np.arange(len(order))
        for number, (name, level) in enumerate(levels.items()):
            offset = (number - (len(levels) - 1) / 2) * -0.26
            figures = [level.by_city[city]["recall"] for city in order]
            _draw_points(axes, figures, places + offset, PALETTE[number], name)
        axes.set_yticks(places, [labels.long[city] for city in order])
        axes.set_ylim(-0.7, len(order) - 0.3)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("share named right (recall); lines: interval over sites and images")
        axes.set_title("City by city")
        axes.grid(visible=False, axis="y")
        figure.legend(loc="outside upper right", ncols=len(levels))
        save_figure(figure, out)


def _draw_points(
    axes: Axes, figures: Sequence[Figure], places: NDArray[np.floating], color: str, name: str
) -> None:
    axes.plot([_value(f) for f in figures], places, "o", color=color, markersize=4, label=name)
    for figure, place in zip(figures, places, strict=True):
        if figure.interval is not None:
            axes.plot(figure.interval, (place, place), color=color, linewidth=1.2, alpha=0.7)


def draw_sureness(curves: Mapping[str, tuple[Reliability, Reliability]], out: Path) -> None:
    """Draw how often the named city was right where a probability was given, by level.

    Args:
        curves: before and after calibration, by what the level is called.
        out: the PNG file to write.
    """
    with house_style():
        figure = new_figure(4.4 * len(curves) + 0.4, 5.6)
        grid = figure.subplots(
            2, len(curves), squeeze=False, sharex=True, sharey="row", height_ratios=(3, 1)
        )
        for (name, pair), upper, lower in zip(curves.items(), *grid, strict=True):
            upper.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle="--")
            for curve, label, color in zip(
                pair, ("as trained", "calibrated"), (QUIET, PALETTE[0]), strict=True
            ):
                draw_frequencies(upper, curve, label, color)
                edges = np.linspace(0, 1, len(curve.pixels) + 1)
                lower.stairs(curve.pixels, edges, color=color, fill=True, alpha=0.45)
            upper.set_title(name)
            upper.set_xlim(0, 1)
            upper.set_ylim(0, 1)
            upper.legend(loc="lower right")
            lower.set_yscale("symlog", linthresh=1)
            lower.set_xlabel("probability of the named city")
        grid[0, 0].set_ylabel("share that was named right")
        grid[1, 0].set_ylabel("number")
        save_figure(figure, out)


def draw_cues(audit: CueAudit, cities: int, out: Path) -> None:
    """Draw what is left of the accuracy when a cue is taken away, and on other dates.

    Args:
        audit: what the model lives off.
        cities: chance is one in so many.
        out: the PNG file to write.
    """
    rows = [("as it is", audit.plain), *((CUES[r.cue], r.accuracy) for r in audit.cues)]
    if audit.dates is not None:
        sides = (
            ("on a date of training", audit.dates.same),
            ("on another date", audit.dates.other),
        )
        rows += [(name, figure) for name, figure in sides if figure is not None]
    with house_style():
        figure = new_figure(6.4, 1.1 + 0.42 * len(rows))
        axes = figure.add_subplot()
        places = np.arange(len(rows))[::-1]
        colors = [PALETTE[0], *[PALETTE[5]] * len(audit.cues)]
        colors += [PALETTE[3]] * (len(rows) - len(colors))
        values = [_value(f) for _, f in rows]
        axes.barh(places, values, height=0.62, color=colors)
        for (_, bar), place, value in zip(rows, places, values, strict=True):
            end = value
            if bar.interval is not None:
                axes.plot(bar.interval, (place, place), color=INK, linewidth=1)
                end = max(end, bar.interval[1])
            text = axes.text(end + 0.012, place, f"{value:.0%}", va="center", color=INK)
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.8})
        axes.axvline(1 / cities, color=ACCENT, linewidth=1, linestyle="--")
        axes.text(1 / cities, len(rows) - 0.52, " chance", color=ACCENT, fontsize=8, va="bottom")
        axes.set_yticks(places, [name for name, _ in rows])
        axes.set_xlim(0, 1.1)
        axes.set_ylim(-0.6, len(rows) - 0.1)
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.set_xlabel("share of patches named right, each city counting the same")
        axes.set_title("Urban form or the weather?")
        axes.grid(visible=False, axis="y")
        save_figure(figure, out)


def _value(figure: Figure) -> float:
    return float("nan") if figure.value is None else figure.value
