"""Small files of a slum tracker, for the tests of what is made of them."""

import datetime
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import shapely
from affine import Affine

from geocity.io.tracker_projects import Outlines, TrackerFiles
from geocity.tools.change import change

CRS = "EPSG:32643"
LEFT, TOP = 270_000, 2_110_000
DATES = (datetime.date(2015, 2, 14), datetime.date(2025, 2, 9))
# A settlement that grows, one that goes, one that comes.
SQUARES = (
    ((0, 0, 100, 100), (300, 0, 360, 60)),
    ((0, 0, 140, 100), (0, 300, 80, 380)),
)


def make_tracker_files(folder: Path) -> TrackerFiles:
    """Write outlines and imagery of two dates, their change, and two wards with odd names."""
    outlines, scenes = [], []
    for date, squares in zip(DATES, SQUARES, strict=True):
        path = folder / f"slums_{date.year}.gpkg"
        shapes = [shapely.box(LEFT + a, TOP - d, LEFT + c, TOP - b) for a, b, c, d in squares]
        frame = geopandas.GeoDataFrame({"date": [date] * len(shapes)}, geometry=shapes, crs=CRS)
        frame.to_file(path, layer="slums", use_arrow=True)
        outlines.append(Outlines(path, "slums", date))
        scenes.append((_scene(folder / f"scene_{date.year}.tif"), date))
    halves = [shapely.box(LEFT + x, TOP - 400, LEFT + x + 200, TOP) for x in (0, 200)]
    names = ["Dharavi <b>Nord</b>", "=Côte & Sud"]
    wards = folder / "wards.gpkg"
    geopandas.GeoDataFrame({"ward": names}, geometry=halves, crs=CRS).to_file(wards, layer="wards")
    made = change([o.path for o in outlines], out=folder / "change.gpkg")
    return TrackerFiles(outlines, scenes, made.out, (wards, "wards", "ward"))


def _scene(path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(60, 200, (3, 200, 200), dtype=np.uint8)
    profile = {"driver": "GTiff", "height": 200, "width": 200, "count": 3, "dtype": "uint8"}
    grid = {"crs": CRS, "transform": Affine(2, 0, LEFT, 0, -2, TOP)}
    with rasterio.open(path, "w", **profile, **grid, photometric="RGB") as sink:
        sink.write(pixels)
    return path
