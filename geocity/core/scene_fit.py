"""Whether a scene is what a model was trained on: bands, number type, values, cell size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geocity.core.findings import Finding
from geocity.core.model_contract import ModelContract

# A scene coarser than this many times the model's cells lacks what the model looks at.
_TOO_COARSE = 3.0
_COARSE = 1.5
# Cells this close to the model's are not worth resampling: it would only blur.
SAME_CELL_SIZE = 0.05
# Values outside of the training range by this share of it are worth a warning; far more than
# another haze or sun can explain means that the numbers mean something else.
_BEYOND = 0.1
_FAR_BEYOND = 1.0
# A scene this dark against the training range is scaled otherwise (0 to 1 instead of 0 to 255).
_FAR_BELOW = 0.02


@dataclass(frozen=True)
class SceneFacts:
    """What is known of a scene before it is read whole.

    Attributes:
        name: for messages.
        bands: names of the bands.
        dtype: of the pixels.
        cell_size_m: side of a pixel in metres.
        low, high: values between which 98 of 100 sampled pixels lie; None without a sample.
    """

    name: str
    bands: tuple[str, ...]
    dtype: str
    cell_size_m: float
    low: float | None = None
    high: float | None = None


def scene_fit(facts: SceneFacts, contract: ModelContract) -> list[Finding]:
    """Compare a scene with the contract of a model, one finding a topic."""
    return [
        _bands(facts, contract),
        _dtype(facts, contract),
        *_values(facts, contract),
        _cell_size(facts, contract),
    ]


def bands_to_read(scene: Sequence[str], model: Sequence[str]) -> tuple[int, ...] | None:
    """Return which bands of a scene, 0-based, are the model's, in the model's order.

    By name where both know the names; by position where the number is right and no two names
    contradict each other, because one of them says nothing ("Band 1").

    Returns:
        The positions, or None where the scene does not have the bands.

    Example:
        >>> bands_to_read(("Blue", "Green", "Red", "NIR"), ("Red", "Green", "Blue"))
        (2, 1, 0)
        >>> bands_to_read(("Band 1", "Band 2"), ("Red", "NIR"))
        (0, 1)
    """
    named = [name.casefold() for name in scene]
    wanted = [name.casefold() for name in model]
    if len(set(named)) == len(named) and all(name in named for name in wanted):
        return tuple(named.index(name) for name in wanted)
    if len(named) == len(wanted) and all(map(_agree, named, wanted)):
        return tuple(range(len(named)))
    return None


def _agree(name: str, other: str) -> bool:
    silent = ("band", "gray", "grey", "layer")
    return name == other or name.startswith(silent) or other.startswith(silent)


def _bands(facts: SceneFacts, contract: ModelContract) -> Finding:
    positions = bands_to_read(facts.bands, contract.bands)
    has = f"has {len(facts.bands)} band(s) ({', '.join(facts.bands)})"
    wants = f"the model takes {len(contract.bands)} ({', '.join(contract.bands)})"
    if positions is None:
        advice = "bring the scene into these bands and this order first (gdal_translate -b)"
        return Finding("error", facts.name, "bands", f"{has} and {wants}", advice)
    if positions != tuple(range(len(facts.bands))):
        order = ", ".join(str(p + 1) for p in positions)
        found = f"{has} and {wants}"
        return Finding("note", facts.name, "bands", found, f"bands {order} are taken, by name")
    if [n.casefold() for n in facts.bands] != [n.casefold() for n in contract.bands]:
        return Finding(
            "note", facts.name, "bands", f"{has} and {wants}", "they are taken in this order"
        )
    return Finding("ok", facts.name, "bands", f"{has}, as the model takes them")


def _dtype(facts: SceneFacts, contract: ModelContract) -> Finding:
    same = np.dtype(facts.dtype) == np.dtype(contract.dtype)
    floats = all(np.dtype(t).kind == "f" for t in (facts.dtype, contract.dtype))
    if same or floats:
        return Finding("ok", facts.name, "number type", f"holds {facts.dtype}, as the model takes")
    return Finding(
        "error",
        facts.name,
        "number type",
        f"holds {facts.dtype} and the model was trained on {contract.dtype}",
        f"scale the scene the way the training scenes were, to {contract.dtype} "
        "(gdal_translate -ot -scale), or train on scenes like this one",
    )


def _values(facts: SceneFacts, contract: ModelContract) -> list[Finding]:
    if facts.low is None or facts.high is None:
        return []
    trained_low, trained_high = contract.value_range
    span = max(trained_high - trained_low, np.finfo(float).tiny)
    over = max(facts.high - trained_high, trained_low - facts.low) / span
    under = (facts.high - trained_low) / span
    found = (
        f"holds values of {facts.low:g} to {facts.high:g} (98 % of a sample) and the model was "
        f"trained on {trained_low:g} to {trained_high:g}"
    )
    if over > _FAR_BEYOND or under < _FAR_BELOW:
        advice = "scale the scene the way the training scenes were"
        return [Finding("error", facts.name, "values", found, advice)]
    if over > _BEYOND:
        advice = (
            "look at the result with care: this scene is brighter or darker than any trained on"
        )
        return [Finding("warning", facts.name, "values", found, advice)]
    return [Finding("ok", facts.name, "values", found)]


def needs_resampling(cell_size_m: float, wanted_m: float) -> bool:
    """Tell whether two cell sizes differ by more than a few per cent."""
    return abs(cell_size_m / wanted_m - 1) > SAME_CELL_SIZE


def _cell_size(facts: SceneFacts, contract: ModelContract) -> Finding:
    coarser = facts.cell_size_m / contract.cell_size_m
    found = (
        f"has pixels of {facts.cell_size_m:.3g} m and the model was trained on "
        f"{contract.cell_size_m:.3g} m"
    )
    if coarser > _TOO_COARSE:
        advice = "use a finer scene, or train a model on scenes of this cell size"
        return Finding("error", facts.name, "cell size", found, advice)
    if coarser > _COARSE:
        advice = "details that the model looks for may be missing; check the result"
        return Finding("warning", facts.name, "cell size", found, advice)
    if needs_resampling(facts.cell_size_m, contract.cell_size_m):
        advice = "it is resampled for the model and the result put back on its own grid"
        return Finding("note", facts.name, "cell size", found, advice)
    return Finding("ok", facts.name, "cell size", found)
