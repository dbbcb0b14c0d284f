"""The layer of class polygons: its fields, and what is told of each feature."""

import contextlib
import datetime
import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from geocity.core.classes import NODATA, ClassTable
from geocity.core.grid import Grid
from geocity.io.class_rasters import ClassRaster
from geocity.io.feature_tables import FeatureTable
from geocity.io.vector_layers import Batch, Layer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of all features alike."""

    classes: ClassTable
    date: datetime.date | None
    source: str
    model: str

    @classmethod
    def of(cls, source: ClassRaster, classes: ClassTable, date: datetime.date | None) -> "Told":
        """Ask the raster, unless the user knows better."""
        tags = source.tags
        return cls(
            classes,
            date or _date_of(tags),
            tags.get("GEOCITY_SOURCE", source.path.name),
            tags.get("GEOCITY_MODEL", ""),
        )


def _date_of(tags: Mapping[str, str]) -> datetime.date | None:
    with contextlib.suppress(ValueError):
        return datetime.date.fromisoformat(tags.get("ACQUISITION_DATE", "")[:10])
    return None


def polygon_layer(
    name: str, grid: Grid, told: Told, *, multi: bool, simplify_m: float, with_probability: bool
) -> Layer:
    """Return the layer that class polygons go to, with the fields that have something to say.

    Args:
        name: wished for; it is made plain enough for every program.
        grid: of the class raster.
        told: what holds for all features.
        multi: whether a feature holds all polygons of a class.
        simplify_m: how far borders were moved; 0 for pixel edges.
        with_probability: whether there are probabilities.
    """
    fields = {
        "slum_id": "text",
        "class_id": "integer",
        "class": "text",
        "area_m2": "number",
        "perim_m": "number",
        "prob_mean": "number",
        "prob_p10": "number",
        "n_px": "integer",
        "date": "date",
        "source": "text",
        "model": "text",
    }
    if not with_probability:  # a column of nothing would read as zeros in a shapefile
        del fields["prob_mean"], fields["prob_p10"]
    if told.date is None:
        del fields["date"]
    crs = grid.crs
    how = f"on the ellipsoid of {crs.name}" if crs.geodetic_crs else f"in the units of {crs.name}"
    edges = f"simplified by {simplify_m:g} m" if simplify_m else "pixel edges"
    return Layer(
        name=_plain_name(name),
        crs=crs,
        fields=fields,
        multi=multi,
        title=f"{', '.join(told.classes.names)}, {told.date or told.source}",
        description=(
            f"Polygons of {told.source} ({edges}, 4-connected). area_m2 and perim_m are measured "
            f"{how}, holes taken off the area and counted in the perimeter; n_px counts pixels."
        ),
    )


def _plain_name(name: str) -> str:
    """Return a layer name that every program can show."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"\W+", "_", ascii_only).strip("_")
    return plain if plain[:1].isalpha() else f"polygons_{plain}".rstrip("_")


def polygon_batches(features: Iterable[FeatureTable], told: Told) -> Iterator[Batch]:
    """Yield features on the map with their columns, and log at the end how many there were."""
    count, area_m2 = 0, 0.0
    names = np.full(NODATA, "", dtype=object)
    names[list(told.classes.values)] = told.classes.names
    for batch in features:
        if not len(batch):
            continue
        found = batch.columns
        columns: dict[str, Any] = {
            **found,
            "slum_id": _identifiers(count, len(batch), told.date),
            "class_id": found["values"].astype(np.int32),
            "class": names[found["values"]],
            "date": [told.date] * len(batch),
            "source": [told.source] * len(batch),
            "model": [told.model] * len(batch),
        }
        yield batch.wkb, columns
        count, area_m2 = count + len(batch), area_m2 + float(found["area_m2"].sum())
    if count:
        logger.info("%d features, %.2f ha.", count, area_m2 / 1e4)
    else:
        wanted = " or ".join(told.classes.names)
        logger.warning("There is no %s of that size: the layer is empty.", wanted)


def _identifiers(first: int, count: int, date: datetime.date | None) -> list[str]:
    if date is None:
        return [f"S-{number:06d}" for number in range(first + 1, first + count + 1)]
    return [f"S{date.year}-{number:04d}" for number in range(first + 1, first + count + 1)]
