"""The sample cities are what the README says: small, reproducible, and not told by their colour."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geocity.io.cities.raw_folder import find_images
from geocity.io.cities.site_images import read_header

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"
FOLDER = SAMPLE_DATA / "cities"
DAYS = ("20180521", "20220914")


def scene(city, site, day):
    (path,) = (FOLDER / "scenes" / city / str(site)).glob(f"*_{day}.tif")
    with rasterio.open(path) as source:
        return source.read()


def cities():
    return sorted(path.name for path in (FOLDER / "scenes").iterdir())


def test_everything_in_sample_data_is_small():
    files = [path for path in SAMPLE_DATA.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files if "__pycache__" not in path.parts) < 10e6


def test_scenes_are_placed_and_dated():
    images = find_images(FOLDER / "scenes")
    assert len(images) == 6 * 8 * 2
    headers = [read_header(image.path) for image in images]
    assert {h.shape for h in headers} == {(512, 512)}
    assert {h.date.strftime("%Y%m%d") for h in headers} == set(DAYS)
    assert all(h.transform.a == 0.8 and h.crs for h in headers)
    assert len({h.crs for h in headers}) == 6


def test_jpegs_lie_as_dl_slicer_has_them():
    images = find_images(FOLDER / "raw")
    assert len(images) == 6 * 3 * 2
    assert {image.site for image in images} == {"9", "10", "11"}
    headers = [read_header(image.path) for image in images]
    assert {h.shape for h in headers} == {(480, 480)}
    assert not any(h.crs for h in headers)
    assert (FOLDER / "raw/Kvadrata(KVD)/9/KVD_20180521.jpg").exists()


def histograms(day, sites):
    rows, labels = [], []
    for label, city in enumerate(cities()):
        for site in sites:
            pixels = scene(city, site, day)
            for row in range(0, 385, 128):
                for col in range(0, 385, 128):
                    patch = pixels[:, row : row + 128, col : col + 128]
                    bands = [np.histogram(band, 16, (0, 256))[0] for band in patch]
                    rows.append(np.concatenate(bands) / 128**2)
                    labels.append(label)
    return np.array(rows), np.array(labels)


@pytest.mark.parametrize(("train", "test"), [DAYS, DAYS[::-1]])
def test_colour_does_not_tell_the_city_across_dates(train, test):
    ensemble = pytest.importorskip("sklearn.ensemble")
    forest = ensemble.RandomForestClassifier(60, random_state=0)
    forest.fit(*histograms(train, range(1, 5)))
    assert forest.score(*histograms(test, (5, 6))) < 0.45  # chance is 0.17; form reaches over 0.9


def test_a_city_is_drawn_again_bit_for_bit(tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(SAMPLE_DATA)!r})\n"
        "from pathlib import Path\n"
        "import generate_cities as g\n"
        f"out = Path({str(tmp_path)!r})\n"
        "(_, one), (look, two) = g.pictures('Plattenau(PLT)', 2)\n"
        "g.write_scene(out / 'a.tif', two, 'Plattenau(PLT)', 2, look)\n"
        "(_, one), _ = g.pictures('Plattenau(PLT)', 9)\n"
        "g.write_raw(out / 'b.jpg', one)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    for name, path in (
        ("a.tif", "scenes/Plattenau(PLT)/2/PLT_2_20220914.tif"),
        ("b.jpg", "raw/Plattenau(PLT)/9/PLT_20180521.jpg"),
    ):
        assert (tmp_path / name).read_bytes() == (FOLDER / path).read_bytes()
