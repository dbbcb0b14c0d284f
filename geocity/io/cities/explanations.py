"""The tables of an explanation: patches, how true the maps are, what is salient."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geocity.core.cities.faithfulness import (
    KEPT_SHARE,
    REDRAW_LIMIT,
    Faithfulness,
    curve_shares,
)
from geocity.core.cities.salience import ClassSalience

EXPLAIN_JSON = "explain.json"
PATCHES_CSV = "patches.csv"
FAITHFULNESS_CSV = "faithfulness.csv"
CURVES_CSV = "curves.csv"
SALIENCE_CSV = "salience.csv"

MEASURES: Mapping[str, str] = {
    "average_drop_per_image": (
        f"percent of the probability lost when the map, its lower {1 - KEPT_SHARE:.0%} set to 0, "
        "multiplies the image; divided by the number of images (Grad-CAM++, torchcam)"
    ),
    "average_drop_per_dropped": (
        "the same sum divided by the number of images that dropped (published Relevance-CAM)"
    ),
    "increase": "percent of the images that did not drop",
    "deletion_area": "area under the probability while the most telling pixels become the mean "
    "colour of the image; low is good",
    "insertion_area": "area under the probability while the most telling pixels come back to a "
    "blurred image; high is good",
    "redraw_spearman": "rank agreement of the maps before and after redrawing the head's weights; "
    f"the check is passed below {REDRAW_LIMIT:g}",
}
"""What the columns of `FAITHFULNESS_CSV` mean."""

SALIENCE_RULE = (
    "Only what speaks for the city counts: the positive part of the map, over the pixels whose "
    "class is known. relevance_share: a class's sum over the sum of all classes, patch by patch, "
    "then the mean over the patches; area_share: the same of pixels; lift: one over the other. "
    "Intervals (95 %) draw places anew, not patches."
)


def faithfulness_row(found: Faithfulness) -> dict[str, Any]:
    """Return the measures of a method at a layer as a row of a table."""
    return {
        "method": found.method,
        "layer": found.layer,
        "images": found.drop.images,
        "dropped": found.drop.dropped,
        "average_drop_per_image": found.drop.per_image,
        "average_drop_per_dropped": found.drop.per_dropped,
        "increase": found.drop.increase,
        "deletion_area": found.deletion_area,
        "insertion_area": found.insertion_area,
        "redraw_spearman": found.redraw,
        "redraw_passed": found.depends_on_head,
    }


def salience_row(found: ClassSalience) -> dict[str, Any]:
    """Return what a class says about a city as a row of a table."""
    return {
        "city": found.city,
        "layer": found.layer,
        "class": found.class_name,
        "relevance_share": found.relevance,
        "low": found.low,
        "high": found.high,
        "area_share": found.area,
        "lift": found.lift,
        "patches": found.patches,
        "places": found.places,
    }


def write_explanation_tables(
    stage: Path,
    report: Mapping[str, Any],
    patches: Sequence[Mapping[str, Any]],
    measures: Sequence[Faithfulness],
    salience: Sequence[ClassSalience],
) -> dict[str, Any]:
    """Write the report and its tables; a table without rows is left out.

    Args:
        stage: the folder to write to.
        report: what was explained, and how.
        patches: one row a patch and layer.
        measures: how true the maps are.
        salience: what is salient.

    Returns:
        The whole report, as written.
    """
    whole = dict(report)
    if measures:
        rows = [faithfulness_row(found) for found in measures]
        curves = [row for found in measures for row in _curve_rows(found)]
        whole["faithfulness"] = {"meaning": dict(MEASURES), "rows": rows}
        _write_csv(stage / FAITHFULNESS_CSV, rows)
        _write_csv(stage / CURVES_CSV, curves)
    if salience:
        rows = [salience_row(found) for found in salience]
        whole["salience"] = {"rule": SALIENCE_RULE, "rows": rows}
        _write_csv(stage / SALIENCE_CSV, rows)
    if patches:
        _write_csv(stage / PATCHES_CSV, patches)
    text = json.dumps(whole, indent=2, ensure_ascii=False, default=str)
    (stage / EXPLAIN_JSON).write_text(text + "\n", encoding="utf-8")
    return whole


def _curve_rows(found: Faithfulness) -> list[dict[str, Any]]:
    shares = curve_shares(len(found.deletion) - 1)
    return [
        {"method": found.method, "layer": found.layer, "share": share, "deletion": gone,
         "insertion": back}
        for share, gone, back in zip(shares, found.deletion, found.insertion, strict=True)
    ]  # fmt: skip


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: _plain(value) for key, value in row.items()})


def _plain(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def told_measures(measures: Sequence[Faithfulness]) -> str:
    """Return the measures as a table for a terminal, with the verdict of the redraw check."""
    lines = [
        f"{'method':<14}{'layer':<10}{'drop %':>8}{'(dropped)':>11}{'increase %':>12}"
        f"{'deletion':>10}{'insertion':>11}   redraw check"
    ]
    for found in measures:
        drop = found.drop
        lines.append(
            f"{found.method:<14}{found.layer:<10}{drop.per_image:>8.1f}{drop.per_dropped:>11.1f}"
            f"{drop.increase:>12.0f}{found.deletion_area:>10.2f}{found.insertion_area:>11.2f}"
            f"   {told_redraw(found)}"
        )
    return "\n".join(lines)


def told_redraw(found: Faithfulness) -> str:
    """Return the verdict of the redraw check."""
    if found.redraw is None:
        return "flat maps"
    verdict = "passed" if found.depends_on_head else "FAILED"
    return f"{verdict} ({found.redraw:+.2f})"
