"""Patches as files, for those who ask for them."""

import warnings
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import NotGeoreferencedWarning

from geocity.core.progress import Progress, silent
from geocity.errors import InputError
from geocity.io.cities.manifest import CityFolder
from geocity.io.cities.site_images import read_rgb


def write_patch_files(folder: CityFolder, out: Path, progress: Progress = silent) -> int:
    """Write every patch as ``<part>/<city>/<site>_<stem>_r<row>_c<col>``.

    Pixels are those of the raw image, compressed without loss: GeoTIFF where the image is
    georeferenced, PNG elsewhere.

    Returns:
        The number of files.

    Raises:
        InputError: if an image cannot be read.
    """
    patches = folder.patches
    rows = patches.sort_values("image", kind="stable").index
    last, pixels = -1, None
    for done, patch in enumerate(rows):
        progress(done, len(rows), "write patches")
        row = patches.iloc[int(patch)]
        image = int(row["image"])
        window = folder.patch_window(int(patch))
        by_window = folder.images["placed"].iloc[image] == "file"
        try:
            if by_window:
                cut = read_rgb(folder.image_path(image), window)
            else:
                if pixels is None or image != last:
                    last, pixels = image, read_rgb(folder.image_path(image))
                cut = pixels[(slice(None), *window.slices)]
        except InputError as error:
            raise InputError(f"{error} Run prepare with --check full to leave it out.") from error
        _write(_name(folder, row, out), cut, folder, int(patch))
    progress(len(rows), len(rows), "write patches")
    return len(rows)


def _name(folder: CityFolder, row: Any, out: Path) -> Path:
    city, *_, stem = str(folder.images["key"].iloc[int(row["image"])]).split("/")
    suffix = ".tif" if folder.images["georeferenced"].iloc[int(row["image"])] else ".png"
    name = f"{row['site']}_{stem}_r{row['row']}_c{row['col']}{suffix}"
    return out / str(row["part"]) / city / name


def _write(path: Path, pixels: Any, folder: CityFolder, patch: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = folder.patch_grid(patch)
    profile: dict[str, Any] = {"driver": "PNG"}
    if grid is not None:
        profile = {
            "driver": "GTiff", "crs": grid.crs.to_wkt(), "transform": grid.transform,
            "compress": "deflate", "predictor": 2,
        }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", count=3, dtype="uint8", height=pixels.shape[1], width=pixels.shape[2],
            **profile,
        ) as target:  # fmt: skip
            target.write(pixels)
