import json
import logging
from dataclasses import replace

import geopandas
import numpy as np
import pyproj
import pytest
import rasterio

from geocity.core.cities.city_calibration import CityCalibration
from geocity.errors import InputError, ModelError, OutputExistsError
from geocity.io.cities.packages import read_city_package, write_city_package
from geocity.io.cities.pictures import open_picture
from geocity.io.class_rasters import open_class_raster
from geocity.tools.city.evaluate import evaluate
from geocity.tools.city.evaluate_options import CityEvaluateOptions
from geocity.tools.city.identify import identify
from geocity.tools.city.identify_options import IdentifyOptions
from tests.conftest import make_grid, position_coded, write_raster
from tests.tools.city.toy_cities import city_picture, write_png

CPU = IdentifyOptions(device="cpu")


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, toy_model, toy_cities):
    folder = tmp_path_factory.mktemp("calibrated")
    options = CityEvaluateOptions(draws=2, audit_patches=0, device="cpu")
    out = folder / "calibrated.geocity"
    evaluate(toy_model, toy_cities, out=folder / "e", write_calibrated=out, options=options)
    return out


def two_cities(seed=0, rows=192, cols=384):
    """The first city in the west, the third in the east: uint8 (3, rows, cols)."""
    rng = np.random.default_rng(seed)
    west, east = (city_picture(city, rng, side=max(rows, cols)) for city in (0, 2))
    half = cols // 2
    return np.concatenate([west[:, :rows, :half], east[:, :rows, : cols - half]], axis=2)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = tmp_path_factory.mktemp("scene") / "two cities.tif"
    mask = np.full((192, 384), 255, np.uint8)
    mask[:64, :64] = 0
    tags = {"ACQUISITION_DATE": "2018-06-01"}
    return write_raster(path, two_cities(), make_grid(192, 384, 0.5), tags=tags, mask=mask)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory, calibrated, scene):
    out = tmp_path_factory.mktemp("mapped") / "out"
    result = identify(scene, model=calibrated, out=out, options=replace(CPU, like="CIT"))
    return result, out / "two cities"


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_a_picture_without_a_place_is_named(calibrated, tmp_path):
    path = tmp_path / "b.png"
    write_png(path, city_picture(1, np.random.default_rng(5), side=150))
    result = identify(path, model=calibrated, options=CPU)
    (answer,) = result.answers
    assert answer.guesses[0].code == "FRU"
    assert answer.patches == 81  # 9 x 9 of 32 pixels, 16 apart, the last ones at the edge
    assert sum(g.probability for g in answer.guesses) == pytest.approx(1)
    assert "FRU" in answer.choice
    assert answer.calibrated
    assert answer.folder is None
    assert result.folder is None


def test_several_images_keep_their_order(calibrated, tmp_path):
    paths = []
    for city in (2, 0, 1):
        paths.append(tmp_path / f"{city}" / "same.png")
        write_png(paths[-1], city_picture(city, np.random.default_rng(city), side=96))
    answers = identify(paths, model=calibrated, options=CPU).answers
    assert [a.guesses[0].code for a in answers] == ["CIT", "ALA", "FRU"]


def test_a_picture_smaller_than_a_patch_is_mirrored(calibrated, tmp_path, caplog):
    path = tmp_path / "small.png"
    pixels = position_coded(3, 20, 25, np.uint8)
    write_png(path, pixels)
    answer = identify(path, model=calibrated, options=CPU).answers[0]
    assert answer.patches == 1
    assert "20 x 25 pixels, smaller than a patch of 32; it is mirrored" in caplog.text
    with open_picture(path) as picture:
        patch, share = picture.read_patch(0, 0, 32)
    assert share == 1
    np.testing.assert_array_equal(patch, np.pad(pixels, ((0, 0), (0, 12), (0, 7)), "reflect"))


def test_the_map_shows_both_cities(mapped):
    result, folder = mapped
    with open_class_raster(folder / "city.tif") as raster:
        assert raster.grid.shape == (12, 24)  # one cell for 16 pixels
        assert raster.grid.cell_size == (8.0, 8.0)
        assert raster.grid.transform.c == make_grid().transform.c
        assert raster.classes.names == ("Almaty", "Bishkek", "Shymkent", "unknown city")
        assert raster.tags["ACQUISITION_DATE"] == "2018-06-01"
        assert raster.tags["GEOCITY_HISTORY"].startswith("city identify: two cities.tif with")
    city = read(folder / "city.tif")
    assert (city[:2, :2] == 255).all()  # no data there
    west, east = city[4:, :10], city[4:, 14:]
    assert (west == 0).mean() > 0.6
    assert (east == 2).mean() > 0.6
    probability, entropy = read(folder / "probability.tif"), read(folder / "entropy.tif")
    np.testing.assert_array_equal(np.isnan(probability), city == 255)
    assert np.nanmin(probability) >= 1 / 3
    assert 0 <= np.nanmin(entropy) <= np.nanmax(entropy) <= 1
    like = read(folder / "like_CIT.tif")
    assert np.nanmean(like[4:, 14:]) > np.nanmean(like[4:, :10]) + 0.3
    assert (folder / "like_CIT.qml").exists()
    assert result.answers[0].folder == "two cities"


def test_patches_lie_where_they_were_cut(mapped, scene):
    _, folder = mapped
    patches = geopandas.read_file(folder / "patches.gpkg", layer="patches")
    assert len(patches) == 11 * 23 - 9  # those wholly without data are left out
    assert patches.crs == pyproj.CRS.from_epsg(32643)
    assert patches.area.round(3).eq(256).all()
    left, bottom, right, top = patches.total_bounds
    with rasterio.open(scene) as dataset:
        np.testing.assert_allclose((left, bottom, right, top), dataset.bounds)
    assert set(patches["name"]) <= {"Almaty", "Bishkek", "Shymkent", "unknown city"}
    strange = patches["unknown"] == 1
    assert (patches.loc[strange, "name"] == "unknown city").all()
    assert (patches["prob"] >= patches["prob_2"]).all()
    styles = geopandas.read_file(folder / "patches.gpkg", layer="layer_styles")
    assert "Shymkent" in styles["styleQML"][0]


def test_the_written_answers_are_the_given_ones(mapped):
    result, folder = mapped
    written = json.loads((folder.parent / "answers.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(result.plain()))


def test_batches_do_not_change_the_answer(mapped, calibrated, scene, tmp_path):
    result, folder = mapped
    options = replace(CPU, batch_size=5, like="CIT")
    again = identify(scene, model=calibrated, out=tmp_path / "o", options=options)
    assert again.answers[0].energy == pytest.approx(result.answers[0].energy, abs=1e-5)
    for name in ("city.tif", "probability.tif", "like_CIT.tif"):
        np.testing.assert_allclose(
            read(tmp_path / "o" / "two cities" / name), read(folder / name), atol=1e-5
        )


def test_noise_is_an_unknown_city(calibrated, tmp_path):
    path = tmp_path / "flat.png"
    write_png(path, np.full((3, 96, 96), 120, np.uint8))
    answer = identify(path, model=calibrated, options=CPU).answers[0]
    known = CityCalibration.from_plain(read_city_package(calibrated).contract.calibration)
    assert answer.unknown == (answer.energy < known.image.known_from)


def test_an_uncalibrated_model_says_so(toy_model, scene, tmp_path, caplog):
    answer = identify(scene, model=toy_model, out=tmp_path / "o", options=CPU).answers[0]
    assert "is not calibrated" in caplog.text
    assert (answer.calibrated, answer.unknown, answer.choice) == (False, None, ())
    assert "uncalibrated" in answer.sentence
    with open_class_raster(tmp_path / "o" / "two cities" / "city.tif") as raster:
        assert raster.classes.names == ("Almaty", "Bishkek", "Shymkent")


def test_the_size_of_a_patch_follows_the_ground(calibrated, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    pixels = city_picture(0, np.random.default_rng(1), side=64)
    coarse = write_raster(tmp_path / "coarse.tif", pixels, make_grid(64, 64, 2.0))
    options = replace(CPU, overlap=0.0)
    assert identify(coarse, model=calibrated, options=options).answers[0].patches == 64
    assert "has pixels of 2 m and the model was trained on 0.5 m" in caplog.text
    write_png(tmp_path / "a.png", pixels)
    assert identify(tmp_path / "a.png", model=calibrated, options=options).answers[0].patches == 4
    assert "does not say how large its pixels are; 0.5 m are taken" in caplog.text
    told = replace(options, cell_size_m=1.0)
    assert identify(tmp_path / "a.png", model=calibrated, options=told).answers[0].patches == 16


def test_degrees_become_square_metres(tmp_path):
    grid = make_grid(64, 64, 1e-5, 24.0, 60.0, pyproj.CRS.from_epsg(4326))
    path = write_raster(tmp_path / "north.tif", position_coded(3, 64, 64, np.uint8), grid)
    with open_picture(path) as picture:
        # A degree to the east is half as long there: twice as many rows, each pixel square.
        assert picture.shape == (pytest.approx(128, abs=2), pytest.approx(64, abs=2))
        assert picture.read_patch(0, 0, 20)[0].shape == (3, 20, 20)


def test_an_empty_scene_is_refused(calibrated, tmp_path):
    grid = make_grid(64, 64, 0.5)
    path = write_raster(tmp_path / "empty.tif", np.zeros((3, 64, 64), np.uint8), grid, nodata=0)
    with pytest.raises(InputError, match="no patch with data"):
        identify(path, model=calibrated, out=tmp_path / "o", options=CPU)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"overlap": 1.0}, "An overlap of 1 was given"),
        ({"batch_size": 0}, "batch_size is 0; give at least 1"),
        ({"cell_size_m": 0.0}, "A cell size of 0 m"),
        ({"like": "XXX"}, "no city 'XXX'; it has ALA, FRU, CIT"),
        ({"like": "ALA"}, "say with --out"),
    ],
)
def test_impossible_options_are_refused(changes, message, calibrated, scene):
    with pytest.raises(InputError, match=message):
        identify(scene, model=calibrated, options=replace(CPU, **changes))


def test_what_cannot_be_done_is_said(calibrated, toy_model, scene, tmp_path):
    with pytest.raises(InputError, match="There is no image"):
        identify([], model=calibrated)
    with pytest.raises(InputError, match="only a calibrated model carries"):
        identify(scene, model=toy_model, out=tmp_path / "o", options=replace(CPU, like="ALA"))
    deep = write_raster(
        tmp_path / "deep.tif", position_coded(3, 64, 64, np.uint16), make_grid(64, 64)
    )
    with pytest.raises(InputError, match="holds uint16 values; bring it to 8 bits"):
        identify(deep, model=calibrated)
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputExistsError):
        identify(scene, model=calibrated, out=tmp_path / "there")


def test_a_damaged_calibration_is_a_model_error(calibrated, scene, tmp_path):
    package = read_city_package(calibrated)
    weights = package.weights()
    for number, calibration in enumerate(
        ({"coverage": 0.9}, {**package.contract.calibration, "means": [[1.0, 2.0]]})
    ):
        contract = replace(package.contract, calibration=calibration)
        path = write_city_package(tmp_path / f"{number}.geocity", contract, weights)
        with pytest.raises(ModelError, match="calibrate"):
            identify(scene, model=path, options=CPU)
