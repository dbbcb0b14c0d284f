"""What is compared: maps of two or more dates, each with its date."""

import datetime
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyogrio

from geocity.errors import InputError
from geocity.io.datasets import open_dataset
from geocity.io.image_dates import DATE_FIELD, date_in_names, date_in_tags, date_in_value
from geocity.io.label_layers import is_vector
from geocity.io.named_units import split_layer
from geocity.io.outline_slices import date_values
from geocity.io.remote import is_remote
from geocity.io.staging import PathLike
from geocity.io.vectors import choose_layer


@dataclass(frozen=True, slots=True)
class DatedMap:
    """A map of one date.

    Attributes:
        path: the file.
        layer: of a polygon file; None for a raster.
        is_raster: whether it is one.
        date: when its image was taken.
    """

    path: Path
    layer: str | None
    is_raster: bool
    date: datetime.date

    @property
    def title(self) -> str:
        """Return what to call it in a message."""
        return f"{self.path.name}, layer {self.layer}" if self.layer else self.path.name


def dated_maps(
    inputs: Sequence[PathLike], layers: Sequence[str], dates: Sequence[datetime.date]
) -> list[DatedMap]:
    """Find out what each input is and when its image was taken.

    Args:
        inputs: rasters, or polygon files, also as ``file.gpkg|layername=x``. One polygon file with
            several `layers` stands for one input a layer.
        layers: of polygon files: none, one for all, or one for each.
        dates: one for each input, or none: then the tags of a raster, the field `date` of a layer,
            or a date in the name of the layer or file.

    Returns:
        The maps, in the order given, which is that of their dates.

    Raises:
        InputError: if an input cannot be read or says no date, if there are fewer than two, if
            rasters and polygons are mixed, or if the dates do not rise.
    """
    places = _with_layers(inputs, layers)
    if len(places) < 2:
        raise InputError(f"{len(places)} date was given; a change needs two or more.")
    if dates and len(dates) != len(places):
        raise InputError(f"{len(dates)} dates were given for {len(places)} inputs; give one each.")
    kinds = [_is_raster(path) for path, _ in places]
    if any(kinds) and not all(kinds):
        raster, polygons = places[kinds.index(True)][0], places[kinds.index(False)][0]
        raise InputError(
            f"{raster.name} is a raster and {polygons.name} holds polygons; compare like with "
            "like: turn the raster into polygons (geocity polygonize)."
        )
    maps = []
    for index, ((path, named), is_raster) in enumerate(zip(places, kinds, strict=True)):
        layer = None if is_raster else choose_layer(path, named)
        day = dates[index] if dates else _date_of(path, layer, is_raster)
        maps.append(DatedMap(path, layer, is_raster, day))
    _refuse_disorder(maps)
    return maps


def _with_layers(
    inputs: Sequence[PathLike], layers: Sequence[str]
) -> list[tuple[Path, str | None]]:
    places = [split_layer(path) for path in inputs]
    if not layers:
        return places
    if len(places) == 1:
        return [(places[0][0], layer) for layer in layers]
    if len(layers) not in (1, len(places)):
        raise InputError(
            f"{len(layers)} layers were named for {len(places)} files; name one for all, or one "
            "for each."
        )
    named = list(layers) * (len(places) if len(layers) == 1 else 1)
    return [(path, own or layer) for (path, own), layer in zip(places, named, strict=True)]


def _is_raster(path: Path) -> bool:
    if not path.exists() and not str(path).startswith("/vsi") and not is_remote(path):
        raise InputError(f"{path} does not exist; check the name and the folder.")
    return not is_vector(path)


def _date_of(path: Path, layer: str | None, is_raster: bool) -> datetime.date:
    found = _date_in_raster(path) if is_raster else _date_in_layer(path, layer)
    found = found or date_in_names(*(name for name in (layer, path.stem) if name))
    if found is None:
        raise InputError(
            f"{path} does not say when its image was taken, neither in a field or tag nor in its "
            "name; give the dates (--date 2015-02-14 --date 2025-02-09)."
        )
    return found


def _date_in_raster(path: Path) -> datetime.date | None:
    with open_dataset(str(path)) as dataset:
        return date_in_tags(dataset.tags())


def _date_in_layer(path: Path, layer: str | None) -> datetime.date | None:
    if path.suffix.lower() in (".parquet", ".geoparquet"):
        values = set(date_values(path, DATE_FIELD))
    elif DATE_FIELD in pyogrio.read_info(path, layer=layer)["fields"]:
        frame = pyogrio.read_dataframe(path, layer=layer, columns=[DATE_FIELD], read_geometry=False)
        values = set(frame[DATE_FIELD].dropna())
    else:
        values = set()
    days = sorted({day for day in map(date_in_value, values) if day})
    if len(days) > 1:
        raise InputError(
            f"{path} holds several dates ({days[0]} to {days[-1]}); save each to a layer of its "
            "own."
        )
    return days[0] if days else None


def _refuse_disorder(maps: Sequence[DatedMap]) -> None:
    for former, latter in itertools.pairwise(maps):
        if former.date == latter.date:
            raise InputError(
                f"{former.title} and {latter.title} both show {former.date}; a change needs two "
                "dates (give the right ones with --date)."
            )
        if former.date > latter.date:
            raise InputError(
                f"{former.title} shows {former.date} and {latter.title} after it {latter.date}; "
                "name the maps from the oldest to the newest."
            )
