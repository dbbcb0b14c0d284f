"""What an ONNX file says of itself, read without running any of it.

ONNX files are Protocol Buffers: numbered fields, nested. This reads the few that matter (inputs,
outputs, metadata) and looks into every tensor for one thing: whether its numbers lie in another
file. So a model is judged before any library opens it, and none is needed for that.

Source: the message definitions of onnx.proto and the Protocol Buffers encoding.
"""

import contextlib
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from geocity.errors import ModelError

_LARGEST = 1 << 31  # Protocol Buffers end there
_DEEPEST = 24
_MOST_METADATA = 1000

# Message -> field number -> the message that stands there. Only the way to tensors is listed.
_MESSAGES: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION, _ELSEWHERE = 13, 14, 1


@dataclass(frozen=True, slots=True)
class Port:
    """An input or an output.

    Attributes:
        name: its name.
        number_type: ONNX's number for the type of its values; 1 is float32.
        shape: length of each dimension, None where it is free.
    """

    name: str
    number_type: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class OnnxGraph:
    """What an ONNX file says of itself.

    Attributes:
        ir_version: version of the file format.
        inputs: what it takes, weights left aside.
        outputs: what it gives.
        metadata: texts by key.
    """

    ir_version: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, str]


def read_graph(path: Path) -> OnnxGraph:
    """Read what an ONNX file says of itself.

    Raises:
        ModelError: if the file is missing, damaged, no ONNX file, or keeps weights elsewhere.
    """
    if not path.is_file():
        raise ModelError(f"{path}: there is no such model file; give a geocity model or an .onnx")
    if not 0 < path.stat().st_size < _LARGEST:
        raise ModelError(f"{path} has {path.stat().st_size} bytes, which no ONNX file has")
    with path.open("rb") as file, contextlib.ExitStack() as stack:
        mapped = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        view = stack.enter_context(memoryview(mapped))
        try:
            return _graph(bytes(view) if len(view) < 1 << 16 else view)
        except _ElsewhereError as error:
            raise ModelError(
                f"{path} keeps weights in another file; save it whole first "
                "(onnx.save_model(onnx.load(FILE), WHOLE))"
            ) from error
        except (ValueError, UnicodeDecodeError) as error:
            raise ModelError(
                f"{path} is not an ONNX file, or is damaged ({error}); get it again from where it "
                "came"
            ) from error


class _ElsewhereError(Exception):
    """A tensor's numbers lie in another file."""


Bytes = bytes | memoryview
Field = tuple[int, int, Bytes]  # number, value of a number field, content of a nested field


def _graph(content: Bytes) -> OnnxGraph:
    _look_for_elsewhere(content, "model", 0)
    version = 0
    found: list[Bytes] = []
    metadata: dict[str, str] = {}
    for number, value, inner in _fields(content):
        if number == 1:
            version = value
        elif number == 7:
            found.append(inner)
        elif number == 14 and len(metadata) < _MOST_METADATA:
            key, text = _entry(inner)
            metadata[key] = text
    if not version or len(found) != 1:
        raise ValueError("it holds no graph")
    inputs, outputs, weights = [], [], set()
    for number, _, inner in _fields(found[0]):
        if number == 5:
            weights.add(_text(inner, 8))
        elif number == 11:
            inputs.append(_port(inner))
        elif number == 12:
            outputs.append(_port(inner))
    # Older files list their weights among the inputs.
    taken = tuple(port for port in inputs if port.name not in weights)
    return OnnxGraph(version, taken, tuple(outputs), metadata)


def _look_for_elsewhere(content: Bytes, message: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    inside = _MESSAGES[message]
    for number, value, inner in _fields(content):
        if message == "tensor":
            if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value == _ELSEWHERE):
                raise _ElsewhereError
        elif number in inside:
            _look_for_elsewhere(inner, inside[number], depth + 1)


def _entry(content: Bytes) -> tuple[str, str]:
    return _text(content, 1), _text(content, 2)


def _text(content: Bytes, wanted: int) -> str:
    for number, _, inner in _fields(content):
        if number == wanted:
            return bytes(inner).decode("utf-8")
    return ""


def _port(content: Bytes) -> Port:
    number_type: int = 0
    shape: tuple[int | None, ...] = ()
    for number, _, kind in _fields(content):
        for inner_number, _, tensor in _fields(kind) if number == 2 else ():
            if inner_number == 1:
                number_type, shape = _tensor_type(tensor)
    return Port(_text(content, 1), number_type, shape)


def _tensor_type(content: Bytes) -> tuple[int, tuple[int | None, ...]]:
    number_type, dimensions = 0, []
    for number, value, inner in _fields(content):
        if number == 1:
            number_type = value
        elif number == 2:
            dimensions += [_dimension(dim) for n, _, dim in _fields(inner) if n == 1]
    return number_type, tuple(dimensions)


def _dimension(content: Bytes) -> int | None:
    for number, value, _ in _fields(content):
        if number == 1:
            return value
    return None


def _fields(content: Bytes) -> Iterator[Field]:
    """Yield the fields of a message.

    Raises:
        ValueError: if it is not one.
    """
    place, end = 0, len(content)
    while place < end:
        tag, place = _varint(content, place)
        number, kind = tag >> 3, tag & 7
        value: int = 0
        inner: Bytes = b""
        if kind == 0:
            value, place = _varint(content, place)
        elif kind == 2:
            length, place = _varint(content, place)
            inner, place = content[place : place + length], place + length
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise ValueError(f"field {number} is of no known kind")
        if place > end:
            raise ValueError("it ends too early")
        yield number, value, inner


def _varint(content: Bytes, place: int) -> tuple[int, int]:
    value = 0
    for step in range(10):
        if place + step >= len(content):
            raise ValueError("it ends too early")
        byte = content[place + step]
        value |= (byte & 0x7F) << (7 * step)
        if byte < 0x80:
            return value, place + step + 1
    raise ValueError("a number has no end")
