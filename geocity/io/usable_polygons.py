"""What of a layer can be used: outlines repaired; what is no polygon or has no place left out."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
import shapely

from geocity.errors import InputError
from geocity.io.staging import PathLike

logger = logging.getLogger(__name__)

POLYGONS = ("Polygon",)

_FAMILIES = {
    "Point": (shapely.GeometryType.POINT, shapely.GeometryType.MULTIPOINT),
    "LineString": (
        shapely.GeometryType.LINESTRING,
        shapely.GeometryType.LINEARRING,
        shapely.GeometryType.MULTILINESTRING,
    ),
    "Polygon": (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON),
}


@dataclass(frozen=True, slots=True)
class Mending:
    """What was done to features so that they can be used.

    Attributes:
        missing: how many had no geometry and are left out.
        invalid: how many were repaired.
        others: how many were of other kinds and are left out.
        kept: how many are left.
        kinds: which kinds of geometry there were, if none is left.
    """

    missing: int = 0
    invalid: int = 0
    others: int = 0
    kept: int = 0
    kinds: tuple[str, ...] = ()

    def __add__(self, other: "Mending") -> "Mending":
        return Mending(
            self.missing + other.missing,
            self.invalid + other.invalid,
            self.others + other.others,
            self.kept + other.kept,
            tuple(sorted({*self.kinds, *other.kinds})),
        )

    def tell(self, path: PathLike, geometry_types: Sequence[str] = POLYGONS) -> None:
        """Say in the log what was done.

        Raises:
            InputError: if nothing is left.
        """
        wanted = plural(geometry_types)
        if self.missing:
            logger.warning("%s: %d features have no geometry and are left out.", path, self.missing)
        if self.invalid:
            logger.warning("%s: %d invalid outlines were repaired.", path, self.invalid)
        if not self.kept:
            kinds = ", ".join(self.kinds or ("no geometry at all",))
            flat = [kind for kind in self.kinds if kind.removeprefix("Multi") in geometry_types]
            ending = "; none of them encloses anything, so draw them again" if flat else ""
            raise InputError(f"{path} has no {wanted}: it holds {kinds}{ending}.")
        if self.others:
            logger.warning("%s: %d features are no %s and are left out.", path, self.others, wanted)


def usable_features(
    frame: geopandas.GeoDataFrame, geometry_types: Sequence[str] = POLYGONS
) -> tuple[geopandas.GeoDataFrame, Mending]:
    """Return the features that can be used, flat and valid, and what was done to them.

    Args:
        frame: features as they were read.
        geometry_types: kinds to keep, of "Polygon", "LineString" and "Point".
    """
    geometries = np.asarray(frame.geometry.array, dtype=object)
    missing = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    if missing.any():
        frame, geometries = frame[~missing], geometries[~missing]
    geometries = shapely.force_2d(geometries)
    invalid = ~shapely.is_valid(geometries)
    geometries = repaired(geometries)
    reduced = only_family(geometries, geometry_types)
    kept = ~shapely.is_empty(reduced)
    kinds = () if kept.any() else tuple(sorted({g.geom_type for g in geometries}))
    usable: geopandas.GeoDataFrame = frame[kept].set_geometry(
        geopandas.GeoSeries(reduced[kept], index=frame.index[kept], crs=frame.crs)
    )
    missed, mended, others, left = (int(f.sum()) for f in (missing, invalid, ~kept, kept))
    return usable, Mending(missed, mended, others, left, kinds)


def repaired(geometries: Any) -> Any:
    """Return geometries made valid, empty where nothing is left; valid ones stay as they are."""
    result = np.array(geometries, dtype=object)
    invalid = ~shapely.is_valid(result)
    # Structure keeps what a person drew: overlapping parts are merged, not punched out.
    result[invalid] = shapely.make_valid(result[invalid], method="structure", keep_collapsed=False)
    return result


def only_family(geometries: Any, geometry_types: Sequence[str]) -> Any:
    """Return each geometry, collections reduced to the kinds asked for; empty where none is."""
    wanted = [kind for name in geometry_types for kind in _FAMILIES[name]]
    kinds = shapely.get_type_id(geometries)
    result = np.array(geometries, dtype=object)
    result[~np.isin(kinds, wanted)] = shapely.Polygon()
    for index in np.flatnonzero(kinds == shapely.GeometryType.GEOMETRYCOLLECTION):
        parts = shapely.get_parts(_flattened(geometries[index]))
        parts = parts[np.isin(shapely.get_type_id(parts), wanted)]
        result[index] = shapely.unary_union(parts) if len(parts) else shapely.Polygon()
    return result


def _flattened(collection: Any) -> Any:
    while any(part.geom_type == "GeometryCollection" for part in collection.geoms):
        collection = shapely.GeometryCollection(
            [leaf for part in collection.geoms for leaf in getattr(part, "geoms", [part])]
        )
    return collection


def plural(geometry_types: Sequence[str]) -> str:
    """Return what to call kinds of geometry, such as ``polygons or points``."""
    return " or ".join(f"{name.lower()}s" for name in geometry_types)
