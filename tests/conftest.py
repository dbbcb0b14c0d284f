"""Small rasters whose values say where they are: any shift shows."""

from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from hypothesis import settings

from geocity.core.grid import Grid

# A busy machine is slow, not wrong: no test fails for the time that one example took.
settings.register_profile("geocity", deadline=None)
settings.load_profile("geocity")

# With a process for each core, none should be left with one of these when the others are done.
LONGEST = (
    "qgis_plugin/test_in_qgis.py",
    "models/test_distributed.py",
    "robust/test_layer_commands.py",
    "robust/test_trouble.py",
    "models/test_engines.py",
    "tools/test_train.py",
    "tools/city/test_train.py",
    "tools/city/test_explain.py",
    "models/test_relevance.py",
    "engine/test_processes.py",
    "engine/test_dask_cluster.py",
    "tools/city/test_import_checkpoint.py",
    "tools/city/test_evaluate.py",
    "tools/city/test_compare.py",
    "browser/test_tracker_in_chromium.py",
    "test_docs_site.py",
)


def pytest_collection_modifyitems(items):
    """Start with what takes longest."""
    place = {name: number for number, name in enumerate(LONGEST)}
    here = Path(__file__).parent
    items.sort(key=lambda i: place.get(i.path.relative_to(here).as_posix(), len(place)))


UTM43 = pyproj.CRS.from_epsg(32643)


def make_grid(rows=64, cols=48, cell=0.8, left=275744.57, top=2116329.41, crs=UTM43):
    return Grid(crs, Affine(cell, 0, left, 0, -cell, top), (rows, cols))


def position_coded(bands, rows, cols, dtype=np.uint16):
    """Return pixels (bands, rows, cols) in which every value occurs once."""
    return np.arange(bands * rows * cols, dtype=np.int64).reshape(bands, rows, cols).astype(dtype)


def write_raster(path, pixels, grid, **options):
    """Write a plain GeoTIFF; options go to rasterio, `mask` (rows, cols) becomes internal."""
    mask = options.pop("mask", None)
    colorinterp = options.pop("colorinterp", None)
    tags = options.pop("tags", {})
    profile = {
        "driver": "GTiff",
        "count": pixels.shape[0],
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "dtype": pixels.dtype,
        "crs": grid.crs.to_wkt() if grid.crs else None,
        "transform": grid.transform,
        **options,
    }
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", **profile) as dataset,
    ):
        if colorinterp:
            dataset.colorinterp = colorinterp
        dataset.write(pixels)
        dataset.update_tags(**tags)
        if mask is not None:
            dataset.write_mask(mask)
    return Path(path)


@pytest.fixture
def grid():
    return make_grid()


@pytest.fixture
def scene_path(tmp_path, grid):
    """A scene of three uint16 bands whose values are positions."""
    return write_raster(tmp_path / "scène 2015-03-17.tif", position_coded(3, *grid.shape), grid)
