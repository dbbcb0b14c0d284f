"""The model card: what a person should know before she trusts a model."""

from collections.abc import Mapping, Sequence
from typing import Any

from geocity.core.model_contract import NODATA_RULE, NORMALISATION_FORMULA, ModelContract


def model_card(contract: ModelContract) -> str:
    """Write a model's card as Markdown."""
    parts = [
        f"# {contract.architecture} with {contract.encoder}: {', '.join(contract.classes.names)}",
        f"{_origin(contract)} The numbers below are also in `model.json`, for programs.",
        _expects(contract),
        _gives(contract),
        measured(contract.metrics),
        _training(contract),
        _caution(contract),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _origin(contract: ModelContract) -> str:
    source = contract.options.get("imported from")
    if source is None:
        return "Made by `geocity train`."
    return (
        f"Made by `geocity import-model` of {source}, which was trained elsewhere; what it expects "
        "was told by the person who imported it."
    )


def _expects(contract: ModelContract) -> str:
    low, high = contract.value_range
    rows = [
        ("bands, in this order", ", ".join(contract.bands)),
        ("pixels", f"{contract.dtype}, {low:g} to {high:g} in training"),
        ("cell size", f"{contract.cell_size_m:g} m"),
        ("normalisation", NORMALISATION_FORMULA),
        ("scale", f"{contract.scale:g}"),
        ("mean", ", ".join(f"{m:.4f}" for m in contract.mean)),
        ("std", ", ".join(f"{s:.4f}" for s in contract.std)),
        ("nodata", NODATA_RULE),
        ("tile and padding", f"{contract.tile_size} and {contract.padding} pixels"),
    ]
    return "## What it expects\n\n" + table(("", ""), rows)


def _gives(contract: ModelContract) -> str:
    rows = [
        (str(c.value), c.name, "#{:02x}{:02x}{:02x}".format(*c.color)) for c in contract.classes
    ]
    return "## What it gives\n\n" + table(("value", "class", "colour"), rows)


def measured(metrics: Mapping[str, Any]) -> str:
    """Write the measures of each part as tables; nothing if there are none."""
    lines = []
    for part, values in metrics.items():
        if isinstance(values, Mapping):
            rows = [(str(name), figure(value)) for name, value in values.items()]
            lines.append(f"### {part}\n\n" + table(("measure", "value"), rows))
    return "\n\n".join(["## How good it was", *lines]) if lines else ""


def _training(contract: ModelContract) -> str:
    rows = [(name, figure(value)) for name, value in contract.split.items()]
    rows += [(name, figure(value)) for name, value in contract.options.items()]
    rows += [("seed", str(contract.seed)), ("weights SHA-256", contract.weights_sha256)]
    rows += [(f"version of {name}", version) for name, version in contract.versions.items()]
    return "## How it was trained\n\n" + table(("", ""), rows)


def _caution(contract: ModelContract) -> str:
    return (
        "## Before you use it\n\n"
        "It has seen only the places, dates and sensors of its training chips. On imagery of "
        "another place, season or sensor, check a sample against outlines drawn by a person "
        "(`geocity evaluate`, `geocity assess`) before you count with its map. A map of slums can "
        "harm the people who live in them: share it as carefully as you would share a list of "
        "their addresses."
    )


def figure(value: Any) -> str:
    """Write a value for people."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {figure(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(figure(item) for item in value)
    return str(value)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Write rows as a Markdown table."""

    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"

    return "\n".join([line(head), line(tuple("---" for _ in head)), *(line(row) for row in rows)])
