"""A city folder is read back as it was written."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from geocity.core.grid import Window
from geocity.errors import InputError, OutputExistsError
from geocity.io.cities import manifest
from geocity.io.cities.manifest import (
    City,
    portable,
    read_city_folder,
    resolved,
    without_cities,
    write_city_folder,
)
from tests.toy_cities import ORIGIN, toy_folder


@pytest.mark.parametrize("many", [False, True])
def test_round_trip(tmp_path, monkeypatch, many):
    if many:
        monkeypatch.setattr(manifest, "_MANY_PATCHES", 1)
    folder = toy_folder(tmp_path)
    out = write_city_folder(tmp_path / "cities", folder)
    assert (out / "patches.parquet").exists() == many
    back = read_city_folder(out)
    assert back.cities == folder.cities
    assert back.patch_m == 20.0
    assert back.split == {"how": "sites", "seed": 0}
    pd.testing.assert_frame_equal(back.images, folder.images, check_dtype=False)
    pd.testing.assert_frame_equal(back.patches, folder.patches, check_dtype=False)
    assert back.images["date"].iloc[1] is None
    assert back.images["site"].tolist() == ["1", "NA"]  # a text, not "not available"
    assert back.patches["sampled"].dtype == bool


def test_places(tmp_path):
    folder = toy_folder(tmp_path)
    assert folder.patch_window(1) == Window(10, 30, 20, 20)
    assert folder.patch_grid(2) is None
    west, south, east, north = folder.patch_grid(1).bounds
    assert (west, north) == (ORIGIN[0] + 30, ORIGIN[1] - 10)
    assert (east - west, north - south) == (20, 20)


def test_refuses_to_overwrite(tmp_path):
    write_city_folder(tmp_path / "cities", toy_folder(tmp_path))
    with pytest.raises(OutputExistsError):
        write_city_folder(tmp_path / "cities", toy_folder(tmp_path))
    write_city_folder(tmp_path / "cities", toy_folder(tmp_path), overwrite=True)


def test_paths_move_with_their_tree(tmp_path):
    here = tmp_path / "project" / "cities"
    raw = str(tmp_path / "project" / "raw" / "a.jpg")
    assert portable(raw, here) == "../raw/a.jpg"
    assert resolved("../raw/a.jpg", here) == raw
    zipped = f"/vsizip/{tmp_path}/project/raw.zip/A/1/a.jpg"
    assert portable(zipped, here) == "/vsizip/../raw.zip/A/1/a.jpg"
    assert resolved(portable(zipped, here), here) == zipped
    assert portable("/elsewhere/a.jpg", here) == "/elsewhere/a.jpg"
    assert resolved("/elsewhere/a.jpg", here) == "/elsewhere/a.jpg"


def test_what_is_no_city_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a city folder"):
        read_city_folder(tmp_path)
    out = write_city_folder(tmp_path / "cities", toy_folder(tmp_path))
    about = json.loads((out / "cities.json").read_text())
    (out / "cities.json").write_text(json.dumps({**about, "version": 9}))
    with pytest.raises(InputError, match="version 9"):
        read_city_folder(out)
    (out / "cities.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        read_city_folder(out)
    (out / "cities.json").write_text(json.dumps({**about, "cities": []}))
    with pytest.raises(InputError, match="do not hold"):
        read_city_folder(out)
    (out / "images.csv").write_text("nothing\n1\n")
    with pytest.raises(InputError, match=r"images\.csv"):
        read_city_folder(out)


def test_cities_are_left_out_with_their_images_and_patches(tmp_path):
    folder = toy_folder(tmp_path)
    cities = (City("ZZZ", "Zero"), *folder.cities, City("YYY", "Last"))
    moved = replace(
        folder,
        cities=cities,
        images=folder.images.assign(city=folder.images["city"] + 1),
        patches=folder.patches.assign(city=folder.patches["city"] + 1),
    )
    left = without_cities(moved, ["zzz", "Last"])
    assert left.cities == folder.cities
    pd.testing.assert_frame_equal(left.images, folder.images)
    pd.testing.assert_frame_equal(left.patches, folder.patches)
    first = folder.cities[0].code
    fewer = without_cities(moved, [first])
    assert len(fewer.patches) == (folder.patches["city"] > 0).sum()
    own = folder.patches[folder.patches["city"] > 0]["image"]
    keys = fewer.images["key"].iloc[fewer.patches["image"]].tolist()
    assert keys == folder.images["key"].iloc[own].tolist()
    with pytest.raises(InputError, match="There is no city 'Rome'"):
        without_cities(moved, ["Rome"])
    with pytest.raises(InputError, match="has 1 cities left"):
        without_cities(folder, [first])
