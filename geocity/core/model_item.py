"""A model as an item of a STAC catalogue: what it takes, what it gives, where it was trained.

Source: STAC 1.1.0 and its extensions Machine Learning Model 1.5, classification 2.0, raster 2.0,
processing 1.2 and file 2.1.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from geocity.core.contract_fields import FORMAT_VERSION
from geocity.core.model_contract import ModelContract

EXTENSIONS = (
    "https://stac-extensions.github.io/mlm/v1.5.2/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
)
# What the extension advises for a model that may be used on imagery of any date.
_ALWAYS = ("1900-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")
_SHA256 = "1220"  # the multihash prefix of a SHA-256


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The file that an item points to.

    Attributes:
        href: where it lies, seen from the item.
        name: its name without suffix.
        size: bytes.
        sha256: its hash in hexadecimal.
        parameters: number of weights, or None where nobody counted them.
        is_onnx: whether it is an ONNX file instead of one of geocity's own.
    """

    href: str
    name: str
    size: int
    sha256: str
    parameters: int | None
    is_onnx: bool


def model_item(contract: ModelContract, file: ModelFile) -> dict[str, Any]:
    """Describe a model as a STAC item with the Machine Learning Model extension.

    Its geometry is where the model was trained, or null where the contract does not know.

    Args:
        contract: the model's contract.
        file: the model file.
    """
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": list(EXTENSIONS),
        "id": f"{_identifier(file.name)}-{file.sha256[:12]}",
        "geometry": dict(contract.footprint) if contract.footprint else None,
        "properties": _properties(contract, file),
        "links": [],
        "assets": {"model": _asset(contract, file)},
    }
    if contract.footprint:
        item["bbox"] = _bbox(contract.footprint)
    return item


def _properties(contract: ModelContract, file: ModelFile) -> dict[str, Any]:
    names = ", ".join(contract.classes.names)
    properties: dict[str, Any] = {
        "title": f"{contract.architecture} with {contract.encoder}: {names}",
        "description": (
            f"Gives every pixel one of the classes {names}. Trained on imagery with pixels of "
            f"{contract.cell_size_m:g} m; the geometry is where. On other places, seasons and "
            "sensors check a sample first."
        ),
        "datetime": None,
        "start_datetime": _ALWAYS[0],
        "end_datetime": _ALWAYS[1],
        "gsd": round(contract.cell_size_m, 6),
        "bands": [{"name": name} for name in contract.bands],
        "mlm:name": _model_name(file.name),
        "mlm:architecture": f"{contract.architecture} ({contract.encoder})",
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:input": [_input(contract)],
        "mlm:output": [_output(contract)],
        "mlm:hyperparameters": _hyperparameters(contract),
        **_framework(contract, file),
    }
    if file.parameters is not None:
        properties["mlm:total_parameters"] = file.parameters
    if contract.versions:
        properties["processing:software"] = dict(contract.versions)
    return properties


def _framework(contract: ModelContract, file: ModelFile) -> dict[str, Any]:
    told: dict[str, Any] = {"mlm:framework": "ONNX" if file.is_onnx else "PyTorch"}
    version = contract.versions.get("torch", "")
    if not file.is_onnx and _VERSION.match(version):
        told["mlm:framework_version"] = version
    source = contract.options.get("weights")
    if isinstance(source, str):
        learnt = source != "none"
        told["mlm:pretrained"] = learnt
        told["mlm:pretrained_source"] = source if learnt else None
    return told


def _input(contract: ModelContract) -> dict[str, Any]:
    tile = contract.tile_size
    scaling = [
        {"type": "z-score", "mean": mean * contract.scale, "stddev": std * contract.scale}
        for mean, std in zip(contract.mean, contract.std, strict=True)
    ]
    return {
        "name": "image",
        "description": "Pixels as stored, normalised band by band; pixels without data become 0.",
        "bands": list(contract.bands),
        "input": {
            "shape": [-1, len(contract.bands), tile, tile],
            "dim_order": ["batch", "bands", "height", "width"],
            "data_type": "float32",
        },
        "value_scaling": scaling,
    }


def _output(contract: ModelContract) -> dict[str, Any]:
    tile = contract.tile_size
    return {
        "name": "probabilities",
        "description": "The probability of every class; the most probable one is given.",
        "tasks": ["semantic-segmentation"],
        "result": {
            "shape": [-1, len(contract.classes), tile, tile],
            "dim_order": ["batch", "class", "height", "width"],
            "data_type": "float32",
        },
        "classification:classes": _classes(contract),
    }


def _classes(contract: ModelContract) -> list[dict[str, Any]]:
    return [
        {
            "value": c.value,
            # The extension allows no spaces in names; the description is what people read.
            "name": _identifier(c.name),
            "description": c.name,
            "color_hint": "{:02X}{:02X}{:02X}".format(*c.color),
        }
        for c in contract.classes
    ]


def _hyperparameters(contract: ModelContract) -> dict[str, Any]:
    told: dict[str, Any] = {
        "tile_size": contract.tile_size,
        "padding": contract.padding,
        "temperature": contract.temperature,
        "seed": contract.seed,
    }
    if contract.thresholds is not None:
        told["thresholds"] = list(contract.thresholds)
    return told


def _asset(contract: ModelContract, file: ModelFile) -> dict[str, Any]:
    low, high = contract.value_range
    scale = contract.scale
    bands = [
        {
            "name": name,
            "data_type": contract.dtype,
            "statistics": {
                "minimum": low,
                "maximum": high,
                "mean": mean * scale,
                "stddev": std * scale,
            },
            "raster:spatial_resolution": round(contract.cell_size_m, 6),
        }
        for name, mean, std in zip(contract.bands, contract.mean, contract.std, strict=True)
    ]
    framework = "onnx" if file.is_onnx else "pytorch"
    return {
        "href": file.href,
        "title": file.name,
        "description": (
            "ONNX with the metadata of the QGIS plugin Deepness"
            if file.is_onnx
            else f"geocity model file, format {FORMAT_VERSION}: a zip of model.json and "
            "weights.safetensors"
        ),
        "type": f"application/octet-stream; framework={framework}",
        "roles": ["mlm:model", "mlm:weights", "data"],
        "mlm:artifact_type": "onnx" if file.is_onnx else "geocity.write_model",
        "bands": bands,
        "file:size": file.size,
        "file:checksum": _SHA256 + file.sha256,
    }


def _model_name(name: str) -> str:
    """Return a name as the extension allows it: from a letter to a letter or digit."""
    plain = re.sub(r"[^a-zA-Z0-9_.\- ]+", "-", name).strip("_.- ")
    return plain if re.match(r"[a-zA-Z].+[a-zA-Z0-9]$", plain) else f"model-{plain or 'unnamed'}"


def _identifier(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z_-]+", "_", name).strip("_") or "unnamed"


def _bbox(geometry: Mapping[str, Any]) -> list[float]:
    points = list(_points(geometry["coordinates"]))
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return [min(xs), min(ys), max(xs), max(ys)]


def _points(coordinates: Any) -> Iterator[tuple[float, float]]:
    if coordinates and isinstance(coordinates[0], int | float):
        yield float(coordinates[0]), float(coordinates[1])
        return
    for part in coordinates:
        yield from _points(part)
