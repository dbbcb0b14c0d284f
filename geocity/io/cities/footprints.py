"""Images and patches of cities on the map."""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geocity.core.grid import transformer_between
from geocity.io.cities.manifest import CityFolder
from geocity.io.geopackage_styles import embed_style
from geocity.io.geopackages import collect_layers
from geocity.io.styles import chip_split_qml
from geocity.io.vector_layers import Batch, Layer, write_batches

WGS84 = pyproj.CRS.from_epsg(4326)
_IMAGE_FIELDS = {"image": "text", "city": "text", "site": "text", "unit": "text", "date": "date"}
_PATCH_FIELDS = {
    "patch": "integer", "image": "text", "city": "text", "site": "text", "part": "text",
    "fold": "integer", "date": "date",
}  # fmt: skip
_BATCH = 20_000


@functools.lru_cache(maxsize=64)
def to_wgs84(crs: str) -> pyproj.Transformer:
    """Return what turns (x, y) of a CRS into (longitude, latitude)."""
    return transformer_between(pyproj.CRS.from_user_input(crs), WGS84)


def image_footprints(images: pd.DataFrame) -> list[BaseGeometry | None]:
    """Return the outline of every image in longitude and latitude; None without georeference."""
    outlines: list[BaseGeometry | None] = []
    for row in images.itertuples(index=False):
        if not row.georeferenced:
            outlines.append(None)
            continue
        boxes = np.array([[row.west, row.south, row.east, row.north]])
        outlines.append(_turned(boxes, str(row.crs))[0])
    return outlines


def write_footprints(folder: CityFolder, out: Path) -> bool:
    """Write the GeoPackage of images and patches, coloured by their part.

    Args:
        folder: the city folder.
        out: the GeoPackage.

    Returns:
        False if no image is georeferenced; then nothing is written.
    """
    if not folder.images["georeferenced"].any():
        return False
    images, patches = (out.with_name(f".{layer}.gpkg") for layer in ("images", "patches"))
    write_batches(
        images,
        Layer("images", WGS84, _IMAGE_FIELDS, title="Images"),
        [_image_batch(folder)],
    )
    write_batches(
        patches,
        Layer("patches", WGS84, _PATCH_FIELDS, title="Patches by part"),
        _patch_batches(folder),
    )
    embed_style(patches, "patches", chip_split_qml("part"))
    collect_layers({"images": images, "patches": patches}, out=out)
    images.unlink()
    patches.unlink()
    return True


def _image_batch(folder: CityFolder) -> Batch:
    images = folder.images[folder.images["georeferenced"]]
    outlines = np.array(image_footprints(images), dtype=object)
    return outlines, {
        "image": list(images["key"]),
        "city": [folder.cities[c].name for c in images["city"]],
        "site": list(images["site"]),
        "unit": list(images["unit"]),
        "date": list(images["date"]),
    }


def _patch_batches(folder: CityFolder) -> Iterator[Batch]:
    images, patches = folder.images, folder.patches
    placed = np.flatnonzero(images["georeferenced"].to_numpy()[patches["image"].to_numpy()])
    for start in range(0, len(placed), _BATCH):
        rows = placed[start : start + _BATCH]
        some = patches.iloc[rows]
        of = images.iloc[some["image"].to_numpy()]
        outlines = np.empty(len(some), dtype=object)
        boxes = _boxes(some, of)
        systems = of["crs"].to_numpy()
        for crs in set(systems):
            here = systems == crs
            outlines[here] = _turned(boxes[here], str(crs))
        yield (
            outlines,
            {
                "patch": rows.tolist(),
                "image": list(of["key"]),
                "city": [folder.cities[c].name for c in some["city"]],
                "site": list(some["site"]),
                "part": list(some["part"]),
                "fold": some["fold"].tolist(),
                "date": list(of["date"]),
            },
        )


def _boxes(patches: pd.DataFrame, images: pd.DataFrame) -> NDArray[np.float64]:
    """Return (west, south, east, north) of patches in the CRS of their images."""
    value = {name: images[name].to_numpy(float) for name in ("west", "south", "east", "north")}
    width = (value["east"] - value["west"]) / images["cols"].to_numpy()
    height = (value["north"] - value["south"]) / images["rows"].to_numpy()
    row, col, side = (patches[name].to_numpy() for name in ("row", "col", "side"))
    west, north = value["west"] + col * width, value["north"] - row * height
    return np.stack([west, north - side * height, west + side * width, north], axis=1)


def _turned(boxes: NDArray[np.float64], crs: str) -> NDArray[np.object_]:
    west, south, east, north = boxes.T
    x = np.stack([west, east, east, west], axis=1)
    y = np.stack([south, south, north, north], axis=1)
    corners = np.stack(to_wgs84(crs).transform(x, y), axis=-1)
    return np.asarray(shapely.polygons(corners), dtype=object)
