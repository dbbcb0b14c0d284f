"""The card of a city model: what a person should know before she trusts it."""

from geocity.core.cities.contract import CityContract
from geocity.io.model_cards import figure, measured, table

_CAUTION = (
    "## Before you use it\n\n"
    "It knows only its cities: whatever it is shown, it names one of them. City and acquisition "
    "are easily confused: what looks like a city may be its season, sun, sensor or provider. "
    "Trust a figure that was measured on another date and on sites the training never saw "
    "(`geocity city evaluate`)."
)


def city_model_card(contract: CityContract) -> str:
    """Write a city model's card as Markdown."""
    parts = [
        f"# {contract.backbone}: {len(contract.cities)} cities",
        "Made by `geocity city`. The numbers below are also in `model.json`, for programs.",
        _expects(contract),
        "## What it gives\n\n" + table(("city", "code"), [(n, c) for c, n in contract.cities]),
        measured(contract.metrics),
        _training(contract),
        _CAUTION,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _expects(contract: CityContract) -> str:
    low, high = contract.value_range
    rows = [
        ("bands, in this order", ", ".join(contract.bands)),
        ("pixels", f"{contract.dtype}, {low:g} to {high:g}"),
        ("side of a patch", _metres(contract.patch_m)),
        ("cell size of the training images", _metres(contract.cell_size_m)),
        ("normalisation", contract.normalisation),
        ("temperature", f"{contract.temperature:g}"),
    ]
    if not contract.per_image:
        rows += [
            ("mean", ", ".join(f"{m:.4f}" for m in contract.mean)),
            ("std", ", ".join(f"{s:.4f}" for s in contract.std)),
        ]
    return "## What it expects\n\n" + table(("", ""), rows)


def _metres(size: float | None) -> str:
    return "unknown" if size is None else f"{size:g} m"


def _training(contract: CityContract) -> str:
    rows = [(name, figure(value)) for name, value in contract.split.items()]
    rows += [(name, figure(value)) for name, value in contract.options.items()]
    rows += [("seed", str(contract.seed)), ("weights SHA-256", contract.weights_sha256)]
    rows += [(f"version of {name}", version) for name, version in contract.versions.items()]
    return "## How it was made\n\n" + table(("", ""), rows)
