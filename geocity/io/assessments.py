"""The folder of an assessment: figures as JSON and tables, a short report, and a picture."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geocity.core.classes import ClassTable
from geocity.io.csv_tables import write_csv
from geocity.io.figures.assessment import draw_areas

ASSESSMENT_JSON = "assessment.json"
REPORT_MD = "report.md"
MATRIX_CSV = "error_matrix.csv"
CLASSES_CSV = "classes.csv"
UNITS_CSV = "units.csv"
AREAS_PNG = "areas.png"

Figures = Mapping[str, Any]

_METHOD = """\
## How this was worked out

Stratified random sample with the mapped classes as strata; estimators of Olofsson, Foody, Herold,
Stehman, Woodcock, Wulder: *Good practices for estimating area and assessing accuracy of land
change*, Remote Sensing of Environment 148 (2014), 42-57. Intervals are estimate ± {z} standard
errors ({confidence:.0%}). They tell what chance did in drawing the points. They do not tell whether
the interpreter was right, nor whether imagery of another date was looked at: let a second person
answer a part of the points, and say how often both agree.
"""


def write_assessment(
    folder: Path, content: Figures, classes: ClassTable, remarks: Sequence[str]
) -> None:
    """Write all files of an assessment.

    Args:
        folder: an empty folder.
        content: of ``assessment.json``.
        classes: names and colours.
        remarks: what to know about these very figures.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / ASSESSMENT_JSON).write_text(text + "\n", encoding="utf-8")
    names = [str(name) for name in content["classes"]]
    write_csv(folder / MATRIX_CSV, _matrix_rows(content, names))
    write_csv(folder / CLASSES_CSV, [_class_row(content, name) for name in names])
    if "by_unit" in content:
        write_csv(folder / UNITS_CSV, _unit_rows(content["by_unit"], names))
    draw_areas(content["area_m2"], classes, content["confidence"], folder / AREAS_PNG)
    report = assessment_report(content, remarks)
    (folder / REPORT_MD).write_text(report, encoding="utf-8")


def assessment_report(content: Figures, remarks: Sequence[str] = ()) -> str:
    """Return the figures as a page for people, in Markdown."""
    names = [str(name) for name in content["classes"]]
    confidence = content["confidence"]
    about = content["map"]
    days = [day for day in (about["from_date"], content["date"]) if day]
    day = f", {' to '.join(days)}" if days else ""
    lines = [
        f"# Accuracy of {about['source']}{day}",
        "",
        f"{about['points']} points, {about['allocation']} allocation. Overall accuracy "
        f"{_percent(content['overall'])}.",
        "",
        "| class | mapped, ha | adjusted for errors, ha | user's accuracy | producer's accuracy |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in names:
        area = content["area_m2"][name]
        margin = (area["high"] - area["low"]) / 2
        cells = (
            name,
            _hectares(area["mapped"]),
            f"{_hectares(area['estimate'])} ± {_hectares(margin)}",
            _percent(content["users"][name]),
            _percent(content["producers"][name]),
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Points by mapped class (rows) and by what is there (columns):", ""]
    lines += [f"| | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for name, counts in zip(names, content["matrix_counts"], strict=True):
        lines.append(f"| {name} | {' | '.join(map(str, counts))} |")
    lines += ["", *_unit_lines(content.get("by_unit", []), names)]
    if remarks:
        lines += ["## What to know about these figures", "", *(f"- {r}" for r in remarks), ""]
    return "\n".join(lines) + "\n" + _METHOD.format(z=about["z"], confidence=confidence)


def _unit_lines(units: Sequence[Figures], names: Sequence[str]) -> list[str]:
    if not units:
        return []
    head = " | ".join(f"{name}, ha" for name in names)
    lines = ["## By unit", "", f"| unit | points | {head} |", f"|---|---:|{'---:|' * len(names)}"]
    for unit in units:
        areas = unit["area_m2"]
        if areas is None:
            cells = [f"none: {unit['reason']}", *([""] * (len(names) - 1))]
        else:
            cells = [
                f"{_hectares(areas[n]['estimate'])} "
                f"({_hectares(areas[n]['low'])} to {_hectares(areas[n]['high'])})"
                for n in names
            ]
        lines.append(f"| {unit['unit']} | {unit['points']} | {' | '.join(cells)} |")
    return [*lines, ""]


def _matrix_rows(content: Figures, names: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for index, name in enumerate(names):
        counts, shares = (content[k][index] for k in ("matrix_counts", "matrix_proportions"))
        row: dict[str, Any] = {"mapped": name, "mapped_m2": content["area_m2"][name]["mapped"]}
        row |= {f"{n} (points)": count for n, count in zip(names, counts, strict=True)}
        row |= {f"{n} (share of area)": share for n, share in zip(names, shares, strict=True)}
        rows.append(row)
    return rows


def _class_row(content: Figures, name: str) -> dict[str, Any]:
    row: dict[str, Any] = {"class": name}
    row |= {f"{key}_m2": value for key, value in content["area_m2"][name].items()}
    for kind in ("users", "producers"):
        figures = content[kind][name]
        row |= {f"{kind}_accuracy": figures["value"]}
        row |= {f"{kind}_{end}": figures[end] for end in ("low", "high")}
    return row


def _unit_rows(units: Sequence[Figures], names: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for unit in units:
        row: dict[str, Any] = {"unit": unit["unit"], "points": unit["points"]}
        for name in names:
            area = (unit["area_m2"] or {}).get(name, {})
            row |= {
                f"{name}_{key}_m2": area.get(key)
                for key in ("mapped", "estimate", "standard_error", "low", "high")
            }
        rows.append(row | {"reason": unit["reason"]})
    return rows


def _percent(figures: Figures) -> str:
    if figures["value"] is None:
        return "unknown"
    if figures["low"] is None:
        return f"{figures['value']:.1%}"
    return f"{figures['value']:.1%} ({figures['low']:.1%} to {figures['high']:.1%})"


def _hectares(square_metres: float) -> str:
    return f"{square_metres / 10_000:,.2f}"
