"""Export a model for other programs: Deepness in QGIS, ArcGIS Pro, a STAC catalogue."""

import hashlib
import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

from geocity.core.deepness import deepness_metadata
from geocity.core.layout import NETWORK_STEP
from geocity.core.model_contract import ModelContract
from geocity.core.model_item import ModelFile, model_item
from geocity.errors import InputError, ModelError
from geocity.io.esri_packages import NETWORK, write_deep_learning_package
from geocity.io.model_packages import ModelPackage, OnnxPackage, read_model
from geocity.io.staging import PathLike, fresh_output, staged

__all__ = ["export_model"]

logger = logging.getLogger(__name__)

Format = Literal["onnx", "dlpk", "stac"]
FORMATS: tuple[Format, ...] = ("onnx", "dlpk", "stac")
_SUFFIXES = {"onnx": ".onnx", "dlpk": ".dlpk", "stac": ".json"}
_LARGEST_TILE = 4096
# What normalising layers remember of training: no parameters, though kept with them.
_COUNTED_APART = ("running_mean", "running_var", "num_batches_tracked")


def export_model(
    model: PathLike,
    *,
    to: Format,
    out: PathLike,
    tile_size: int | None = None,
    padding: int | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a model in the form that another program opens.

    ``onnx`` is one file that the QGIS plugin Deepness runs without a question, ``dlpk`` a deep
    learning package written to Esri's published specification (not yet opened in ArcGIS Pro), and
    ``stac`` an item of a STAC catalogue that points to the model file. Equal models make equal
    files.

    Args:
        model: a slum model of geocity; for ``stac`` also an ONNX file with Deepness's metadata.
        to: ``onnx``, ``dlpk`` or ``stac``.
        out: the file to write.
        tile_size: side of the tiles that the ONNX network takes, a multiple of 32; the model's own
            by default.
        padding: pixels of context around a tile's kept centre; the model's own by default.
        overwrite: replace a file that is there.

    Returns:
        The path of the file.

    Raises:
        InputError: if an option makes no sense.
        ModelError: if the model is damaged, names cities, or cannot be written as ONNX.
        MissingDependencyError: if what writes ONNX is not installed.
        OutputExistsError: if ``out`` is there and may not be replaced.
    """
    path = Path(out)
    if to not in FORMATS:
        raise InputError(f"{to!r} is no format; give one of {', '.join(FORMATS)}.")
    if path.suffix.casefold() != _SUFFIXES[to]:
        raise InputError(f"{path} was given for {to}; give a name that ends in {_SUFFIXES[to]}.")
    package = read_model(model)
    tile, kept = _tile(package.contract, tile_size, padding)
    fresh_output(path, overwrite=overwrite)
    if to == "stac":
        if tile_size is not None or padding is not None:
            raise InputError("Tile size and padding belong to onnx and dlpk; leave them out.")
        return _write_item(package, path, overwrite=overwrite)
    network = _network(package, tile, kept, bare=to == "onnx")
    if to == "onnx":
        with staged(path, overwrite=overwrite) as stage:
            stage.path.write_bytes(network)
        return path
    contract = replace(package.contract, tile_size=tile, padding=kept)
    facts = ModelFile(
        href=f"./{NETWORK}",
        name=path.stem,
        size=len(network),
        sha256=hashlib.sha256(network).hexdigest(),
        parameters=None,
        is_onnx=True,
    )
    item = model_item(contract, facts)
    logger.warning(
        "This package is written to Esri's published specification and has not been opened in "
        "ArcGIS Pro yet."
    )
    return write_deep_learning_package(
        path, contract, network, item, name=path.stem, overwrite=overwrite
    )


def _tile(contract: ModelContract, tile_size: int | None, padding: int | None) -> tuple[int, int]:
    tile = contract.tile_size if tile_size is None else tile_size
    kept = contract.padding if padding is None else padding
    if tile % NETWORK_STEP or not NETWORK_STEP <= tile <= _LARGEST_TILE:
        raise InputError(
            f"A tile size of {tile} was given; give a multiple of {NETWORK_STEP} up to "
            f"{_LARGEST_TILE} (--tile-size)."
        )
    if not 0 <= 2 * kept < tile:
        raise InputError(
            f"A padding of {kept} leaves nothing of a tile of {tile}; give 0 to {tile // 2 - 1} "
            "(--padding)."
        )
    return tile, kept


def _network(package: ModelPackage, tile: int, padding: int, *, bare: bool) -> bytes:
    if isinstance(package, OnnxPackage):
        raise ModelError(
            f"{package.path} is an ONNX file already; give the geocity model that it was made of"
        )
    if package.contract.thresholds is not None:
        logger.warning(
            "The model gives classes by thresholds of its own, which other programs do not know: "
            "they take the most probable class."
        )
    from geocity.models.onnx_export import onnx_bytes

    logger.info("Writing the network as ONNX, for tiles of %d pixels.", tile)
    metadata = deepness_metadata(package.contract, tile, padding)
    return onnx_bytes(package, tile, metadata, bare=bare)


def _write_item(package: ModelPackage, out: Path, *, overwrite: bool) -> Path:
    is_onnx = isinstance(package, OnnxPackage)
    parameters = None
    if not is_onnx:
        arrays = package.weights()
        parameters = sum(a.size for name, a in arrays.items() if not name.endswith(_COUNTED_APART))
    with package.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    facts = ModelFile(
        href=_seen_from(package.path, out.parent),
        name=package.path.stem,
        size=package.path.stat().st_size,
        sha256=digest,
        parameters=parameters,
        is_onnx=is_onnx,
    )
    item = model_item(package.contract, facts)
    with staged(out, overwrite=overwrite) as stage:
        text = json.dumps(item, indent=2, ensure_ascii=False, allow_nan=False)
        stage.path.write_text(text + "\n", encoding="utf-8")
    return out


def _seen_from(path: Path, folder: Path) -> str:
    """Return the relative link from a folder to a file, or the file's address on another disk."""
    try:
        relative = os.path.relpath(path.resolve(), folder.resolve())
    except ValueError:
        return path.resolve().as_uri()
    return relative.replace(os.sep, "/") if relative.startswith("..") else f"./{relative}"
