"""Every awkward raster goes to every command of ``geocity city`` that takes images."""

import json
import os

import numpy as np
import pytest
import rasterio
from affine import Affine

from geocity.io.cities.manifest import read_city_folder
from geocity.io.rasters import open_scene
from tests.corpus import rasters
from tests.corpus.rasters import RASTERS
from tests.robust.outcome import run
from tests.tools.city.toy_cities import city_picture, write_toy_cities, write_toy_model

pytestmark = pytest.mark.filterwarnings("ignore")

KINDS = (
    "gcps_only",
    "at_the_pole",
    "sub_millimetre_pixels",
    "coordinates_off_earth",
    "float_nan",
    "one_pixel",
    "virtual_without_source",
)
PLACED = ("alpha_and_nodata", "all_nodata", "truncated_pixels")
if os.environ.get("GEOCITY_WHOLE_CORPUS"):
    # A hundred thousand pixels are ten thousand patches, which take their time.
    KINDS = PLACED = tuple(name for name in RASTERS if not name.startswith("one_long_"))
UNPLACED = {"no_crs", "neither_crs_nor_transform", "gcps_only", "rpcs_only"}
"""Pictures like any photograph: a city can be seen in them, wherever they were taken."""


@pytest.fixture(scope="session")
def city_model(tmp_path_factory):
    """A city model that nobody had to train."""
    folder = tmp_path_factory.mktemp("city model")
    return write_toy_model(folder / "toy.geocity", write_toy_cities(folder))


@pytest.fixture(scope="session")
def plain_answer(tmp_path_factory, city_model):
    """What the model says of an ordinary image."""
    folders = tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("answers")
    return identified(rasters.plain(folders[0], picture()), city_model, folders)[1]


def identified(path, model, folders):
    """Identify an image; return the outcome and the probabilities."""
    outcome = run(
        "city", "identify", path, "-m", model, "-o", folders[1] / "answers", "--device", "cpu",
        inputs=folders[0], outputs=folders[1],
    )  # fmt: skip
    if outcome.refused:
        return outcome, {}
    answers = json.loads((folders[1] / "answers" / "answers.json").read_text(encoding="utf-8"))
    (answer,) = answers["answers"]
    return outcome, {k: v for k, v in answer.items() if k not in ("image", "map")}


def picture(shape=rasters.SHAPE):
    """Return pixels (3, rows, cols) of a city that the model knows."""
    whole = city_picture(0, np.random.default_rng(0), side=max(shape))
    return whole[:, : shape[0], : shape[1]]


def placed(folder, east):
    """Write an ordinary image, so many metres further east."""
    folder.mkdir(parents=True)
    path = rasters.plain(folder, picture())
    with rasterio.open(path, "r+") as dataset:
        dataset.transform = Affine.translation(east, 0) @ dataset.transform


def test_prepare_leaves_out_what_cannot_serve_and_says_why(folders):
    source, out = folders[0], folders[1] / "cities"
    for number in range(4):
        placed(source / "A" / str(number), 1000 * number)
        placed(source / "B" / str(number), 1000 * number - 250_000)
    for name, odd in RASTERS.items():
        if name.startswith("one_long_"):  # hundreds of patches
            continue
        place = source / "A" / name
        place.mkdir()
        odd.write(place, rasters.imagery())
    outcome = run(
        "city", "prepare", source, "-o", out, "--patch-m", 16, "--cell-size", 1, "--check", "full",
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    assert not outcome.refused, outcome.said
    images = read_city_folder(out).images.set_index("site")
    broken = set(images.index[images["broken"]])
    assert not broken & {str(number) for number in range(4)}
    wanted = {name for name, odd in RASTERS.items() if odd.refusal} - UNPLACED
    wanted |= {"engineering_crs"}
    assert wanted & set(images.index) <= broken
    for name in broken - wanted:
        assert "8 bits" in images.loc[name, "reason"] or "palette" in images.loc[name, "reason"]
    assert (images["reason"].str.len()[images["broken"]] > 10).all()


@pytest.mark.parametrize("name", KINDS)
def test_identify(folders, city_model, plain_answer, name):
    odd = RASTERS[name]
    path = odd.write(folders[0], picture())
    outcome, answer = identified(path, city_model, folders)
    assert outcome.refused or not odd.refusal or name in UNPLACED
    if outcome.refused or odd.hole or not odd.exact or name in UNPLACED:
        return
    with open_scene(path) as scene:
        alike = scene.count == 3 and scene.grid.shape == rasters.SHAPE
        alike &= scene.grid.cell_size_m == pytest.approx(1.0)
    if alike:
        assert answer == plain_answer


@pytest.mark.parametrize("name", PLACED)
def test_explain(folders, city_model, name):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "why"
    path = odd.write(source, picture())
    outcome = run(
        "city", "explain", city_model, "--image", path, "-o", out, "--device", "cpu",
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    assert outcome.refused or not odd.refusal or name in UNPLACED


def test_a_gigantic_picture_is_not_held_whole(tmp_path, city_model):
    path = tmp_path / "giant.tif"
    profile = {"driver": "GTiff", "count": 3, "height": 66_000, "width": 66_000, "dtype": "uint8"}
    stored = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "sparse_ok": True}
    with rasterio.open(path, "w", **profile, **stored, photometric="RGB"):
        pass
    outcome = run(
        "city", "identify", path, "-m", city_model, "--device", "cpu",
        inputs=tmp_path, outputs=tmp_path,
    )  # fmt: skip
    assert "66000 x 66000" in outcome.said
