"""Figures of a comparison of cities: matrices, tree, map of patches."""

import colorsys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import NDArray

from geocity.core.cities.branch_support import CityTree
from geocity.core.cities.embedding_map import clear_of_each_other
from geocity.io.figures.style import ACCENT, INK, QUIET, RULE, house_style, new_figure, save_figure

FloatArray = NDArray[np.float64]

STRONG_SUPPORT = 0.7
"""Branches that come again less often are drawn quietly."""

_WRITTEN_CELLS = 20


def city_colors(count: int) -> list[str]:
    """Return a colour for each of many things, neighbours well apart; legible on light and dark."""
    # The golden angle keeps any number of hues apart; lightness alternates to help where they meet.
    hues = [(0.58 + 0.381966 * i) % 1 for i in range(count)]
    tones = [(0.46, 0.62), (0.60, 0.55), (0.38, 0.55)]
    rgb = [colorsys.hls_to_rgb(hue, *tones[i % len(tones)]) for i, hue in enumerate(hues)]
    return ["#" + "".join(f"{round(255 * part):02x}" for part in color) for color in rgb]


def decimals(values: FloatArray) -> int:
    """Return how many decimals tell values of this size apart: two digits of the largest."""
    largest = float(np.nanmax(np.abs(values), initial=0))
    return 2 if largest >= 0.1 or largest == 0 else 1 - int(np.floor(np.log10(largest)))


def draw_matrices(
    distance: FloatArray,
    confusion: FloatArray | None,
    names: Sequence[str],
    short_names: Sequence[str],
    title: str,
    out: Path,
) -> None:
    """Draw distances between cities, and beside them how often patches were confused.

    Args:
        distance: (cities, cities), in the order in which they are drawn.
        confusion: shares, same shape; None where there are none.
        names: for the rows.
        short_names: for the columns.
        title: of the distances.
        out: the PNG file to write.
    """
    side = 1.3 + max(2.4, 0.21 * len(names))
    panels = 1 if confusion is None else 2
    with house_style():
        figure = new_figure(panels * (side + 0.7), side)
        axes = figure.subplots(1, panels, squeeze=False)[0]
        apart = np.where(np.eye(len(names), dtype=bool), np.nan, distance)
        _draw_matrix(
            axes[0], apart, "Blues_r", title, (names, short_names), f"{{:.{decimals(distance)}f}}"
        )
        if confusion is not None:
            shown = np.where(np.eye(len(names), dtype=bool), np.nan, confusion)
            heading = "Beside it: patches confused, share"
            _draw_matrix(axes[1], shown, "Oranges", heading, (names, short_names), "{:.0%}")
        save_figure(figure, out)


def _draw_matrix(
    axes: Axes,
    values: FloatArray,
    cmap: str,
    title: str,
    names: tuple[Sequence[str], Sequence[str]],
    form: str,
) -> None:
    low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (0.0, 1.0)
    low = 0.0 if cmap == "Oranges" else low
    high = high if high > low else low + 1e-9
    image = axes.imshow(values, cmap=cmap, vmin=low, vmax=high)
    if len(values) <= _WRITTEN_CELLS:
        for (row, col), value in np.ndenumerate(values):
            if np.isfinite(value):
                dark = (value - low) / (high - low)
                dark = 1 - dark if cmap.endswith("_r") else dark
                color = "white" if dark > 0.55 else INK
                size = 8 if len(values) <= 8 else 6
                axes.text(
                    col, row, form.format(value), ha="center", va="center", color=color, size=size
                )
    label_size = 8 if len(values) <= 20 else 6.5
    ticks = range(len(values))
    axes.set_yticks(ticks, names[0], size=label_size, parse_math=False)
    axes.set_xticks(ticks, names[1], size=label_size, rotation=90, parse_math=False)
    axes.tick_params(length=0, labelcolor=INK)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_facecolor(RULE)
    axes.set_title(title)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.6, aspect=30, pad=0.01)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=7)


def draw_tree(tree: CityTree, names: Sequence[str], title: str, axis: str, out: Path) -> None:
    """Draw a tree of cities with the support of its branches.

    Args:
        tree: the tree.
        names: of the cities, in the order of the matrix the tree was grown of.
        title: of the figure.
        axis: what is drawn along the axis.
        out: the PNG file to write.
    """
    with house_style():
        figure = new_figure(7.5, 1.4 + 0.23 * max(4, len(names)))
        axes = figure.add_subplot()
        _draw_branches(axes, tree)
        ticks = [10 * i + 5 for i in range(len(names))]
        axes.set_yticks(ticks, [names[leaf] for leaf in tree.leaves], parse_math=False)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.set_ylim(10 * len(names), 0)
        axes.set_xlim(0, max(float(tree.linkage[-1, 2]) * 1.06, 1e-9))
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(axis)
        axes.set_title(title)
        save_figure(figure, out)


def _draw_branches(axes: Axes, tree: CityTree) -> None:
    for branch in tree_branches(tree):
        support, known = branch["support"], not np.isnan(branch["support"])
        strong = known and support >= STRONG_SUPPORT
        color = INK if strong or not known else QUIET
        line = 1.6 if strong or not known else 0.9
        axes.plot(branch["along"], branch["across"], color=color, linewidth=line)
        if known and not branch["root"]:
            middle = (branch["across"][1] + branch["across"][2]) / 2
            axes.annotate(
                f"{100 * support:.0f}", (branch["along"][1], middle), xytext=(2, 1),
                textcoords="offset points", va="bottom", size=6.5,
                color=ACCENT if strong else QUIET,
            )  # fmt: skip


def tree_branches(tree: CityTree) -> list[dict[str, Any]]:
    """Return the lines of a tree's drawing, one bracket a branch.

    Returns:
        For each join, `along` (four distances), `across` (four places; leaf *i* from the top is at
        ``10 i + 5``), `support`, and `root`, whether it holds all.
    """
    place = {leaf: 10.0 * i + 5 for i, leaf in enumerate(tree.leaves)}
    height = dict.fromkeys(place, 0.0)
    result = []
    for join, (first, second, apart, _) in enumerate(tree.linkage.tolist()):
        left, right = sorted((int(first), int(second)), key=place.__getitem__)
        node = len(tree.leaves) + join
        place[node], height[node] = (place[left] + place[right]) / 2, apart
        result.append(
            {
                "along": [height[left], apart, apart, height[right]],
                "across": [place[left], place[left], place[right], place[right]],
                "support": float(tree.support[join]),
                "root": join == len(tree.linkage) - 1,
            }
        )
    return result


def draw_patch_map(
    places: FloatArray,
    city: NDArray[np.int64],
    names: Sequence[str],
    pictures: Mapping[int, NDArray[np.uint8]],
    axes_names: tuple[str, str],
    out: Path,
) -> None:
    """Draw patches on a plane, some of them as pictures, and the middle of each city.

    Args:
        places: (n, 2).
        city: (n,).
        names: short ones, of the cities.
        pictures: uint8 (3, side, side), by patch.
        axes_names: what the directions are.
        out: the PNG file to write.
    """
    colors = city_colors(len(names))
    with house_style():
        figure = new_figure(9.5, 7.5)
        axes = figure.add_subplot()
        for number, color in enumerate(colors):
            own = places[city == number]
            axes.scatter(own[:, 0], own[:, 1], s=7, color=color, alpha=0.55, linewidths=0)
        for patch, picture in pictures.items():
            frame = {"edgecolor": colors[int(city[patch])], "linewidth": 1.6}
            shown = OffsetImage(np.moveaxis(picture, 0, -1), zoom=0.26)
            axes.add_artist(AnnotationBbox(shown, tuple(places[patch]), pad=0.08, bboxprops=frame))
        means = np.stack([places[city == number].mean(axis=0) for number in range(len(names))])
        # Labels are cleared of each other on paper: the map is about 600 points wide.
        unit = float(np.ptp(places, axis=0).max()) / 600 or 1.0
        width = 8 + 6.5 * max(map(len, names))
        for number, middle in enumerate(clear_of_each_other(means, width * unit, 16 * unit)):
            axes.annotate(
                names[number], tuple(middle), ha="center", va="center", size=8, weight="bold",
                zorder=9, color=INK, parse_math=False,
                bbox={"boxstyle": "round,pad=0.25", "fc": "white", "ec": colors[number], "lw": 1.4},
            )  # fmt: skip
        axes.set_xlabel(axes_names[0])
        axes.set_ylabel(axes_names[1])
        axes.set_title("Patches by what the model sees in them; names stand at the cities' means")
        axes.set_aspect("equal", adjustable="datalim")
        save_figure(figure, out)
