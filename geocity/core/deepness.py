"""What the QGIS plugin Deepness reads in an ONNX file, made from a contract and read into one.

Deepness keeps everything in the file's metadata, each value as a JSON text, and prepares every
image alike: ``(pixel / 255 - mean) / std``, whatever its number type. A contract's own scale is
folded into mean and standard deviation, so nothing is lost. One more key carries what Deepness has
no word for (bands, number type, values and colours of the classes); Deepness passes it by.

Source: Deepness 0.6.5, its documentation of model metadata and what its reader does with it.
"""

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from geocity.core.classes import ClassTable, LandClass, default_color
from geocity.core.contract_fields import items, mapping, number, numbers, text, whole
from geocity.core.model_contract import ModelContract

OWN_KEY = "geocity_model"
"""Metadata key of the contract itself."""

PIXEL_SCALE = 255.0
"""Deepness divides pixels by it before mean and std apply."""

# As in Deepness, where a model says nothing: a single score is cut there.
_SINGLE_SCORE_THRESHOLD = 0.5
_LONGEST_VALUE = 1 << 20
_STEP = 32
_SIDES = (32, 8192)


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """What goes into a network and what comes out of it.

    Attributes:
        bands: input channels.
        tile: side of its square input in pixels, or None where it takes any.
        channels: output channels; 1 means one score, of the second of two classes.
    """

    bands: int
    tile: int | None
    channels: int


def deepness_metadata(contract: ModelContract, tile: int, padding: int) -> dict[str, str]:
    """Return the metadata with which Deepness runs a model as geocity does.

    Args:
        contract: the model's contract; its thresholds have no counterpart and stay behind.
        tile: side of the network's input in pixels.
        padding: pixels of context around a tile's kept centre; Deepness gives at least so many.

    Returns:
        JSON texts by key.
    """
    ratio = contract.scale / PIXEL_SCALE
    told: dict[str, Any] = {
        "model_type": "Segmentor",
        "class_names": {str(i): name for i, name in enumerate(contract.classes.names)},
        "resolution": round(contract.cell_size_m * 100, 6),
        # Its documentation says the one, its code reads the other.
        "tile_size": tile,
        "tiles_size": tile,
        "tiles_overlap": _overlap(tile, padding),
        "standardization_mean": [m * ratio for m in contract.mean],
        "standardization_std": [s * ratio for s in contract.std],
        # Scores below it become 0 before the greatest is taken: 0 leaves them alone.
        "seg_thresh": 0.0,
        # The size of a median blur of the result: 0 leaves it alone.
        "seg_small_segment": 0,
    }
    metadata = {key: json.dumps(value) for key, value in told.items()}
    metadata[OWN_KEY] = replace(contract, tile_size=tile, padding=padding).to_json()
    return metadata


def _overlap(tile: int, padding: int) -> int:
    """Return by how many per cent tiles overlap, which Deepness wants as a whole number.

    A network that halves its input five times answers alike only where tiles stand a multiple of
    32 pixels apart. So it is the least overlap that is enough and keeps to that, where one is.
    """
    least = -(-200 * padding // tile)
    aligned = (p for p in range(least, 75) if p * tile // 100 % _STEP == 0)
    return next(aligned, least)


def contract_from_metadata(metadata: Mapping[str, str], shape: NetworkShape) -> ModelContract:
    """Read the contract of a network from the metadata of its ONNX file.

    Deepness's keys say what counts; geocity's own key adds what they leave open. Without it, bands
    are taken by their position and pixels to be 8 bit, as Deepness does.

    Args:
        metadata: texts by key.
        shape: of the network.

    Returns:
        A contract of probabilities: its temperature is 1.

    Raises:
        ValueError: if a key is missing or has an impossible value.
    """
    told = _Told(metadata)
    kind = told.read("model_type", text, "Segmentor")
    if kind.casefold() != "segmentor":
        raise ValueError(
            f"its model_type is {kind[:40]!r}, expected Segmentor, one class per pixel"
        )
    own = _own_contract(metadata, shape)
    tile, padding = _tile_and_padding(told, shape, own)
    mean, std = _standardisation(told, shape.bands)
    classes = _classes(told, shape, own)
    known = own or ModelContract(
        architecture="onnx",
        encoder="unknown",
        bands=tuple(f"Band {i + 1}" for i in range(shape.bands)),
        dtype="uint8",
        value_range=(0.0, 255.0),
        cell_size_m=1.0,
        classes=classes,
        scale=PIXEL_SCALE,
        mean=mean,
        std=std,
    )
    return replace(
        known,
        cell_size_m=told.read("resolution", number) / 100,
        classes=classes,
        scale=PIXEL_SCALE,
        mean=mean,
        std=std,
        tile_size=tile,
        padding=padding,
        temperature=1.0,
        thresholds=_thresholds(told, shape, own),
    )


class _Told:
    """Metadata as values; every complaint names its key."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        self._metadata = metadata

    def __contains__(self, key: str) -> bool:
        return key in self._metadata

    def read(self, key: str, parse: Any, default: Any = None) -> Any:
        """Return a value through a parser of `geocity.core.contract_fields`."""
        if key not in self._metadata:
            if default is None:
                raise ValueError(f"its metadata has no {key!r}, which Deepness models carry")
            return default
        written = self._metadata[key]
        try:
            if len(written) > _LONGEST_VALUE:
                raise ValueError(f"{len(written)} characters")
            return parse(_value(written))
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"its metadata has an unusable {key!r}: {error}") from error


def _value(written: str) -> Any:
    try:
        return json.loads(written)
    except json.JSONDecodeError:
        # Ultralytics and others write Python's notation, and Deepness reads that as well.
        try:
            return ast.literal_eval(written)
        except (SyntaxError, MemoryError) as error:
            raise ValueError(f"{written[:40]!r} is not JSON") from error


def _own_contract(metadata: Mapping[str, str], shape: NetworkShape) -> ModelContract | None:
    written = metadata.get(OWN_KEY)
    if written is None:
        return None
    own = ModelContract.from_json(written)
    if len(own.bands) != shape.bands or len(own.classes) != max(2, shape.channels):
        raise ValueError(
            f"its {OWN_KEY!r} speaks of {len(own.bands)} bands and {len(own.classes)} classes and "
            f"its network has {shape.bands} and {shape.channels}"
        )
    return own


def _tile_and_padding(
    told: _Told, shape: NetworkShape, own: ModelContract | None
) -> tuple[int, int]:
    key = "tile_size" if "tile_size" in told or "tiles_size" not in told else "tiles_size"
    side = shape.tile or told.read(key, whole)
    if not _SIDES[0] <= side <= _SIDES[1]:
        raise ValueError(
            f"its tiles have {side} pixels a side, expected {_SIDES[0]} to {_SIDES[1]}"
        )
    # What runs it is given sides that are multiples of 32 and fills up the rest.
    tile = side // _STEP * _STEP
    if own is not None and own.tile_size == tile:
        return tile, own.padding
    overlap = told.read("tiles_overlap", number, 15)
    if not 0 <= overlap < 100:
        raise ValueError(f"its tiles overlap by {overlap:g} per cent, expected 0 to below 100")
    return tile, int(tile * overlap / 200)


def _standardisation(told: _Told, bands: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    # Without them Deepness divides by 255 and leaves it at that.
    mean = told.read("standardization_mean", numbers, (0.0,) * bands)
    std = told.read("standardization_std", numbers, (1.0,) * bands)
    if len(mean) != bands or len(std) != bands:
        raise ValueError(
            f"its standardization_mean and _std have {len(mean)} and {len(std)} numbers and its "
            f"network takes {bands} bands"
        )
    return mean, std


def _classes(told: _Told, shape: NetworkShape, own: ModelContract | None) -> ClassTable:
    count = max(2, shape.channels)
    default = {str(i): f"channel_{i}" for i in range(count)}
    key = "names" if "names" in told and "class_names" not in told else "class_names"
    given = told.read(key, _names, default)
    if sorted(int(i) for i in given) != list(range(count)):
        raise ValueError(
            f"its {key} number the classes {', '.join(sorted(given)[:9])} and its network has "
            f"{count}; expected 0 to {count - 1} without gaps"
        )
    names = {int(i): name for i, name in given.items()}
    colors = {i: default_color(i) for i in range(count)}
    values = dict(enumerate(range(count)))
    if own is not None:
        values = dict(enumerate(own.classes.values))
        colors = {i: c.color for i, c in enumerate(own.classes)}
    return ClassTable(tuple(LandClass(values[i], names[i], colors[i]) for i in range(count)))


def _names(value: object) -> dict[str, str]:
    """Read class names: an object, a list, or the list of objects of a network of one head."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        value = value[0]
    if isinstance(value, list):
        value = {str(i): name for i, name in enumerate(items(value))}
    return {str(int(key)): text(name) for key, name in mapping(value).items()}


def _thresholds(
    told: _Told, shape: NetworkShape, own: ModelContract | None
) -> tuple[float, ...] | None:
    """Say what Deepness's threshold does in geocity's terms.

    It turns lower scores into 0 before the greatest is taken. Of probabilities that sum to 1 that
    changes something where it lies above one half: then no class but the greatest can reach it.
    """
    if own is not None and own.thresholds is not None:
        return own.thresholds
    threshold = told.read("seg_thresh", number, _SINGLE_SCORE_THRESHOLD)
    if not 0 <= threshold <= 1 or not math.isfinite(threshold):
        raise ValueError(f"its seg_thresh is {threshold}, expected 0 to 1")
    if shape.channels == 1:
        return (0.0, threshold or _SINGLE_SCORE_THRESHOLD)
    return (threshold,) * shape.channels if threshold > _SINGLE_SCORE_THRESHOLD else None
