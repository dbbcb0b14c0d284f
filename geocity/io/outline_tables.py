"""Outlines on their way from a layer to the layers of a change: Arrow files, read row by row."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geocity.io.feature_tables import FeatureTable

Numbers = NDArray[np.int64]
Polygons = NDArray[np.object_]

_GEOMETRY = "geometry"


def outline_table(polygons: Polygons, columns: dict[str, NDArray[Any]]) -> FeatureTable:
    """Return outlines with columns beside them, to be written."""
    return FeatureTable(columns, pa.array(shapely.to_wkb(polygons), pa.binary()))


def read_columns(path: Path, names: Sequence[str]) -> list[NDArray[Any]]:
    """Read columns of a table that `FeatureTable.write` has written, and no outline."""
    with pa.memory_map(str(path)) as file:
        batch = pa.ipc.open_file(file).get_batch(0)
        return [np.array(batch.column(name)) for name in names]


def wkb_of_rows(files: Sequence[Path], which: Numbers, rows: Numbers) -> pa.BinaryArray:
    """Read outlines from several tables, whatever else is in them.

    Args:
        files: the tables.
        which: (outlines,) in which of them each outline is.
        rows: (outlines,) and in which row.

    Returns:
        Their WKB, in the order asked for.
    """
    order = np.lexsort((rows, which))
    found = []
    for index in np.unique(which):
        wanted = rows[order][which[order] == index]
        with pa.memory_map(str(files[index])) as file:
            column = pa.ipc.open_file(file).get_batch(0).column(_GEOMETRY)
            found.append(column.take(pa.array(wanted)))
    if not found:
        return pa.array([], pa.binary())
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return pa.concat_arrays(found).take(pa.array(places))


def polygons_of(wkb: pa.BinaryArray) -> Polygons:
    """Return outlines as objects."""
    return np.asarray(shapely.from_wkb(wkb.to_numpy(zero_copy_only=False)), dtype=object)
