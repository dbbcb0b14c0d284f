"""Sheets of heat maps: a city at every depth, all cities at a glance, methods side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geocity.io.figures.relevance_canvas import Canvas, Picture, masked, overlaid, sheet
from geocity.io.figures.style import ACCENT, QUIET

_RIGHT = "#2f855a"
_CELL = 160
_GAP = 5
_MARGIN = 24
_LABEL = 232
_HEAD = 104
_FOOT = 54


@dataclass(frozen=True, eq=False)
class Explained:
    """One picture and what was found about it.

    Attributes:
        picture: uint8 (rows, cols, 3).
        maps: by layer, shape (rows, cols); NaN where there is no data.
        place: where it comes from, such as ``site 2 · ALA_014 · row 240, col 960``.
        answer: the city given by the model.
        probability: of that answer.
        right: whether the answer is true; None where nobody knows.
        explained: the city that the maps speak for.
        explained_probability: of that city.
    """

    picture: Picture
    maps: Mapping[str, NDArray[np.float32]]
    place: Sequence[str]
    answer: str
    probability: float
    right: bool | None
    explained: str
    explained_probability: float


@dataclass(frozen=True, slots=True)
class Look:
    """What the sheets of a run share.

    Attributes:
        layers: shown from left to right.
        method: named in the titles.
        signed: whether the maps have a side that speaks against the city.
    """

    layers: tuple[str, ...]
    method: str
    signed: bool


def draw_city(city: str, patches: Sequence[Explained], look: Look, out: Path) -> None:
    """Draw a city's patches: picture, heat maps and masked pictures of every layer, a row each.

    Args:
        city: its name.
        patches: from the top; at least one.
        look: what the sheets share.
        out: the PNG file to write.
    """
    count = len(look.layers)
    block = count * (_CELL + _GAP)
    width = 2 * _MARGIN + _LABEL + _CELL + 2 * (block + 3 * _GAP)
    height = _HEAD + len(patches) * (_CELL + _GAP) + _FOOT
    canvas = sheet(width, height)
    canvas.text(f"What says {city}?", _MARGIN, 32, 30, bold=True)
    named = sum(1 for patch in patches if patch.right)
    told = f"{look.method}  ·  {named} of {len(patches)} patches named rightly"
    canvas.text(told, width - _MARGIN, 32, 16, color=QUIET, align="right")
    first = _MARGIN + _LABEL
    heat, mask = first + _CELL + 3 * _GAP, first + _CELL + block + 6 * _GAP
    canvas.text("picture", first, _HEAD - 18, 16, bold=True)
    for column, layer in enumerate(look.layers):
        shift = column * (_CELL + _GAP)
        canvas.text(f"{layer}", heat + shift, _HEAD - 18, 16, bold=True)
        canvas.text(f"{layer}", mask + shift, _HEAD - 18, 16, bold=True)
    canvas.text("where it speaks for or against" if look.signed else "where it looks",
                heat, _HEAD - 42, 15, color=QUIET)  # fmt: skip
    canvas.text(
        "the most telling part (above mean + 1 standard deviation)",
        mask, _HEAD - 42, 15, color=QUIET,
    )  # fmt: skip
    for row, patch in enumerate(patches):
        y = _HEAD + row * (_CELL + _GAP)
        _label(canvas, patch, city, y)
        canvas.picture(patch.picture, first, y, _CELL, _CELL)
        for column, layer in enumerate(look.layers):
            shift = column * (_CELL + _GAP)
            shown = overlaid(patch.picture, patch.maps[layer], signed=look.signed)
            canvas.picture(shown, heat + shift, y, _CELL, _CELL)
            part = masked(patch.picture, patch.maps[layer])
            canvas.picture(part, mask + shift, y, _CELL, _CELL)
    canvas.color_bar(heat + 130, height - _FOOT / 2, signed=look.signed)
    canvas.save(out)


def _label(canvas: Canvas, patch: Explained, city: str, y: float) -> None:
    """Write what the model said beside a patch, and where the patch lies."""
    mark, color = _mark(patch)
    canvas.text(f"{mark}{patch.answer}", _MARGIN, y + 22, 18, color=color, bold=True)
    canvas.text(f"{patch.probability:.0%} sure", _MARGIN, y + 46, 16, color=color)
    line = y + 72
    if patch.explained != patch.answer:
        told = f"maps: {patch.explained} ({patch.explained_probability:.0%})"
        canvas.text(told, _MARGIN, line, 14)
        line += 22
    for words in patch.place:
        canvas.text(_short(words, 30), _MARGIN, line, 13, color=QUIET)
        line += 20


def _mark(patch: Explained) -> tuple[str, str]:
    if patch.right is None:
        return "", QUIET
    return ("✓ ", _RIGHT) if patch.right else ("✗ ", ACCENT)


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most // 2]}…{words[-most // 2 + 1 :]}"


def draw_contact_sheet(cities: Sequence[tuple[str, Explained]], look: Look, out: Path) -> None:
    """Draw one patch of every city with its heat maps, to see them all at a glance.

    Args:
        cities: name of each city and its patch.
        look: what the sheets share.
        out: the PNG file to write.
    """
    cell, label, head = 128, 140, 92
    across = 1 if len(cities) <= 8 else 2
    down = -(-len(cities) // across)
    block = label + (1 + len(look.layers)) * (cell + _GAP) + _GAP
    width = max(2 * _MARGIN + across * (block + _MARGIN), 860)
    canvas = sheet(width, head + down * (cell + _GAP) + _FOOT)
    canvas.text("What says which city?", _MARGIN, 32, 28, bold=True)
    told = f"{look.method}  ·  the surest patch of each city, right ones first"
    canvas.text(told, _MARGIN + 370, 34, 15, color=QUIET)
    for index, (city, patch) in enumerate(cities):
        x = _MARGIN + index // down * (block + _MARGIN)
        y = head + index % down * (cell + _GAP)
        mark, color = _mark(patch)
        canvas.text(_short(city, 13), x, y + 22, 15, bold=True)
        canvas.text(f"{mark}{patch.probability:.0%}", x, y + 46, 15, color=color)
        if not patch.right:
            canvas.text(_short(patch.answer, 15), x, y + 68, 14, color=color)
        canvas.picture(patch.picture, x + label, y, cell, cell)
        for column, layer in enumerate(look.layers):
            left = x + label + (column + 1) * (cell + _GAP) + _GAP
            if index % down == 0:
                canvas.text(layer, left, head - 14, 14, bold=True)
            heat = overlaid(patch.picture, patch.maps[layer], signed=look.signed)
            canvas.picture(heat, left, y, cell, cell)
    foot = head + down * (cell + _GAP) + _FOOT / 2
    canvas.color_bar(_MARGIN + label + 110, foot, signed=look.signed)
    canvas.save(out)


def draw_comparison(
    city: str, patches: Sequence[Mapping[str, Explained]], look: Look, out: Path
) -> None:
    """Draw the same patches as several methods see them, a row a method.

    Args:
        city: its name.
        patches: of each patch what every method found, by the method's name.
        look: what the sheets share; only maps of its own method have two sides.
        out: the PNG file to write.
    """
    cell, label = 150, 160
    lines = sum(len(found) for found in patches)
    width = 2 * _MARGIN + label + (1 + len(look.layers)) * (cell + _GAP) + 2 * _GAP
    canvas = sheet(max(width, 900), 96 + lines * (cell + _GAP) + len(patches) * 24 + _FOOT)
    canvas.text(f"What says {city}, by method", _MARGIN, 32, 26, bold=True)
    y = 96.0
    left = _MARGIN + label
    for column, layer in enumerate(look.layers):
        canvas.text(layer, left + (column + 1) * (cell + _GAP) + 2 * _GAP, 78, 15, bold=True)
    for found in patches:
        first = next(iter(found.values()))
        mark, color = _mark(first)
        canvas.picture(first.picture, left, y, cell, cell)
        canvas.text(f"{mark}{first.answer}", left, y + cell + 18, 15, color=color, bold=True)
        canvas.text(f"{first.probability:.0%} sure", left, y + cell + 40, 14, color=color)
        for method, patch in found.items():
            canvas.text(method, _MARGIN, y + 16, 15, bold=True)
            for column, layer in enumerate(look.layers):
                x = left + (column + 1) * (cell + _GAP) + 2 * _GAP
                signed = look.signed and method == look.method
                heat = overlaid(patch.picture, patch.maps[layer], signed=signed)
                canvas.picture(heat, x, y, cell, cell)
            y += cell + _GAP
        y += 24
    canvas.color_bar(_MARGIN + 130, y, signed=look.signed)
    if look.signed:
        canvas.color_bar(_MARGIN + 130, y + 26, signed=False)
    canvas.save(out)


def draw_image(image: Explained, look: Look, top: Sequence[tuple[str, float]], out: Path) -> None:
    """Draw a whole image: its picture, and heat map and masked picture of every layer.

    Args:
        image: the image.
        look: what the sheets share.
        top: the most probable cities and their probabilities.
        out: the PNG file to write.
    """
    rows, cols = image.picture.shape[:2]
    wide, high = 300 * min(1.0, cols / rows), 300 * min(1.0, rows / cols)
    width = 2 * _MARGIN + (1 + len(look.layers)) * (wide + _GAP) + 2 * _GAP
    canvas = sheet(max(width, 900), _HEAD + 2 * (high + _GAP) + _FOOT)
    canvas.text(f"What says {image.explained}?", _MARGIN, 32, 28, bold=True)
    canvas.text("  ·  ".join([look.method, *image.place]), _MARGIN, 62, 15, color=QUIET)
    canvas.picture(image.picture, _MARGIN, _HEAD, wide, high)
    told = "below: above mean + 1 standard deviation"
    canvas.text(told, canvas.width - _MARGIN, 62, 15, color=QUIET, align="right")
    for line, (city, probability) in enumerate(top):
        y = _HEAD + high + 40 + line * 30
        canvas.text(f"{probability:.0%}", _MARGIN + 60, y, 18, bold=line == 0, align="right")
        canvas.text(_short(city, 22), _MARGIN + 74, y, 18, bold=line == 0)
    for column, layer in enumerate(look.layers):
        x = _MARGIN + (column + 1) * (wide + _GAP) + 2 * _GAP
        canvas.text(layer, x, _HEAD - 16, 15, bold=True)
        heat = overlaid(image.picture, image.maps[layer], signed=look.signed)
        canvas.picture(heat, x, _HEAD, wide, high)
        part = masked(image.picture, image.maps[layer])
        canvas.picture(part, x, _HEAD + high + _GAP, wide, high)
    foot = _HEAD + 2 * (high + _GAP) + _FOOT / 2
    canvas.color_bar(_MARGIN + 130, foot, signed=look.signed)
    canvas.save(out)
