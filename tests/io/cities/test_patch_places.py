import numpy as np
import pandas as pd
import pyproj

from geocity.io.cities.manifest import City, CityFolder
from geocity.io.cities.patch_places import patch_places
from tests.toy_cities import image_row, patch_row


def test_patches_lie_where_their_image_says(tmp_path):
    bounds = {"west": 500000.0, "south": 4500000.0, "east": 502000.0, "north": 4504000.0}
    placed = {"georeferenced": True, "placed": "file", "crs": "EPSG:32643", **bounds}
    images = [
        {**image_row("a/1/x", 0, tmp_path / "x.tif", (200, 100)), **placed},
        image_row("a/1/y", 0, tmp_path / "y.png", (200, 100)),
    ]
    patches = [patch_row(0, 0, "1", 0, 0, 50, "test"), patch_row(0, 0, "1", 0, 50, 50, "test"),
               patch_row(1, 0, "1", 0, 0, 50, "test")]  # fmt: skip
    folder = CityFolder(
        tmp_path, (City("a", "a"),), pd.DataFrame(images), pd.DataFrame(patches), 1000.0, {}
    )
    places = patch_places(folder, np.array([0, 1, 2]))
    assert np.isnan(places[2]).all()
    # 50 columns of 20 m, on a sphere: a kilometre but for the shape of the Earth.
    assert abs(np.linalg.norm(places[0] - places[1]) - 1000) < 5
    turn = pyproj.Transformer.from_crs("EPSG:32643", "EPSG:4326", always_xy=True)
    lon, lat = turn.transform(500500.0, 4503500.0)
    x, y, z = places[0]
    assert np.isclose(np.degrees(np.arctan2(y, x)), lon)
    assert np.isclose(np.degrees(np.arcsin(z / np.linalg.norm(places[0]))), lat)
