"""What a city model expects and what it gives: the contract that its file carries."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from geocity.core.contract_fields import (
    CITY,
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
    truth,
    whole,
    write_document,
)

PIXEL_SCALE = 255.0
"""Pixels are divided by it before `mean` and `std` apply."""

PER_PATCH_FORMULA = (
    "(pixel - mean of the patch's band) / standard deviation of the patch's band; "
    "mean and std are not used"
)
FIXED_FORMULA = "(pixel / 255 - mean[band]) / std[band]"
_SIDES = (32, 4096)


@dataclass(frozen=True, slots=True)
class CityContract:
    """Everything that a patch must fulfil and that an answer will mean.

    The network's output *i* is the *i*-th of `cities`.

    Attributes:
        backbone: name of the network, a timm or TorchGeo name, for example ``resnet50``.
        cities: code and name of each city.
        bands: names of the bands in the order in which the network takes them.
        dtype: number type of the pixels it was trained on, for example ``uint8``.
        value_range: lowest and highest pixel value it takes.
        patch_m: side of a patch on the ground in metres, or None where nobody knows.
        cell_size_m: side of a pixel of the training images in metres, or None.
        input_px: side of what the network sees; patches are resized to it.
        mean: mean per band of pixels divided by 255.
        std: their standard deviation.
        temperature: logits are divided by it to make calibrated probabilities.
        per_image: whether each patch is standardised by itself, band by band; then `mean` and
            `std` are not used.
        split: what training, validation and test held.
        metrics: quality measured in training, by name of the part.
        calibration: what ``city evaluate --write-calibrated`` learned from the validation part
            (`geocity.core.cities.city_calibration`); empty until then.
        options: the training options as they were resolved.
        seed: the seed of the training run.
        versions: versions of the software that trained it, by package.
        weights_sha256: SHA-256 of the weights member, in hexadecimal; set on writing.
    """

    backbone: str
    cities: tuple[tuple[str, str], ...]
    bands: tuple[str, ...]
    dtype: str
    value_range: tuple[float, float]
    patch_m: float | None
    cell_size_m: float | None
    input_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    temperature: float = 1.0
    per_image: bool = True
    split: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    weights_sha256: str = ""

    def __post_init__(self) -> None:
        check_pixels(self)
        _check_network(self)
        _check_sizes(self)

    @property
    def model_id(self) -> str:
        """Return a short name of exactly these weights: the first 12 digits of their hash."""
        return self.weights_sha256[:12]

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the cities' codes, in the order of the network's outputs."""
        return tuple(code for code, _ in self.cities)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the cities' names, in the order of the network's outputs."""
        return tuple(name for _, name in self.cities)

    @property
    def normalisation(self) -> str:
        """Return, as a sentence for people, how pixels become the network's input."""
        formula = PER_PATCH_FORMULA if self.per_image else FIXED_FORMULA
        return f"resized to {self.input_px} x {self.input_px}, then {formula}"

    def to_json(self) -> str:
        """Return the contract as readable JSON, equal for equal contracts."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["cities"] = [{"code": code, "name": name} for code, name in self.cities]
        return write_document(CITY, values, {"normalisation": self.normalisation})

    @classmethod
    def from_json(cls, document: str) -> "CityContract":
        """Read what `to_json` wrote.

        Raises:
            ValueError: if the text is not a geocity contract, is of a newer format version,
                lacks a field, or a field has the wrong type or an impossible value.
        """
        return cls(**parse_fields(read_document(document), _PARSERS))


def _check_network(contract: CityContract) -> None:
    if not contract.backbone:
        raise ValueError("the backbone must be named")
    if not 2 <= len(contract.cities) <= 10_000:
        raise ValueError(f"a city model needs 2 to 10,000 cities, got {len(contract.cities)}")
    if not all(contract.codes) or len(set(contract.codes)) < len(contract.codes):
        raise ValueError("every city needs a code of its own")


def _check_sizes(contract: CityContract) -> None:
    for name in ("patch_m", "cell_size_m"):
        size = getattr(contract, name)
        if size is not None and not 0 < size < math.inf:
            raise ValueError(f"{name} must be above 0 m, got {size}")
    if not _SIDES[0] <= contract.input_px <= _SIDES[1]:
        raise ValueError(f"input_px must be {_SIDES[0]} to {_SIDES[1]}, got {contract.input_px}")


def _cities(value: object) -> tuple[tuple[str, str], ...]:
    pairs = [mapping(item) for item in items(value)]
    return tuple((text(pair.get("code")), text(pair.get("name"))) for pair in pairs)


_PARSERS: Parsers = {
    "backbone": text,
    "cities": _cities,
    "bands": texts,
    "dtype": text,
    "value_range": number_pair,
    "patch_m": optional(number),
    "cell_size_m": optional(number),
    "input_px": whole,
    "mean": numbers,
    "std": numbers,
    "temperature": number,
    "per_image": truth,
    "split": mapping,
    "metrics": mapping,
    "calibration": mapping,
    "options": mapping,
    "seed": whole,
    "versions": text_mapping,
    "weights_sha256": text,
}
