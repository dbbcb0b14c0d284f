"""Rasters of numbers about cities: cloud-optimised GeoTIFFs of float32, nodata NaN."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rasterio.shutil

import geocity
from geocity.core.grid import Grid
from geocity.io.class_tiles import BLOCK


def float_raster(grid: Grid, bands: int) -> dict[str, Any]:
    """Return the creation options of a GeoTIFF of float32 on a grid, nodata NaN."""
    return {
        "driver": "GTiff",
        "dtype": "float32",
        "count": bands,
        "height": grid.shape[0],
        "width": grid.shape[1],
        "crs": grid.crs.to_wkt(),
        "transform": grid.transform,
        "nodata": math.nan,
        "bigtiff": "IF_SAFER",
    }


def dress_numbers(dataset: Any, names: Sequence[str], tags: Mapping[str, str]) -> None:
    """Tell a dataset that is being written what its bands are called and how it was made."""
    for band, name in enumerate(names, start=1):
        dataset.set_band_description(band, name)
    software = {"TIFFTAG_SOFTWARE": f"geocity {geocity.__version__}"}
    dataset.update_tags(**software, **tags, AREA_OR_POINT="Area")


def float_cog(source: Path, out: Path) -> None:
    """Turn a dressed raster of numbers into a COG; its overviews are averages."""
    rasterio.shutil.copy(
        source,
        out,
        driver="COG",
        blocksize=str(BLOCK),
        compress="DEFLATE",
        predictor="3",
        bigtiff="IF_SAFER",
        statistics="YES",
        overview_resampling="AVERAGE",
    )
