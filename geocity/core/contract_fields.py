"""The frame that every model's contract shares, and how its fields are read without trust.

A contract is a JSON object of known fields. It names what kind of model it describes, so that a
model of one kind that is handed to a command of the other is recognised before anything is read.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import Field
from typing import Any, ClassVar, Protocol

FORMAT_VERSION = 1
"""Version of the model file that this release writes; older ones are read, newer ones refused."""

FORMAT = "geocity model"
SLUMS = "slums"
"""Kind of a model that gives every pixel a class; also the kind where none is named."""
CITY = "city"
"""Kind of a model that names the city of a patch."""

DTYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_MAX_BANDS = 1024

Parsers = Mapping[str, Callable[[object], Any]]


class Contract(Protocol):
    """What the contracts of all kinds say: which pixels a network takes, and whose weights."""

    # They are dataclasses, so that `dataclasses.replace` can fill in the hash.
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands in the order in which the network takes them."""
        ...

    @property
    def dtype(self) -> str:
        """Number type of the pixels."""
        ...

    @property
    def value_range(self) -> tuple[float, float]:
        """Lowest and highest pixel value."""
        ...

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean per band of the scaled pixels."""
        ...

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation per band of the scaled pixels."""
        ...

    @property
    def temperature(self) -> float:
        """What logits are divided by."""
        ...

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights member, in hexadecimal."""
        ...

    def to_json(self) -> str:
        """Return the contract as readable JSON."""
        ...


def check_pixels(contract: Contract) -> None:
    """Check what a contract says about the pixels that its network takes, and its temperature.

    Raises:
        ValueError: if something cannot be, or bands and their numbers do not match.
    """
    if contract.dtype not in DTYPES:
        raise ValueError(f"dtype {contract.dtype!r} is not one of {', '.join(DTYPES)}")
    if not 1 <= len(contract.bands) <= _MAX_BANDS:
        raise ValueError(f"a model needs 1 to {_MAX_BANDS} bands, got {len(contract.bands)}")
    for name, values in (("mean", contract.mean), ("std", contract.std)):
        if len(values) != len(contract.bands):
            raise ValueError(f"{name} needs one number per band ({len(contract.bands)})")
    if not all(map(math.isfinite, (*contract.mean, *contract.std, *contract.value_range))):
        raise ValueError("normalisation and value range must be finite numbers")
    if any(s <= 0 for s in contract.std):
        raise ValueError("std must be above 0")
    if contract.value_range[0] > contract.value_range[1]:
        raise ValueError(f"value range {contract.value_range} is upside down")
    if not 0 < contract.temperature < math.inf:
        raise ValueError(f"temperature must be above 0, got {contract.temperature}")


def write_document(kind: str, values: Mapping[str, Any], notes: Mapping[str, str]) -> str:
    """Write a contract as readable JSON, equal for equal contracts.

    Args:
        kind: which kind of model it describes.
        values: its fields.
        notes: sentences for people, which no program reads.
    """
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": kind,
        **notes,
        **values,
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_document(text: str) -> dict[str, Any]:
    """Read the JSON object of a contract of any kind.

    Raises:
        ValueError: if the text is not a geocity contract, or is of a newer format version.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError("its model.json is not JSON") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError("its model.json does not describe a geocity model")
    version = document.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError(f"its format version is {version!r}, expected a whole number")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"its format version is {version} and this geocity reads up to {FORMAT_VERSION}; "
            "update geocity"
        )
    return document


def document_kind(document: Mapping[str, Any]) -> str:
    """Return the kind of model that a document describes."""
    return str(document.get("kind", SLUMS))[:80]


def parse_fields(document: Mapping[str, Any], parsers: Parsers) -> dict[str, Any]:
    """Take every field out of a document, each through its parser.

    Raises:
        ValueError: if a field is missing or has the wrong type.
    """
    values: dict[str, Any] = {}
    for name, parse in parsers.items():
        if name not in document:
            raise ValueError(f"its model.json has no {name!r}")
        try:
            values[name] = parse(document[name])
        except (TypeError, ValueError) as error:
            raise ValueError(f"its model.json has an unusable {name!r}: {error}") from error
    return values


def _refuse_constant(name: str) -> float:
    raise ValueError(f"its model.json holds {name}, expected finite numbers")


def text(value: object) -> str:
    """Read a short text."""
    if not isinstance(value, str) or len(value) > 1000:
        raise TypeError("expected a short text")
    return value


def whole(value: object) -> int:
    """Read a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected a whole number, got {value!r}")
    return value


def truth(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, got {value!r}")
    return value


def number(value: object) -> float:
    """Read a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {value!r}")
    return float(value)


def items(value: object) -> list[Any]:
    """Read a list."""
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    return value


def numbers(value: object) -> tuple[float, ...]:
    """Read a list of numbers."""
    return tuple(number(item) for item in items(value))


def number_pair(value: object) -> tuple[float, float]:
    """Read two numbers."""
    low, high = numbers(value)
    return low, high


def texts(value: object) -> tuple[str, ...]:
    """Read a list of short texts."""
    return tuple(text(item) for item in items(value))


def mapping(value: object) -> dict[str, Any]:
    """Read an object."""
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, got {type(value).__name__}")
    return value


def text_mapping(value: object) -> dict[str, str]:
    """Read an object of short texts."""
    return {key: text(item) for key, item in mapping(value).items()}


def optional(parse: Callable[[object], Any]) -> Callable[[object], Any]:
    """Return a parser that also takes null."""
    return lambda value: None if value is None else parse(value)
