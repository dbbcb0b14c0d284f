"""The drawings of the comparison page: tree, map of patches, intervals.

They take their colours from the page's style sheet, so that they follow its light and dark.
"""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.branch_support import CityTree
from geocity.core.cities.embedding_map import clear_of_each_other
from geocity.core.cities.even_draw import even_draw
from geocity.io.cities.comparison_content import ComparisonContent
from geocity.io.figures.cities_similarity import STRONG_SUPPORT, city_colors, tree_branches
from geocity.io.markup import node

_WIDTH, _ROW, _LABEL = 820, 20, 170
_MAP_WIDTH, _MAP_HEIGHTS, _EDGE, _PICTURE = 1000, (420, 760), 46, 48
_POINTS = 2500
_LETTER, _LINE = 9.0, 19
_MICRO = (110, 14)


def tree_svg(tree: CityTree, names: Sequence[str], axis: str) -> Element:
    """Draw a tree, the cities at the left, with the support of its branches in per cent."""
    bottom = _ROW * len(names) + 8
    longest = max(float(tree.linkage[-1, 2]), 1e-12)
    stretch = (_WIDTH - _LABEL - 40) / longest
    label = "Tree of " + ", ".join(names[leaf] for leaf in tree.leaves)
    svg = _canvas(_WIDTH, bottom + 34, label, "tree")
    for i, leaf in enumerate(tree.leaves):
        at = {"x": _LABEL - 8, "y": _ROW * (i + 0.5) + 4, "text-anchor": "end"}
        svg.append(node("text", at, text=names[leaf]))
    for branch in tree_branches(tree):
        along = [_LABEL + stretch * distance for distance in branch["along"]]
        across = [_ROW * place / 10 for place in branch["across"]]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(along, across, strict=True))
        known = not np.isnan(branch["support"])
        strong = not known or branch["support"] >= STRONG_SUPPORT
        style = "line strong" if strong else "line"
        svg.append(node("polyline", {"points": points, "class": style}))
        if known and not branch["root"]:
            at = {"x": f"{along[1] + 4:.1f}", "y": f"{(across[1] + across[2]) / 2 - 3:.1f}"}
            style = "support" if strong else "weak"
            svg.append(node("text", at | {"class": style}, text=f"{100 * branch['support']:.0f}"))
    svg.append(node("line", {"x1": _LABEL, "x2": _WIDTH - 40, "y1": bottom, "y2": bottom,
                             "class": "axis"}))  # fmt: skip
    for mark in _round_marks(longest):
        at = {"x": f"{_LABEL + stretch * mark:.1f}", "y": bottom + 13, "text-anchor": "middle"}
        svg.append(node("text", at | {"class": "weak"}, text=f"{mark:g}"))
    at = {"x": (_LABEL + _WIDTH - 40) / 2, "y": bottom + 28, "text-anchor": "middle"}
    svg.append(node("text", at | {"class": "weak"}, text=axis))
    return svg


def _round_marks(longest: float) -> list[float]:
    """Return 0 and a few round numbers up to a length."""
    power = 10.0 ** np.floor(np.log10(longest))
    step = next(s for s in (0.2, 0.5, 1.0) if longest / (s * power) <= 6 or s == 1.0) * power
    return [round(float(step) * i, 12) for i in range(int(longest / step + 1e-9) + 1)]


def map_svg(content: ComparisonContent, pictures: Mapping[int, str]) -> Element:
    """Draw the patches on their plane, some as pictures, with the cities at their means.

    Args:
        content: of the page.
        pictures: data URIs, by patch.
    """
    city, colors = content.patches.city, city_colors(len(content.names))
    newcomers = content.newcomers
    extra = np.zeros((0, 2)) if newcomers is None else newcomers.places
    shown, height = _to_paper(np.concatenate([content.plane.places, extra]))
    svg = _canvas(_MAP_WIDTH, height, _map_label(content), "map")
    for patch in even_draw(city, _POINTS, np.random.default_rng(0)).tolist():
        svg.append(_point(shown[patch], int(city[patch]), colors, content.keys[patch]))
    for patch, uri in pictures.items():
        svg.append(_picture(shown[patch], int(city[patch]), colors, uri))
    if newcomers is not None:
        others = shown[len(city) :]
        for place in others:
            svg.append(_mark("circle", place, {"r": 3.5, "class": "hollow"}))
        for number, name in enumerate(newcomers.names):
            svg.append(_name(others[newcomers.city == number].mean(axis=0), f"? {name}"))
    svg.extend(_names(shown[: len(city)], content))
    return svg


def _names(shown: NDArray[np.float64], content: ComparisonContent) -> list[Element]:
    names, city = content.short_names, content.patches.city
    means = np.stack([shown[city == number].mean(axis=0) for number in range(len(names))])
    places = clear_of_each_other(means, _LETTER * max(map(len, names)), _LINE)
    colors = city_colors(len(names))
    marks = [
        _mark("circle", mean, {"r": 6, "fill": color, "class": "mean", "data-city": number})
        for number, (mean, color) in enumerate(zip(means, colors, strict=True))
    ]
    labels = [_name(place, name) for place, name in zip(places, names, strict=True)]
    for number, label in enumerate(labels):
        label.set("data-city", str(number))
    return [*marks, *labels]


def _map_label(content: ComparisonContent) -> str:
    return (
        f"Map of {len(content.patches.site)} patches of {len(content.names)} cities on their first "
        "two principal components; the tables hold the same in numbers."
    )


def _to_paper(places: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return places in the drawing, y downwards, and the drawing's height."""
    low, high = places.min(axis=0), places.max(axis=0)
    size = np.maximum(high - low, 1e-9)
    room = _MAP_WIDTH - 2 * _EDGE
    height = int(np.clip(room * size[1] / size[0], *_MAP_HEIGHTS))
    scale = min(room / size[0], (height - 2 * _EDGE) / size[1])
    middle = (low + high) / 2
    flipped = (places - middle) * np.array([scale, -scale])
    return flipped + np.array([_MAP_WIDTH / 2, height / 2]), height


def _point(place: NDArray[np.float64], city: int, colors: Sequence[str], name: str) -> Element:
    at = {"r": 3.2, "fill": colors[city], "fill-opacity": 0.7, "data-city": city}
    point = _mark("circle", place, at)
    point.append(node("title", text=name))
    return point


def _picture(place: NDArray[np.float64], city: int, colors: Sequence[str], uri: str) -> Element:
    x, y = (f"{value - _PICTURE / 2:.1f}" for value in place)
    at = {"x": x, "y": y, "width": _PICTURE, "height": _PICTURE}
    frame = node("rect", at | {"class": "frame", "stroke": colors[city], "rx": 3})
    return node("g", {"data-city": city}, node("image", at | {"href": uri}), frame)


def _name(place: NDArray[np.float64], name: str) -> Element:
    x, y = (f"{value:.1f}" for value in place)
    at = {"x": x, "y": y, "dy": -9, "text-anchor": "middle", "class": "label"}
    return node("text", at, text=name)


def _mark(tag: str, place: NDArray[np.float64], attributes: Mapping[str, object]) -> Element:
    return node(tag, {"cx": f"{place[0]:.1f}", "cy": f"{place[1]:.1f}", **attributes})


def interval_svg(distance: float, low: float, high: float, longest: float) -> Element:
    """Draw a distance (dot) with its interval (line) on a scale that starts at 0."""
    width, height = _MICRO
    middle = height / 2

    def x(value: float) -> str:
        return f"{4 + (width - 8) * min(value / longest, 1):.1f}"

    svg = node("svg", {"viewBox": f"0 0 {width} {height}", "class": "micro", "aria-hidden": "true"})
    svg.append(node("line", {"x1": 4, "x2": width - 4, "y1": middle, "y2": middle,
                             "class": "axis"}))  # fmt: skip
    if not np.isnan(low):
        svg.append(node("line", {"x1": x(low), "x2": x(high), "y1": middle, "y2": middle,
                                 "class": "whisker"}))  # fmt: skip
    svg.append(node("circle", {"cx": x(distance), "cy": middle, "r": 3, "class": "dot"}))
    return svg


def _canvas(width: int, height: int, label: str, style: str) -> Element:
    return node(
        "svg",
        {"viewBox": f"0 0 {width} {height}", "role": "img", "aria-label": label, "class": style},
    )
