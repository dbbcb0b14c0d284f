"""The folder of a comparison of cities: page, tables, figures."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.io.cities.comparison_content import ComparisonContent
from geocity.io.cities.comparison_page import comparison_page
from geocity.io.cities.comparison_report import comparison_report
from geocity.io.csv_tables import write_csv
from geocity.io.figures.cities_similarity import draw_matrices, draw_patch_map, draw_tree

PAGE = "comparison.html"
REPORT_JSON = "comparison.json"
PAIRS_CSV = "pairs.csv"
NEAREST_CSV = "nearest_cities.csv"
CITIES_CSV = "cities.csv"
PATCHES_CSV = "patches.csv"
CONFUSION_CSV = "confusion.csv"
QUERY_CSV = "similar_districts.csv"
PLACED_CSV = "placed_cities.csv"
MATRIX_PNG = "distances.png"
TREE_PNG = "tree.png"
MAP_PNG = "patch_map.png"

_MEASURES = {"energy": "Energy distance", "cosine": "Cosine distance"}


def write_comparison(folder: Path, content: ComparisonContent) -> dict[str, Any]:
    """Write all files of a comparison.

    Args:
        folder: an empty folder.
        content: what was found.

    Returns:
        The content of ``comparison.json``.
    """
    report = comparison_report(content)
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / REPORT_JSON).write_text(text + "\n", encoding="utf-8")
    for measure, found in content.similarity.measures.items():
        _write_matrix(folder / f"distances_{measure}.csv", content.names, found.distance)
    if content.confusion is not None:
        _write_matrix(folder / CONFUSION_CSV, content.names, content.confusion)
    write_csv(folder / PAIRS_CSV, report["pairs"])
    write_csv(folder / NEAREST_CSV, report["nearest"])
    write_csv(folder / CITIES_CSV, report["cities"])
    write_csv(folder / PATCHES_CSV, list(_patch_rows(content)))
    if content.query is not None:
        write_csv(folder / QUERY_CSV, report["query"]["districts"])
    if content.newcomers is not None:
        write_csv(folder / PLACED_CSV, report["placed"])
    _draw(folder, content)
    (folder / PAGE).write_text(comparison_page(content, report), encoding="utf-8")
    return report


def _draw(folder: Path, content: ComparisonContent) -> None:
    order = list(content.order)
    square = np.ix_(order, order)
    title = _MEASURES[content.measure]
    draw_matrices(
        content.chosen.distance[square],
        None if content.confusion is None else content.confusion[square],
        [content.names[i] for i in order],
        [content.short_names[i] for i in order],
        title,
        folder / MATRIX_PNG,
    )
    tree = content.similarity.tree
    if tree is not None:
        said = "numbers: % of resampled trees with the same branch"
        if np.isnan(tree.support).all():
            said = "one site a city: nobody knows how sure the branches are"
        axis = f"{title.lower()}; {said}"
        draw_tree(tree, content.names, "Which cities go together", axis, folder / TREE_PNG)
    first, second = content.plane.shares
    draw_patch_map(
        content.plane.places,
        content.patches.city,
        content.short_names,
        {patch: content.thumbnails[patch] for patch in content.on_map},
        (
            f"first principal component, {first:.0%} of the variance",
            f"second, {second:.0%}",
        ),
        folder / MAP_PNG,
    )


def _patch_rows(content: ComparisonContent) -> Iterator[dict[str, Any]]:
    city, places = content.patches.city, content.plane.places
    for index, (number, (x, y)) in enumerate(zip(city, places, strict=True)):
        yield {
            "patch": content.keys[index],
            "city": content.names[number],
            "map_x": float(x),
            "map_y": float(y),
        }


def _write_matrix(path: Path, names: Sequence[str], values: NDArray[np.float64]) -> None:
    rows = [
        {"city": name, **{other: _number(v) for other, v in zip(names, row, strict=True)}}
        for name, row in zip(names, values.tolist(), strict=True)
    ]
    write_csv(path, rows)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
