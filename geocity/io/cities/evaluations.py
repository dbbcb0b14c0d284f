"""What an evaluation of a city model leaves behind: JSON, tables, figures, a few lines to read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geocity.core.cities.city_findings import CityFindings
from geocity.core.cities.cue_audit import CUES, CueAudit
from geocity.core.cities.ground_units import place_names
from geocity.core.cities.scores import CITY_FIGURES, TOP, confused_pairs
from geocity.core.cities.votes import Units, log_probabilities, ranking
from geocity.io.cities.manifest import CityFolder
from geocity.io.csv_tables import write_csv
from geocity.io.figures.cities_accuracy import (
    CityLabels,
    draw_city_confusion,
    draw_city_scores,
    draw_cues,
    draw_sureness,
)
from geocity.io.text_tables import aligned

METRICS_JSON = "metrics.json"
PER_CITY_CSV = "per_city.csv"
PAIRS_CSV = "confused_pairs.csv"
CONFUSION_CSV = "confusion_matrix.csv"
CONFUSION_PNG = "confusion_matrix.png"
CITIES_PNG = "per_city.png"
RELIABILITY_PNG = "reliability.png"
CUES_PNG = "cue_audit.png"

_PAIRS_TOLD = 20
_PAIRS_SHOWN = 5
_TOP = 5


def write_city_evaluation(
    folder: Path,
    about: Mapping[str, Any],
    labels: CityLabels,
    found: CityFindings,
    audit: CueAudit | None,
) -> dict[str, Any]:
    """Write all files of an evaluation but the answers one by one (`write_answers`).

    Args:
        folder: a folder without these files.
        about: what was evaluated, on what; comes first in the JSON.
        labels: of the model's cities.
        found: what the logits say.
        audit: what the model lives off, if it was asked.

    Returns:
        The content of ``metrics.json``.
    """
    cities, pairs = _city_rows(labels, found), _pair_rows(labels, found)
    report = {
        **about,
        **found.report(),
        "cities": cities,
        "confused_pairs": pairs[:_PAIRS_TOLD],
        "cue_audit": None if audit is None else audit.report(),
    }
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / METRICS_JSON).write_text(text + "\n", encoding="utf-8")
    write_csv(folder / PER_CITY_CSV, cities)
    write_csv(folder / PAIRS_CSV, pairs, ("truth", "taken_for", "patches", "share"))
    confusion = found.scores["patches"].confusion
    rows = (
        {"true": code, **dict(zip(labels.codes, counts.tolist(), strict=True))}
        for code, counts in zip(labels.codes, confusion, strict=True)
    )
    write_csv(folder / CONFUSION_CSV, rows, ["true", *labels.codes])
    draw_city_confusion(confusion, labels, folder / CONFUSION_PNG)
    shown = {name: found.scores[name] for name in ("patches", "images")}
    draw_city_scores(shown, labels, folder / CITIES_PNG)
    if found.sureness:
        curves = {name.capitalize(): level.curves for name, level in found.sureness.items()}
        draw_sureness(curves, folder / RELIABILITY_PNG)
    if audit is not None:
        draw_cues(audit, len(labels.codes), folder / CUES_PNG)
    return report


def _city_rows(labels: CityLabels, found: CityFindings) -> list[dict[str, Any]]:
    rows = []
    for position, (code, name) in enumerate(zip(labels.codes, labels.names, strict=True)):
        row: dict[str, Any] = {"code": code, "name": name}
        for level, scores in found.scores.items():
            row[f"{level}"] = int(scores.confusion[position].sum())
            for figure in CITY_FIGURES:
                plain = scores.by_city[position][figure].plain()
                row[f"{level}_{figure}"] = plain["value"]
                row[f"{level}_{figure}_low"], row[f"{level}_{figure}_high"] = (
                    plain["low"],
                    plain["high"],
                )
        rows.append(row)
    return rows


def _pair_rows(labels: CityLabels, found: CityFindings) -> list[dict[str, Any]]:
    return [
        {
            "truth": labels.codes[pair.truth],
            "taken_for": labels.codes[pair.predicted],
            "patches": pair.count,
            "share": pair.share,
        }
        for pair in confused_pairs(found.scores["patches"].confusion)
    ]


def write_answers(
    folder: Path, cities: CityFolder, patch_rows: Sequence[int], labels: CityLabels,
    found: CityFindings,
) -> None:  # fmt: skip
    """Write the answers one by one: ``patches.csv``, ``images.csv`` and ``sites.csv``.

    Args:
        folder: a folder without these files.
        cities: where the patches come from.
        patch_rows: the rows of its patches of known cities, in the order of the findings.
        labels: of the model's cities.
        found: what the logits say.
    """
    images, patches = cities.images, cities.patches.iloc[list(patch_rows)]
    keys = images["key"].tolist()
    corners = zip(patches["row"].tolist(), patches["col"].tolist(), strict=True)
    heads: dict[str, list[dict[str, Any]]] = {
        "patches": [
            {"image": keys[image], "row": row, "col": col}
            for image, (row, col) in zip(found.levels["patches"].cluster, corners, strict=True)
        ],
        "images": [{"image": keys[image]} for image in found.levels["images"].cluster],
        "sites": [{"site": name} for name in _site_names(cities, found)],
    }
    for level, units in found.levels.items():
        names = [*heads[level][0], "truth", "named", "right", "patches"]
        names += [f"{part}_{n}" for n in range(1, _top(units) + 1) for part in ("city", "p")]
        answers = _answers(units, labels.codes, found.temperature(level))
        rows = ({**head, **row} for head, row in zip(heads[level], answers, strict=True))
        write_csv(folder / f"{level}.csv", rows, names)


def _site_names(cities: CityFolder, found: CityFindings) -> list[str]:
    images, patches = cities.images, found.levels["patches"]
    places = place_names(images).tolist()
    image_of = dict(zip(patches.site.tolist(), patches.cluster.tolist(), strict=True))
    names = []
    for site in found.levels["sites"].cluster.tolist():
        image = image_of[site]
        names.append(f"{cities.cities[int(images['city'].iloc[image])].code}/{places[image]}")
    return names


def _top(units: Units) -> int:
    return min(_TOP, int(units.logits.shape[1]))


def _answers(units: Units, codes: Sequence[str], temperature: float) -> Iterable[dict[str, Any]]:
    chance = np.exp(log_probabilities(units.logits, temperature))
    for row, order in enumerate(ranking(units.logits, _top(units))):
        told: dict[str, Any] = {
            "truth": codes[units.truth[row]],
            "named": codes[order[0]],
            "right": int(order[0] == units.truth[row]),
            "patches": int(units.members[row]),
        }
        for place, city in enumerate(order, start=1):
            told[f"city_{place}"] = codes[city]
            told[f"p_{place}"] = round(float(chance[row, city]), 6)
        yield told


def city_evaluation_table(report: Mapping[str, Any]) -> str:
    """Return the figures of a report as a few lines for people."""
    levels = report["levels"]
    head = ("", "patches", "images", "sites")
    named = (
        ("accuracy", "accuracy"),
        ("balanced accuracy", "balanced_accuracy"),
        ("macro F1", "macro_f1"),
        *((f"among first {k}", f"top_{k}") for k in TOP if 1 < k < len(report["cities"])),
    )
    lines = [head, ("number", *(f"{levels[level]['units']:,}" for level in head[1:]))]
    lines += [(title, *(_told(levels[level][key]) for level in head[1:])) for title, key in named]
    parts = [
        aligned(lines),
        _sites_sentence(report),
        *_sureness_sentences(report),
        _pairs_sentence(report),
    ]
    if report.get("colour_baseline"):
        told = (f"{value:.3f} ({part})" for part, value in report["colour_baseline"].items())
        parts.append(f"Colour histograms alone, in training: balanced {', '.join(told)}.")
    if report["cue_audit"] is not None:
        parts.append(_audit_lines(report["cue_audit"]))
    return "\n\n".join(part for part in parts if part)


def _sites_sentence(report: Mapping[str, Any]) -> str:
    sites = report["levels"]["patches"]["independent_sites"]
    number = "one independent site" if sites == 1 else f"{sites} independent sites"
    text = f"{number.capitalize() if sites == 1 else number} in this part"
    if sites < 2:
        return f"{text}: too few to say how far the figures would move with other sites."
    return f"{text}; intervals (95 %) come from drawing sites and images anew, never patches."


def _sureness_sentences(report: Mapping[str, Any]) -> list[str]:
    if "calibration" not in report:
        return ["No validation patches: probabilities are not calibrated."]
    lines = []
    for level, figures in report["calibration"].items():
        before, after, sets = figures["before"], figures["after"], report["sets"][level]
        promise = "" if sets["guaranteed"] else ", too few sites to promise it"
        lines.append(
            f"{level.capitalize()}: calibration error {before['ece']:.3f}, and {after['ece']:.3f} "
            f"with temperature {figures['temperature']:.2f}. Sets of cities meant to hold the "
            f"truth in {report['sets']['coverage_asked']:.0%} hold it in "
            f"{sets['coverage_by_site']:.0%} (mean of sites{promise}), with "
            f"{sets['mean_size']:.1f} cities on average."
        )
    text = "\n".join(lines)
    unknown = _unknown_lines(report["unknown"])
    return [text, unknown] if unknown else [text]


def _unknown_lines(unknown: Mapping[str, Any]) -> str:
    lines = []
    for level in ("patches", "images"):
        figures = unknown[level]
        if figures["mean_auroc"] is not None:
            lines.append(
                f"An unknown city is noticed with AUROC {figures['mean_auroc']:.2f} ({level}); "
                f"where {unknown['acceptance_asked']:.0%} of known ones pass, "
                f"{figures['mean_taken_for_known']:.0%} of unknown ones do."
            )
        if figures["never_seen"] is not None:
            seen = figures["never_seen"]
            lines.append(
                f"For cities that the model truly never saw: AUROC {seen['auroc']:.2f}, "
                f"{seen['taken_for_known']:.0%} ({level})."
            )
    return "\n".join(lines)


def _pairs_sentence(report: Mapping[str, Any]) -> str:
    pairs = report["confused_pairs"][:_PAIRS_SHOWN]
    if not pairs:
        return "No patch was taken for another city."
    told = [f"{p['truth']} for {p['taken_for']} {p['share']:.1%}" for p in pairs]
    return f"Most often taken: {', '.join(told)} of patches."


def _audit_lines(audit: Mapping[str, Any]) -> str:
    width = max(len(title) for title in CUES.values())
    rows = [("as it is", audit["as_it_is"])]
    rows += [(CUES[cue], figures) for cue, figures in audit["cues"].items()]
    dates = audit["dates"] or {}
    rows += [(f"on {side.replace('_', ' ')}", told) for side, told in dates.items() if told]
    table = "\n".join(f"  {title.ljust(width)}  {_told(figures)}" for title, figures in rows)
    return f"What it lives off ({audit['patches']:,} patches):\n{table}\n{audit['verdict']}"


def _told(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "-"
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.2f} to {figure['high']:.2f})"
