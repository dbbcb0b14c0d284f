"""Wards and other units: polygons with a name each."""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import geopandas
import pandas as pd

from geocity.errors import InputError
from geocity.io.staging import PathLike
from geocity.io.vectors import read_polygons

logger = logging.getLogger(__name__)

_WISHED = ("ward", "ward_name", "wardname", "unit", "name", "district", "zone", "neighbourhood")
"""Names of fields that hold the names of units, the surest first."""

_LAYER = re.compile(r"^(?P<file>.+)\|layername=(?P<layer>[^|]+)$")


@dataclass(frozen=True, slots=True, eq=False)
class NamedUnits:
    """Units as they were read.

    Attributes:
        frame: columns `unit` (text, each once) and the geometry, in the layer's own CRS.
        field: where the names come from.
    """

    frame: geopandas.GeoDataFrame
    field: str

    @property
    def names(self) -> list[str]:
        """Return the names in the order of the layer."""
        return [str(name) for name in self.frame["unit"]]


def split_layer(path: PathLike) -> tuple[Path, str | None]:
    """Take ``file.gpkg|layername=x``, as QGIS spells it, apart.

    Example:
        >>> split_layer("change.gpkg|layername=settlements")[1]
        'settlements'
    """
    found = _LAYER.match(str(path))
    return (Path(found["file"]), found["layer"]) if found else (Path(path), None)


def read_units(path: PathLike, field: str | None = None) -> NamedUnits:
    """Read units. Polygons of one name become one unit, those without a name get a number.

    Args:
        path: the layer; ``file.gpkg|layername=x`` where the file has several.
        field: holds the names; by default one that is called so (ward, name …), and the log says.

    Raises:
        InputError: if the layer cannot be read, or has no such field, or none that could be it.
        MissingCRSError: if it does not say where it lies.
    """
    file, layer = split_layer(path)
    frame = read_polygons(file, layer=layer)
    chosen = field if field is not None else _guessed_field(frame, file)
    if chosen not in frame.columns:
        there = ", ".join(_fields(frame)) or "none"
        raise InputError(f"{file} has no field {chosen!r}; it has {there}. Choose one of them.")
    if field is None:
        logger.info("The names of the units are taken from the field %r of %s.", chosen, file.name)
    names = [_name(value, number) for number, value in enumerate(frame[chosen], start=1)]
    named = geopandas.GeoDataFrame({"unit": names}, geometry=frame.geometry, crs=frame.crs)
    repeated = len(named) - named["unit"].nunique()
    if repeated:
        logger.warning(
            "%d polygons of %s share the name of another one and are counted with it; if they are "
            "units of their own, choose another field.",
            repeated,
            file.name,
        )
        named = named.dissolve("unit", sort=False).reset_index()
    return NamedUnits(named, chosen)


def _guessed_field(frame: geopandas.GeoDataFrame, file: Path) -> str:
    texts = [name for name in _fields(frame) if pd.api.types.is_string_dtype(frame[name])]
    plain = {name.casefold(): name for name in texts}
    for wished in _WISHED:
        if wished in plain:
            return plain[wished]
    likely = [name for name in texts if "ward" in name.casefold() or "name" in name.casefold()]
    if len(likely or texts) == 1:
        return (likely or texts)[0]
    there = ", ".join(_fields(frame)) or "none"
    raise InputError(
        f"{file} does not show which field names the units; it has {there}. Choose one "
        "(--unit-field)."
    )


def _fields(frame: geopandas.GeoDataFrame) -> list[str]:
    return [str(name) for name in frame.columns if name != frame.geometry.name]


def _name(value: object, number: int) -> str:
    missing = value is None or (isinstance(value, float) and value != value)  # NaN
    text = "" if missing else str(value).strip()
    if isinstance(value, float) and not missing and value.is_integer():
        text = str(int(value))
    return text or f"unit {number}"
