"""What the values of a label field, or of a classified raster, mean as classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.classes import NODATA, ClassTable
from geocity.errors import LabelError

IGNORE = "ignore"
"""The class name that stands for "unknown": its pixels become 255."""

BACKGROUND = "background"
SLUM = "slum"


def parse_class_values(text: str) -> dict[str, str]:
    """Read ``6:slum,3:bare ground,0:ignore`` as {value: class name}.

    Raises:
        ValueError: if a part is no ``value:name``, or a value comes twice.

    Example:
        >>> parse_class_values("6:slum, 0:ignore")
        {'6': 'slum', '0': 'ignore'}
    """
    named: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        value, colon, name = (piece.strip() for piece in part.partition(":"))
        if not (value and colon and name):
            raise ValueError(f"expected value:name, for example 6:slum, got {part!r}")
        if value in named:
            raise ValueError(f"the value {value} comes twice")
        named[value] = name
    return named


def table_of(names: Mapping[str, str]) -> tuple[ClassTable, dict[str, int]]:
    """Return classes numbered 1, 2 … in the order named, and the class of each source value.

    Values that share a name share a class; `IGNORE` is 255; the class called background is 0.
    """
    classes = [BACKGROUND]
    numbers: dict[str, int] = {}
    for value, name in names.items():
        if name.casefold() == IGNORE:
            numbers[value] = NODATA
            continue
        if name.casefold() not in (known.casefold() for known in classes):
            classes.append(name)
        numbers[value] = [known.casefold() for known in classes].index(name.casefold())
    return ClassTable.named(classes), numbers


def names_of_field(values: Sequence[Any], field: str) -> dict[str, str]:
    """Name the classes of a label field that come without names.

    Args:
        values: one a feature, whole numbers or texts.
        field: its name, for messages.

    Returns:
        {value as text: class name}: texts name themselves, numbers are named ``class 3``, 0 is
        background; a number field with a single class besides means slum, as in outline layers.

    Raises:
        LabelError: if a value is missing, or neither a text nor a whole number.
    """
    keys = sorted({key_of(value, field) for value in values}, key=_natural)
    if len(keys) > NODATA - 1:
        raise LabelError(
            f"The class field {field!r} holds {len(keys)} different values, but at most 254 "
            "classes fit; is it an identifier? Name the field that holds the class (--class-field)."
        )
    numbers = all(_is_whole(key) for key in keys)
    if not numbers:
        return {key: key for key in keys}
    positive = [key for key in keys if int(key) != 0]
    named = {key: BACKGROUND for key in keys if int(key) == 0}
    if len(positive) == 1:
        return {**named, positive[0]: SLUM}
    return {**named, **{key: f"class {key}" for key in positive}}


def key_of(value: Any, field: str) -> str:
    """Return a field value as text, whole numbers without a decimal point.

    Raises:
        LabelError: if it is missing or a broken number.
    """
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, (int, float, np.integer, np.floating)):
        if np.isfinite(value) and float(value).is_integer():
            return str(int(value))
        if np.isfinite(value):
            raise LabelError(
                f"The class field {field!r} holds {value}, but a class is a whole number or a "
                "text; name the field that holds the class (--class-field)."
            )
    raise LabelError(
        f"The class field {field!r} is empty for some features; fill it in, or delete them."
    )


def lookup_table(numbers: Mapping[str, int]) -> NDArray[np.uint8]:
    """Return the class of every pixel value 0 to 255 of a classified raster; others are background.

    Raises:
        LabelError: if a value is no whole number from 0 to 254.
    """
    table = np.zeros(NODATA + 1, np.uint8)
    table[NODATA] = NODATA
    for value, number in numbers.items():
        if not _is_whole(value) or not 0 <= int(value) < NODATA:
            raise LabelError(
                f"{value!r} is no pixel value of a class raster, which go from 0 to 254; "
                "write --class-values like 6:slum."
            )
        table[int(value)] = number
    return table


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _natural(key: str) -> tuple[int, int, str]:
    return (0, int(key), "") if _is_whole(key) else (1, 0, key)
