"""The page of a comparison of cities: one file that opens without a network.

Style, script and pictures stand inside it, and its content security policy lets nothing else in.
All that comes from users' data goes through the XML writer, which escapes it.
"""

import base64
import hashlib
import math
from collections.abc import Mapping
from importlib import resources
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from geocity.io.cities.comparison_content import ComparisonContent
from geocity.io.cities.comparison_report import WHY_NOT_CONFUSION
from geocity.io.cities.comparison_sections import (
    alike_section,
    newcomers_section,
    query_section,
    retrieval_section,
    section,
)
from geocity.io.cities.comparison_svg import map_svg, tree_svg
from geocity.io.cities.comparison_tables import (
    matrix_table,
    nearest_table,
    pairs_controls,
    pairs_table,
)
from geocity.io.dashboard.pictures import webp_uri
from geocity.io.markup import node

MEASURES = {"energy": "energy distance", "cosine": "cosine distance of mean embeddings"}

_PARTS = {
    "test": "held-out (test) patches",
    "val": "validation patches",
    "train": "training patches",
    "all": "patches of all parts, training included",
}


def comparison_page(content: ComparisonContent, report: Mapping[str, Any]) -> str:
    """Return the page as HTML.

    Args:
        content: what was found.
        report: the same in numbers, of `comparison_report`.
    """
    pictures = {i: picture_uri(pixels) for i, pixels in content.thumbnails.items()}
    sections = [
        _matrix_section(content, report),
        _tree_section(content),
        _nearest_section(content, report),
        _map_section(content, pictures),
        alike_section(content, pictures),
        newcomers_section(content, report, pictures),
        query_section(content, pictures),
        retrieval_section(content, report),
        _method_section(content, report),
    ]
    shown = [section for section in sections if section is not None]
    style, script = _asset("page.css"), _asset("page.js")
    body = node(
        "body",
        None,
        _header(content, shown),
        node("main", None, *shown),
        _footer(content),
        node("script", text=script),
    )
    page = node("html", {"lang": "en"}, _head(style, script), body)
    return "<!DOCTYPE html>\n" + ElementTree.tostring(page, encoding="unicode", method="html")


def picture_uri(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    """Return a picture (3, rows, cols) as a data URI."""
    opaque = np.full((1, *pixels.shape[1:]), 255, np.uint8)
    return webp_uri(np.concatenate([pixels, opaque]))


def _asset(name: str) -> str:
    folder = resources.files("geocity.io.cities") / "comparison_assets"
    return (folder / name).read_text(encoding="utf-8")


def _head(style: str, script: str) -> Element:
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    return node(
        "head",
        None,
        node("meta", {"charset": "utf-8"}),
        node("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        node("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        node("title", text="Which cities resemble each other"),
        node("style", text=style),
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _header(content: ComparisonContent, sections: list[Element]) -> Element:
    found, about = content.similarity, content.about
    count = len(content.names)
    lead = (
        f"{count} cities compared by what the model {about['model']['file']} sees in "
        f"{len(content.patches.site):,} {_PARTS[str(about['split'])]} of "
        f"{int(found.sites.sum()):,} sites."
    )
    links = [node("a", {"href": f"#{s.get('id')}"}, text=s.findtext("h2") or "") for s in sections]
    top = node(
        "div",
        {"class": "top"},
        node("h1", text="Which cities resemble each other"),
        node("button", {"type": "button", "id": "theme", "class": "js-only"}, text="Dark page"),
    )
    notes = [node("p", {"class": "note"}, text=note) for note in _notes(content)]
    return node(
        "header",
        None,
        top,
        node("p", text=lead),
        node("p", {"class": "quiet"}, text=WHY_NOT_CONFUSION),
        *notes,
        node("nav", {"aria-label": "Sections"}, *links),
    )


def _notes(content: ComparisonContent) -> list[str]:
    notes = list(content.notes)
    if content.unseen:
        notes.append(f"The model was not trained on {', '.join(content.unseen)}.")
    return notes


def _matrix_section(content: ComparisonContent, report: Mapping[str, Any]) -> Element:
    measure = MEASURES[content.measure]
    text = (
        f"{measure.capitalize()} between cities; stronger colour is more alike. Cities stand in "
        "the order of the tree. A city's name above a column sorts the rows by their distance "
        "from it."
    )
    tables = [matrix_table(content, content.chosen.distance, f"{measure.capitalize()}", "h")]
    facts = [node("p", text=words) for words in _told_apart(report)]
    if content.confusion is not None:
        tables.append(matrix_table(content, content.confusion, "Beside it: confusion", "m"))
        facts.append(node("p", {"class": "quiet"}, text=_confusion_words(report["confusion"])))
    wide = "pair wide" if len(content.names) > 12 else "pair"
    return section(
        "matrix",
        "Distances",
        node("p", text=text),
        node("div", {"class": wide}, *tables),
        *facts,
        node("h3", text="All pairs"),
        pairs_controls(content),
        pairs_table(content, report),
    )


def _told_apart(report: Mapping[str, Any]) -> list[str]:
    lowest = [pair[f"{report['about']['measure']}_low"] for pair in report["pairs"]]
    known = [low for low in lowest if low is not None]
    together = sum(low == 0 for low in known)
    if not together:
        return []
    return [
        f"For {together} of {len(known)} pairs the interval starts at 0: with these sites and this "
        "model, the two cities cannot be told apart."
    ]


def _confusion_words(confusion: Mapping[str, Any]) -> str:
    agreement = confusion["rank_agreement_with_likeness"]
    tail = ""
    if agreement is not None:
        tail = f" Rank agreement (Spearman) of confusion and likeness: {agreement:.2f}."
    return (
        f"Confusion: the mean share of the patches of two cities that is taken for the other one. "
        f"{confusion['pairs_never_confused']} of {confusion['pairs']} pairs are never confused "
        f"(patches named right: {confusion['patch_accuracy']:.0%}).{tail}"
    )


def _tree_section(content: ComparisonContent) -> Element | None:
    tree = content.similarity.tree
    if tree is None:
        return None
    words = (
        "Cities that join further left are more alike. The number at a branch is its support: in "
        "how many of 100 trees grown from resampled sites the same branch comes again. Below 70, "
        "do not lean on it."
    )
    if np.isnan(tree.support).all():
        words = (
            "Cities that join further left are more alike. With one site a city, nobody knows how "
            "sure the branches are."
        )
    drawing = tree_svg(tree, content.names, MEASURES[content.measure])
    figure = node(
        "figure",
        None,
        node("div", _scrolling("scroll-x", "Tree, scrolls sideways"), drawing),
        node("figcaption", text=f"Linkage: {content.about['linkage']}."),
    )
    return section("tree", "Tree", node("p", text=words), figure)


def _scrolling(style: str, label: str) -> dict[str, object]:
    return {"class": style, "tabindex": 0, "role": "region", "aria-label": label}


def _nearest_section(content: ComparisonContent, report: Mapping[str, Any]) -> Element:
    sure = not all(math.isnan(v) for v in content.similarity.nearest[0])
    words = (
        "The dot is the distance measured, the line its 95 % interval for very many sites, the "
        "per cent how often the city is the nearest when sites are drawn anew. Seldom is one city "
        "surely the nearest: read the list, not its first name. By chance: how far apart two "
        "cities that are alike in truth come out, with as many sites; a distance no longer than "
        "that says nothing."
    )
    if not sure:
        words = "The dot is the distance measured. With one site a city there is no interval."
    return section(
        "nearest", "Nearest cities", node("p", text=words), nearest_table(content, report)
    )


def _map_section(content: ComparisonContent, pictures: Mapping[int, str]) -> Element:
    first, second = content.plane.shares
    words = (
        "Patches that look alike to the model lie together. The plane is that of the first two "
        f"principal components, which show {first + second:.0%} of the variance ({first:.0%} and "
        f"{second:.0%}): patches far apart here are far apart, but patches that meet here can "
        "still differ in what the plane leaves out. Names stand at the cities' means."
    )
    if content.newcomers is not None:
        words += " Hollow dots and a ? are cities that the model never saw."
    options = [node("option", {"value": ""}, text="all cities")]
    options += [
        node("option", {"value": i}, text=content.names[i])
        for i in sorted(range(len(content.names)), key=lambda i: content.names[i])
    ]
    label = node("label", {"for": "highlight"}, text="Show the patches of")
    control = node(
        "div", {"class": "controls js-only"}, label, node("select", {"id": "highlight"}, *options)
    )
    drawing = map_svg(content, {patch: pictures[patch] for patch in content.on_map})
    figure = node(
        "figure", None, node("div", _scrolling("scroll-x", "Map, scrolls sideways"), drawing)
    )
    return section("map", "Map of patches", node("p", text=words), control, figure)


def _method_section(content: ComparisonContent, report: Mapping[str, Any]) -> Element:
    method = report["method"]
    names = (content.measure, "energy_pairs", "interval", "by_chance", "support")
    lines = [method[name] for name in names]
    test = report["mantel"]
    if test is not None:
        lines.append(
            f"Near and alike (Mantel test over {test['cities']} cities): rank correlation of "
            f"distance in looks and on the ground {test['correlation']:.2f}, p = "
            f"{test['p_value']:.3f} ({test['permutations']} permutations)."
        )
    draws = f"{content.about['draws']:,} draws of sites, seed {content.about['seed']}."
    return section(
        "method", "How it was measured", *(node("p", text=line) for line in [*lines, draws])
    )


def _footer(content: ComparisonContent) -> Element:
    about = content.about
    words = (
        f"Made with geocity city compare from {about['cities_folder']} with the model "
        f"{about['model']['file']} ({about['backbone']}, {about['model']['id']}). The folder of "
        "this page holds the same as tables (CSV, JSON) and figures (PNG)."
    )
    return node("footer", None, node("p", text=words))
