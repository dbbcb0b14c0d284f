"""Parts of the comparison page that show patches: look-alikes, newcomers, districts, retrieval."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from geocity.core.cities.look_alikes import AlikePair
from geocity.core.cities.retrieval import RANKS
from geocity.io.cities.comparison_content import ComparisonContent
from geocity.io.cities.comparison_tables import neighbour_cell
from geocity.io.markup import node


def section(name: str, title: str, *children: Element) -> Element:
    """Return a section of the page."""
    return node(
        "section",
        {"id": name, "aria-labelledby": f"{name}-title"},
        node("h2", {"id": f"{name}-title"}, text=title),
        *children,
    )


def alike_section(content: ComparisonContent, pictures: Mapping[int, str]) -> Element:
    """Show the closest pairs of cities side by side."""
    words = (
        "The cities least apart, and of each two the patches that look most alike to the model: "
        "the first city above, the second below, with the cosine of their embeddings. These are "
        "the best matches, not typical ones."
    )
    cards = []
    for a, b, pairs in content.alike:
        first, second = content.names[a], content.names[b]
        distance = content.chosen.distance[a, b]
        title = f"{first} and {second}, {distance:.3g} apart"
        cards.append(_card(title, looks(content, pairs, pictures, (first, second))))
    return section(
        "alike", "Side by side", node("p", text=words), node("ul", {"class": "cards"}, *cards)
    )


def _card(title: str, *children: Element) -> Element:
    return node("li", {"class": "card"}, node("h3", text=title), *children)


def looks(
    content: ComparisonContent,
    pairs: Sequence[AlikePair],
    pictures: Mapping[int, str],
    cities: tuple[str, str],
) -> Element:
    """Show pairs of patches, one above the other."""
    return node(
        "div",
        {"class": "looks"},
        *(
            node(
                "div",
                None,
                _image(pictures[pair.first], f"{cities[0]}: {content.keys[pair.first]}"),
                _image(pictures[pair.second], f"{cities[1]}: {content.keys[pair.second]}"),
                node("span", text=f"{pair.similarity:.2f}"),
            )
            for pair in pairs
        ),
    )


def _image(uri: str, words: str) -> Element:
    return node("img", {"src": uri, "alt": words, "title": words, "width": 96, "height": 96})


def newcomers_section(
    content: ComparisonContent, report: Mapping[str, Any], pictures: Mapping[int, str]
) -> Element | None:
    """Show the cities that were placed among the known ones."""
    new = content.newcomers
    if new is None:
        return None
    rows = report["placed"]
    longest = max([r[e] for r in rows for e in ("distance", "high") if r[e] is not None])
    cards = []
    for number, name in enumerate(new.names):
        own = [row for row in rows if row["city"] == name]
        sites = f"{new.sites[number]} site{'s' if new.sites[number] > 1 else ''}"
        items = [node("tr", None, neighbour_cell(row, longest)) for row in own]
        table = node("table", None, node("tbody", None, *items))
        pictured = looks(content, new.alike[number], pictures, (name, own[0]["nearest"]))
        cards.append(_card(f"{name}, {sites}", pictured, table))
    words = (
        "Cities that the model was not trained on, and the known cities that are nearest to them; "
        "pictures: the city above, the nearest known one below. An interval needs two sites on "
        "both sides. A network looks for what tells its own cities apart, and may be blind to what "
        "is special about another one."
    )
    return section(
        "placed", "Cities placed among the known", node("p", text=words),
        node("ul", {"class": "cards"}, *cards),
    )  # fmt: skip


def query_section(content: ComparisonContent, pictures: Mapping[int, str]) -> Element | None:
    """Show the districts most like the one asked for."""
    query = content.query
    if query is None:
        return None
    near = f"{float(content.about['near_m']):g} m"
    words = (
        f"Districts of other cities most like {query.asked} ({query.city}), by the cosine of mean "
        f"embeddings; {query.city} itself, and anything within {near} where places are known, is "
        "left out. Pictures: the patch asked for at the left, the most alike patch found at the "
        "right."
    )
    if query.seen:
        words += " The model was trained on this district, so it sees it with other eyes."
    cards = []
    for rank, (name, like) in enumerate(zip(query.names, query.districts, strict=True), start=1):
        pair = like.patches
        images = node(
            "div",
            {"class": "found"},
            _image(pictures[pair.first], f"Asked: {content.keys[pair.first]}"),
            _image(pictures[pair.second], f"Found: {content.keys[pair.second]}"),
        )
        cards.append(_card(f"{rank}. {name}, {like.similarity:.3f}", images))
    return section(
        "districts", "Districts like " + query.asked, node("p", text=words),
        node("ul", {"class": "cards"}, *cards),
    )  # fmt: skip


def retrieval_section(content: ComparisonContent, report: Mapping[str, Any]) -> Element:
    """Say how well likeness finds the same city again."""
    found = report["retrieval"]
    words = (
        f"How well likeness alone finds a city again: every patch (of {found['patches_asking']:,}) "
        "and every site asks for others of its city. Left out are patches nearer than "
        f"{float(found['near_m']):g} m where places are known, and those of the same site "
        "elsewhere. mAP: mean average precision; recall@k: how often one of the first k is of the "
        "same city. Means over cities."
    )
    heads = ["Who asks", "queries", "mAP", "by chance", *(f"recall@{k}" for k in RANKS)]
    rows = []
    for name, key in (("patches", "by_patch"), ("sites", "by_site")):
        figures = found[key]
        values = [figures["map"], figures["chance"], *(figures[f"recall_at_{k}"] for k in RANKS)]
        cells = [node("td", text=f"{figures['queries']:,}")]
        cells += [node("td", text="-" if v is None else f"{v:.2f}") for v in values]
        rows.append(node("tr", None, node("th", {"scope": "row"}, text=name), *cells))
    table = node(
        "table",
        None,
        node(
            "thead", None, node("tr", None, *(node("th", {"scope": "col"}, text=h) for h in heads))
        ),
        node("tbody", None, *rows),
    )
    region = {"class": "scroll", "tabindex": 0, "role": "region", "aria-label": "Retrieval"}
    return section(
        "retrieval", "Finding a city again", node("p", text=words), node("div", region, table)
    )
