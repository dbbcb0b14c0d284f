"""ONNX models of one class per pixel, as the QGIS plugin Deepness runs them: their contract."""

import hashlib
from dataclasses import replace
from pathlib import Path

from geocity.core.deepness import NetworkShape, contract_from_metadata
from geocity.core.model_contract import ModelContract
from geocity.errors import ModelError
from geocity.io.onnx_graphs import OnnxGraph, Port, read_graph
from geocity.io.staging import PathLike

_FLOAT32 = 1
_MOST_BANDS, _MOST_CLASSES = 1024, 254
_LONGEST_SIDE = 8192


def is_onnx(path: PathLike) -> bool:
    """Tell by its name whether a file is an ONNX model."""
    return Path(path).suffix.casefold() == ".onnx"


def read_onnx_contract(path: PathLike) -> ModelContract:
    """Read the contract of an ONNX model from its metadata; its hash is that of the file.

    Raises:
        ModelError: if the file is damaged, keeps weights elsewhere, has another shape than a
            network of one class per pixel, or lacks metadata.
    """
    path = Path(path)
    graph = read_graph(path)
    shape = _shape(path, graph)
    try:
        contract = contract_from_metadata(graph.metadata, shape)
    except ValueError as error:
        raise ModelError(
            f"{path} cannot be used as a model: {error}; write the metadata as the Deepness "
            "plugin wants it, or import the network's weights (geocity import-model)"
        ) from error
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return replace(contract, weights_sha256=digest)


def _shape(path: Path, graph: OnnxGraph) -> NetworkShape:
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ModelError(
            f"{path} has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, expected one "
            "of each: an image in, probabilities out"
        )
    image, answer = graph.inputs[0], graph.outputs[0]
    _, bands, rows, cols = _dimensions(path, image, "takes")
    _, channels, *_ = _dimensions(path, answer, "gives")
    square = rows == cols and (rows is None or 0 < rows <= _LONGEST_SIDE)
    if bands is None or not 1 <= bands <= _MOST_BANDS or not square:
        raise ModelError(
            f"{path} takes {_written(image)}, expected (1, bands, side, side) with at most "
            f"{_MOST_BANDS} bands and {_LONGEST_SIDE} pixels a side"
        )
    if channels is None or not 1 <= channels <= _MOST_CLASSES:
        raise ModelError(
            f"{path} gives {_written(answer)}, expected (1, classes, side, side) with at most "
            f"{_MOST_CLASSES} classes"
        )
    _check_answer(path, answer, rows)
    return NetworkShape(bands, rows, channels)


def _dimensions(path: Path, port: Port, does: str) -> tuple[int | None, ...]:
    if port.number_type != _FLOAT32 or len(port.shape) != 4 or port.shape[0] not in (None, 1):
        kind = "float32" if port.number_type == _FLOAT32 else f"type {port.number_type}"
        raise ModelError(
            f"{path} {does} {_written(port)} of {kind}, expected one image (1, …, side, side) of "
            "float32"
        )
    return port.shape


def _check_answer(path: Path, answer: Port, side: int | None) -> None:
    known = [length for length in answer.shape[2:] if length is not None]
    if side is not None and any(length != side for length in known):
        raise ModelError(
            f"{path} gives {_written(answer)} for tiles of {side} pixels, expected as many pixels "
            "as it takes"
        )


def _written(port: Port) -> str:
    return "(" + ", ".join("?" if n is None else str(n) for n in port.shape) + ")"
