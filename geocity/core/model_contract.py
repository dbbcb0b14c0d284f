"""What a model expects and what it gives: the contract that every model file carries."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from geocity.core.classes import NODATA, ClassTable
from geocity.core.contract_fields import (
    FORMAT_VERSION,
    SLUMS,
    Parsers,
    check_pixels,
    items,
    mapping,
    number,
    number_pair,
    numbers,
    optional,
    parse_fields,
    read_document,
    text,
    text_mapping,
    texts,
    whole,
    write_document,
)

__all__ = ["FORMAT_VERSION", "NODATA_RULE", "NORMALISATION_FORMULA", "ModelContract"]

COMPACT = "compact"
"""The encoder of geocity's own small U-Net."""

NORMALISATION_FORMULA = "(pixel / scale - mean[band]) / std[band]; invalid pixels become 0"
NODATA_RULE = (
    "a pixel is invalid where the scene's nodata value, alpha band, mask or NaN says so; "
    "it enters the network as 0 after normalisation and comes out as 255"
)

_MAX_SIDE = 1 << 16


@dataclass(frozen=True, slots=True)
class ModelContract:
    """Everything that a scene must fulfil and that a result will mean.

    The network's output channel *i* is the *i*-th class of `classes`.

    Attributes:
        architecture: name of the network, for example ``unet``.
        encoder: name of its encoder, for example ``resnet34``.
        bands: names of the bands in the order in which the network takes them.
        dtype: number type of the pixels it was trained on, for example ``uint8``.
        value_range: lowest and highest pixel value met in training.
        cell_size_m: side of a pixel in metres.
        classes: pixel values, names and colours of the classes.
        scale: pixels are divided by it before anything else.
        mean: mean of the scaled training pixels per band.
        std: standard deviation of the scaled training pixels per band.
        tile_size: side of the tiles it is best run with, in pixels.
        padding: context around a tile's kept centre, in pixels.
        nodata: value that means "no class here" in labels and results.
        temperature: logits are divided by it to make calibrated probabilities.
        thresholds: per class, the lowest probability at which it is given, or None for the
            most probable class.
        split: what training, validation and test held.
        metrics: quality measured in training, by name of the part.
        footprint: where it was trained, a GeoJSON geometry in WGS 84, or None.
        options: the training options as they were resolved.
        seed: the seed of the training run.
        versions: versions of the software that trained it, by package.
        weights_sha256: SHA-256 of the weights member, in hexadecimal; set on writing.
    """

    architecture: str
    encoder: str
    bands: tuple[str, ...]
    dtype: str
    value_range: tuple[float, float]
    cell_size_m: float
    classes: ClassTable
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    tile_size: int = 1024
    padding: int = 64
    nodata: int = NODATA
    temperature: float = 1.0
    thresholds: tuple[float, ...] | None = None
    split: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    footprint: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    weights_sha256: str = ""

    def __post_init__(self) -> None:
        check_pixels(self)
        _check_network(self)
        _check_numbers(self)

    @property
    def model_id(self) -> str:
        """Return a short name of exactly these weights: the first 12 digits of their hash."""
        return self.weights_sha256[:12]

    def to_json(self) -> str:
        """Return the contract as readable JSON, equal for equal contracts."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["classes"] = json.loads(self.classes.to_json())
        notes = {"normalisation": NORMALISATION_FORMULA, "nodata_rule": NODATA_RULE}
        return write_document(SLUMS, values, notes)

    @classmethod
    def from_json(cls, text: str) -> "ModelContract":
        """Read what `to_json` wrote.

        Raises:
            ValueError: if the text is not a geocity contract, is of a newer format version,
                lacks a field, or a field has the wrong type or an impossible value.
        """
        return cls(**parse_fields(read_document(text), _PARSERS))


def _check_network(contract: ModelContract) -> None:
    if not contract.architecture or not contract.encoder:
        raise ValueError("architecture and encoder must be named")
    thresholds = contract.thresholds
    if thresholds is not None and len(thresholds) != len(contract.classes):
        raise ValueError(f"thresholds need one number per class ({len(contract.classes)})")


def _check_numbers(contract: ModelContract) -> None:
    if not 0 < contract.scale < math.inf:
        raise ValueError(f"scale must be above 0, got {contract.scale}")
    if not 0 < contract.cell_size_m < math.inf:
        raise ValueError(f"cell size must be above 0 m, got {contract.cell_size_m}")
    if any(not 0 <= t <= 1 for t in contract.thresholds or ()):
        raise ValueError("thresholds must lie between 0 and 1")
    if not 32 <= contract.tile_size <= _MAX_SIDE:
        raise ValueError(f"tile size must be 32 to {_MAX_SIDE} pixels, got {contract.tile_size}")
    if not 0 <= 2 * contract.padding < contract.tile_size:
        raise ValueError(
            f"padding {contract.padding} leaves nothing of a {contract.tile_size} tile"
        )
    if contract.nodata != NODATA:
        raise ValueError(f"nodata must be {NODATA}, got {contract.nodata}")


def _classes(value: object) -> ClassTable:
    for item in items(value):
        whole(mapping(item).get("value"))
        text(item.get("name"))
    return ClassTable.from_json(json.dumps(value))


_PARSERS: Parsers = {
    "architecture": text,
    "encoder": text,
    "bands": texts,
    "dtype": text,
    "value_range": number_pair,
    "cell_size_m": number,
    "classes": _classes,
    "scale": number,
    "mean": numbers,
    "std": numbers,
    "tile_size": whole,
    "padding": whole,
    "nodata": whole,
    "temperature": number,
    "thresholds": optional(numbers),
    "split": mapping,
    "metrics": mapping,
    "footprint": optional(mapping),
    "options": mapping,
    "seed": whole,
    "versions": text_mapping,
    "weights_sha256": text,
}
