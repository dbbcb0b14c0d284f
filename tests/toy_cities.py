"""Small city folders in memory, for tests."""

import datetime

import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from PIL import Image

from geocity.io.cities.manifest import IMAGE_COLUMNS, PATCH_COLUMNS, City, CityFolder

ORIGIN = (500_000.0, 4_200_000.0)


def coded_pixels(rows, cols, code=0):
    """Return pixels that tell their row (red), column (green) and image (blue)."""
    red, green = np.mgrid[0:rows, 0:cols]
    return np.stack([red % 251, green % 251, np.full((rows, cols), code)]).astype(np.uint8)


def write_tif(path, pixels, *, cell_m=1.0, left=ORIGIN[0], top=ORIGIN[1], epsg=32643, **tags):
    """Write a GeoTIFF, placed if it has an EPSG code."""
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {"crs": f"EPSG:{epsg}", "transform": Affine(cell_m, 0, left, 0, -cell_m, top)}
    with rasterio.open(
        path, "w", driver="GTiff", count=len(pixels), dtype=pixels.dtype, height=pixels.shape[1],
        width=pixels.shape[2], **(place if epsg else {}),
    ) as target:  # fmt: skip
        target.write(pixels)
        target.update_tags(**tags)
    return path


def write_picture(path, pixels, **options):
    """Write a JPEG or PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.moveaxis(pixels, 0, -1)).save(path, **options)
    return path


def image_row(key, city, path, shape, **values):
    """Return a row of the images' table."""
    nothing = float("nan")
    row = {
        "key": key, "city": city, "site": key.split("/")[1], "path": str(path), "rows": shape[0],
        "cols": shape[1], "bands": 3, "dtype": "uint8", "cell_size_m": 1.0, "georeferenced": False,
        "date": None, "broken": False, "reason": "", "unit": "/".join(key.split("/")[:2]),
        "placed": "", "crs": "", "west": nothing, "south": nothing, "east": nothing,
        "north": nothing,
    }  # fmt: skip
    assert row.keys() == IMAGE_COLUMNS.keys()
    return {**row, **values}


def patch_row(image, city, site, row, col, side, part="train", fold=0):
    """Return a row of the patches' table."""
    values = (image, city, site, row, col, side, part, fold, True)
    return dict(zip(PATCH_COLUMNS, values, strict=True))


def toy_folder(tmp_path):
    """Return a folder of two cities: a placed GeoTIFF and a PNG without georeference."""
    tif = write_tif(tmp_path / "images/A/1/a.tif", coded_pixels(60, 80, 1))
    png = write_picture(tmp_path / "images/B/NA/b.png", coded_pixels(50, 50, 2))
    bounds = {
        "west": ORIGIN[0], "south": ORIGIN[1] - 60, "east": ORIGIN[0] + 80, "north": ORIGIN[1],
    }  # fmt: skip
    images = pd.DataFrame(
        [
            image_row(
                "A/1/a", 0, tif, (60, 80), georeferenced=True, placed="file", crs="EPSG:32643",
                date=datetime.date(2020, 3, 1), **bounds,
            ),
            image_row("B/NA/b", 1, png, (50, 50)),
        ]
    )  # fmt: skip
    patches = pd.DataFrame(
        [
            patch_row(0, 0, "1", 0, 0, 20),
            patch_row(0, 0, "1", 10, 30, 20, "val"),
            patch_row(1, 1, "NA", 5, 7, 20),
            patch_row(1, 1, "NA", 5, 7, 20, "test", 1),
        ]
    )
    cities = (City("AAA", "Alpha"), City("BBB", "Beta"))
    return CityFolder(tmp_path, cities, images, patches, 20.0, {"how": "sites", "seed": 0})
