"""The tables of the comparison page, which a click on a head sorts."""

import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from geocity.io.cities.comparison_content import ComparisonContent
from geocity.io.cities.comparison_svg import interval_svg
from geocity.io.figures.cities_similarity import decimals
from geocity.io.markup import node

_STEPS = 10
_DENSE_FROM = 13
_NEAREST_SHOWN = 3


def matrix_table(
    content: ComparisonContent, values: NDArray[np.float64], title: str, style: str
) -> Element:
    """Return a matrix of cities as a table of coloured cells.

    Args:
        content: of the page.
        values: (cities, cities).
        title: of the table.
        style: ``h`` for distances, where low is strong, ``m`` for shares, where high is.
    """
    order, distances = content.order, style == "h"
    heads = [node("th", {"scope": "col", "class": "text"}, _sorter("City"))]
    heads += [
        node("th", {"scope": "col", "title": content.names[c]}, _sorter(content.short_names[c]))
        for c in order
    ]
    steps = _steps(values, reverse=distances)
    form = decimals(values)
    rows = []
    for a in order:
        cells = [node("th", {"scope": "row"}, text=content.names[a])]
        for b in order:
            what = f"{content.names[a]} and {content.names[b]}"
            kind = f"{style}{steps[a, b]}"
            cells.append(
                node("td", {"class": "none", "data-v": "", "aria-label": "the same city"}, text="·")
                if a == b
                else _cell(float(values[a, b]), kind, what, form)
            )
        rows.append(node("tr", None, *cells))
    dense = " dense" if len(order) >= _DENSE_FROM else ""
    table = node(
        "table",
        {"class": f"sortable matrix{dense}"},
        node("caption", text=title),
        node("thead", None, node("tr", None, *heads)),
        node("tbody", None, *rows),
    )
    return _scrolled(table, title)


def _cell(value: float, style: str, what: str, digits: int) -> Element:
    if math.isnan(value):
        return node("td", {"class": "none", "data-v": ""}, text="-")
    if style.startswith("h"):
        digits = 1 if value >= 0.995 else digits
        told, full = f"{value:.{digits}f}", f"{value:.3g}"
    else:
        told, full = (f"{100 * value:.0f}" if value else ""), f"{value:.1%}"
    cell = {"class": style, "data-v": f"{value:.6g}", "title": f"{what}: {full}"}
    return node("td", cell, text=told.removeprefix("0"))


def _steps(values: NDArray[np.float64], *, reverse: bool) -> NDArray[np.int64]:
    """Return how strongly each cell is coloured, 0 to 9."""
    others = values[~np.eye(len(values), dtype=bool) & np.isfinite(values)]
    low = float(others.min()) if reverse and len(others) else 0.0
    high = float(others.max()) if len(others) else 1.0
    scaled = (values - low) / max(high - low, 1e-12)
    scaled = 1 - scaled if reverse else scaled
    steps = np.ceil(scaled * (_STEPS - 1) - 1e-9) if not reverse else scaled * (_STEPS - 1)
    whole = np.nan_to_num(np.clip(np.rint(steps), 0, _STEPS - 1))
    return np.asarray(whole, dtype=np.int64)


def pairs_controls(content: ComparisonContent) -> Element:
    """Return the choice of a city, and of all rows, over the table of pairs."""
    options = [node("option", {"value": ""}, text="any city")]
    options += [node("option", {"value": name}, text=name) for name in sorted(content.names)]
    return node(
        "div",
        {"class": "controls js-only", "data-for": "pairs"},
        node("label", {"for": "pairs-city"}, text="Pairs with"),
        node("select", {"id": "pairs-city"}, *options),
        node("button", {"type": "button", "aria-pressed": "false"}, text="Show all"),
    )


def pairs_table(content: ComparisonContent, report: Mapping[str, Any]) -> Element:
    """Return all pairs of cities with both distances, their intervals, and the confusion."""
    heads = [_head("City", text=True), _head("and", text=True)]
    for name in ("Energy", "Cosine"):
        heads += [_head(f"{name} distance"), _head("with many sites (95 % interval)")]
    heads.append(_head("confused"))
    rows = []
    for pair in report["pairs"]:
        cells = [_text(pair["city_a"]), _text(pair["city_b"])]
        for measure in ("energy", "cosine"):
            cells.append(_number(pair[f"{measure}_distance"], "{:.3g}"))
            cells.append(_interval(pair, f"{measure}_"))
        cells.append(_number(pair["confused"], "{:.1%}"))
        rows.append(node("tr", {"data-a": pair["city_a"], "data-b": pair["city_b"]}, *cells))
    heads[2 if content.measure == "energy" else 4].set("aria-sort", "ascending")
    return _table("pairs", "All pairs of cities, the most alike first", heads, rows)


def nearest_table(content: ComparisonContent, report: Mapping[str, Any]) -> Element:
    """Return the nearest cities of each city with their intervals."""
    heads = [_head("City", text=True), _head("Sites"), _head("By chance")]
    heads += [
        node("th", {"scope": "col", "class": "text"}, text=word)
        for word in ("Nearest", "Second", "Third")[: len(content.names) - 1]
    ]
    nearest: dict[str, list[Mapping[str, Any]]] = {}
    for row in report["nearest"]:
        nearest.setdefault(row["city"], []).append(row)
    longest = _longest(report["nearest"])
    rows = []
    for city in report["cities"]:
        cells = [
            node("th", {"scope": "row"}, text=city["city"]),
            _number(city["sites"], "{}"),
            _number(city[f"by_chance_{content.measure}"], "{:.3g}"),
        ]
        cells += [neighbour_cell(row, longest) for row in nearest[city["city"]][:_NEAREST_SHOWN]]
        rows.append(node("tr", None, *cells))
    return _table("nearest-cities", "The three nearest cities of each city", heads, rows)


def _longest(rows: Sequence[Mapping[str, Any]]) -> float:
    ends = [row[end] for row in rows for end in ("distance", "high") if row[end] is not None]
    return float(max([*ends, 1e-12]))


def neighbour_cell(row: Mapping[str, Any], longest: float) -> Element:
    """Return a near city: its name, the distance with its interval, drawn and in numbers."""
    low, high = row["low"], row["high"]
    known = low is not None and high is not None
    numbers = f"{row['distance']:.3g}"
    if known:
        numbers += f" ({low:.3g} to {high:.3g})"
    share = row["share_of_draws_nearest"]
    name = row["nearest"] if share is None else f"{row['nearest']}, {share:.0%}"
    drawing = interval_svg(
        row["distance"], low if known else math.nan, high if known else math.nan, longest
    )
    return node(
        "td",
        {"class": "text"},
        node("div", text=name),
        drawing,
        node("div", {"class": "quiet"}, text=numbers),
    )


def _table(name: str, caption: str, heads: Sequence[Element], rows: Sequence[Element]) -> Element:
    table = node(
        "table",
        {"class": "sortable", "id": name},
        node("caption", text=caption),
        node("thead", None, node("tr", None, *heads)),
        node("tbody", None, *rows),
    )
    return _scrolled(table, caption)


def _scrolled(table: Element, label: str) -> Element:
    region = {"class": "scroll", "tabindex": 0, "role": "region", "aria-label": label}
    return node("div", region, table)


def _sorter(text: str) -> Element:
    return node("button", {"type": "button"}, text=text)


def _head(word: str, *, text: bool = False) -> Element:
    style = {"class": "text"} if text else {}
    return node("th", {"scope": "col", **style}, _sorter(word))


def _text(value: str) -> Element:
    return node("td", {"class": "text"}, text=value)


def _number(value: float | None, form: str) -> Element:
    if value is None:
        return node("td", {"data-v": ""}, text="-")
    return node("td", {"data-v": f"{value:.6g}"}, text=form.format(value))


def _interval(pair: Mapping[str, Any], prefix: str) -> Element:
    value, low, high = (pair[f"{prefix}{name}"] for name in ("corrected", "low", "high"))
    if value is None:
        return node("td", {"data-v": ""}, text="no interval")
    told = f"{value:.3g} ({low:.3g} to {high:.3g})"
    return node("td", {"data-v": f"{value:.6g}"}, text=told)
