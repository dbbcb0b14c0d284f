"""Two made-up cities that colour tells apart on one date and betrays on the other.

Alpha has square blocks, Beta long ones; of two dates the second swaps their colours.
"""

import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from geocity.io.cities.manifest import City, CityFolder, write_city_folder
from tests.toy_cities import image_row, patch_row, write_picture

SIDE = 64
PATCH = 32
DATES = (datetime.date(2019, 5, 1), datetime.date(2021, 9, 1))
_COLOURS = np.array([[150, 120, 90], [90, 120, 150]])
_BLOCKS = ((8, 8), (8, 24))


def draw_site(city, date, rng):
    """Return pixels (3, SIDE, SIDE) of a site."""
    height, width = _BLOCKS[city]
    row, col = np.mgrid[0:SIDE, 0:SIDE] + rng.integers(0, 24, 2)[:, None, None]
    street = (row % height < 2) | (col % width < 2)
    colour = _COLOURS[(city + date) % 2] + rng.normal(0, 4, 3)
    grey = np.where(street, -50.0, 0.0) + rng.normal(0, 10, (SIDE, SIDE))
    return (colour[:, None, None] + grey).clip(0, 255).astype(np.uint8)


def write_toy_sites(folder: Path, *, sites=5, dates=DATES) -> Path:
    """Write a city folder: the first sites train on the first date, the last validate and test."""
    rng = np.random.default_rng(0)
    images, patches = [], []
    for city, name in enumerate(("Alpha", "Beta")):
        for site in range(sites):
            for number, date in enumerate(dates):
                part = "train" if site < sites - 2 else ("val", "test")[site - sites + 2]
                if (number == 1) != (part == "test"):
                    continue
                key = f"{name}/{site}/{number}"
                path = write_picture(folder / f"{key}.png", draw_site(city, number, rng))
                images.append(image_row(key, city, path, (SIDE, SIDE), date=date))
                patches += [
                    patch_row(len(images) - 1, city, str(site), row, col, PATCH, part)
                    for row in range(0, SIDE - PATCH + 1, PATCH // 2)
                    for col in range(0, SIDE - PATCH + 1, PATCH // 2)
                ]
    cities = (City("AAA", "Alpha"), City("BBB", "Beta"))
    tables = CityFolder(
        folder, cities, pd.DataFrame(images), pd.DataFrame(patches), 32.0, {"how": "dates"}
    )
    return write_city_folder(folder / "cities", tables)
