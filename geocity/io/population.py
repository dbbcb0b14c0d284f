"""People from a population raster: counts per cell, cells at the border by the share inside.

The weights come from exactextract (https://isciences.github.io/exactextract/), which works out how
much of each cell a polygon covers. Polygons are brought into the raster's CRS, never the other way
round: resampling counts would make or lose people.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas
import numpy as np
import pyproj
import shapely
from exactextract import exact_extract
from exactextract.raster import RasterioRasterSource
from numpy.typing import NDArray
from shapely import Geometry

from geocity.core.equal_area import reproject_polygons
from geocity.errors import InputError
from geocity.io.datasets import grid_of, open_dataset, refuse_unplaced, refused_if_damaged
from geocity.io.staging import PathLike

_CELLS_AT_A_TIME = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """What a population raster says of some polygons.

    Attributes:
        count: (polygons,) people.
        known: (polygons,) share of the polygon where the raster has a value; 1 for an empty one.
    """

    count: NDArray[np.float64]
    known: NDArray[np.float64]


def count_people(path: PathLike, polygons: Sequence[Geometry], crs: pyproj.CRS) -> People:
    """Count the people in polygons.

    Args:
        path: people per cell, north-up, in any CRS; nodata counts as nobody.
        polygons: valid; empty ones hold nobody.
        crs: of the polygons.

    Raises:
        InputError: if the raster cannot be used: several bands, negative counts.
        MissingCRSError: if it does not say where it lies.
    """
    with open_dataset(str(path)) as source:
        refuse_unplaced(source)
        if source.count != 1:
            raise InputError(
                f"{path} has {source.count} bands; a population raster has one, with the people "
                "per cell."
            )
        grid = grid_of(source)
        shapes = reproject_polygons(np.array(polygons, dtype=object), crs, grid.crs)
        filled = np.flatnonzero(shapely.area(shapes) > 0)
        count, known = np.zeros(len(shapes)), np.ones(len(shapes))
        if len(filled):
            frame = geopandas.GeoDataFrame(geometry=list(shapes[filled]), crs=grid.crs)
            with refused_if_damaged(path):
                table = exact_extract(
                    RasterioRasterSource(source, name="people"),
                    frame,
                    ["sum", "count", "min"],
                    max_cells_in_memory=_CELLS_AT_A_TIME,
                    output="pandas",
                )
            lowest = float(np.nanmin([0.0, *table["min"].astype(float)]))
            if lowest < 0:
                raise InputError(
                    f"{path} holds {lowest:g} people in a cell; if that means no data, declare it "
                    "(gdal_edit.py -a_nodata), and give a raster of counts."
                )
            count[filled] = table["sum"].astype(float).fillna(0.0)
            cell = float(np.prod(grid.cell_size))
            known[filled] = table["count"].astype(float) * cell / shapely.area(shapes[filled])
    return People(count, known)
