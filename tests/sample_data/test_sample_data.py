"""The committed sample data are what the README beside them says. Nothing is generated here."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize

FOLDER = Path(__file__).parents[2] / "sample_data"
YEARS = (2015, 2025)
MIB = 2**20


def read_scene(year):
    with rasterio.open(FOLDER / f"scene_{year}.tif") as scene:
        return scene.read(), scene.dataset_mask() > 0, scene.profile, scene.tags()


def read_slums(year):
    return gpd.read_file(FOLDER / f"slums_{year}.gpkg", layer="slums")


def slum_cells(year, profile):
    shape = (profile["height"], profile["width"])
    return rasterize(read_slums(year).geometry, shape, transform=profile["transform"]) == 1


@pytest.fixture(scope="module", params=YEARS)
def dated(request):
    pixels, valid, profile, tags = read_scene(request.param)
    return request.param, pixels, valid, profile, tags


def test_the_files_stay_small():
    files = [path for path in FOLDER.iterdir() if path.suffix in (".tif", ".gpkg")]
    assert len(files) == 7
    assert max(path.stat().st_size for path in files) < 2 * MIB
    assert sum(path.stat().st_size for path in files) < 6e6


def test_scene_is_on_its_grid(dated):
    year, pixels, _, profile, tags = dated
    assert pixels.shape == (3, 2048, 2048)
    assert pixels.dtype == np.uint8
    assert profile["crs"].to_epsg() == 32643
    assert profile["transform"].a == -profile["transform"].e == 0.8
    assert tags["TIFFTAG_DATETIME"].startswith(f"{year}:02:")
    with rasterio.open(FOLDER / f"scene_{year}.tif") as scene:
        assert scene.overviews(1) == [2, 4, 8]


def test_scene_has_an_uneven_collar(dated):
    _, _, valid, _, _ = dated
    assert 0.90 < valid.mean() < 0.97
    assert not valid[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    assert valid[150:-150, 150:-150].all()
    first = valid.argmax(axis=1)[200:-200]
    assert len(np.unique(first)) > 5  # a slanting, wavy edge, not a straight one


def test_outlines_are_valid_polygons_inside_the_scene(dated):
    year, _, valid, profile, _ = dated
    slums = read_slums(year)
    assert slums.crs.to_epsg() == 32643
    assert list(slums.columns) == ["code", "name", "geometry"]
    assert slums["code"].dtype.kind == "i"
    assert (slums["code"] == 1).all()
    assert slums["name"].is_unique
    assert set(slums.geom_type) == {"Polygon"}
    assert slums.is_valid.all()
    cells = slum_cells(year, profile)
    assert valid[cells].all()
    assert 0.10 < cells.sum() / valid.sum() < 0.15
    assert 15 <= len(slums) <= 30
    assert slums.area.min() < 3000
    assert slums.area.max() > 30000


def test_outlines_touch_and_have_holes_and_never_overlap(dated):
    slums = read_slums(dated[0])
    assert sum(len(polygon.interiors) for polygon in slums.geometry) >= 1
    touching = slums.sjoin(slums, predicate="touches")
    assert len(touching) >= 2
    assert slums.area.sum() == pytest.approx(slums.union_all().area, abs=0.5)


def test_slums_lie_in_every_part_of_the_scene(dated):
    year, _, _, profile, _ = dated
    cells = slum_cells(year, profile)
    share = cells.reshape(4, 512, 4, 512).mean(axis=(1, 3))
    assert (share > 0.01).sum() >= 13
    assert (share < 0.6).all()


def test_slums_grew_appeared_and_were_cleared():
    before, after = (read_slums(year).set_index("name") for year in YEARS)
    lasting = before.index.intersection(after.index)
    assert len(before.index.difference(after.index)) == 2
    assert 2 <= len(after.index.difference(before.index)) <= 4
    was, now = before.geometry[lasting], after.geometry[lasting]
    assert 1.15 < now.area.sum() / was.area.sum() < 1.4
    assert was.difference(now).area.max() < 1.0  # none that lasts loses ground


def test_second_date_looks_different():
    first, second = (read_scene(year) for year in YEARS)
    both = first[1] & second[1]
    means = [scene[0][:, both].mean(axis=1) for scene in (first, second)]
    assert np.abs(means[1] - means[0]).max() > 8


def test_wards_tile_the_town():
    wards = gpd.read_file(FOLDER / "wards.gpkg", layer="wards")
    assert wards.crs.to_epsg() == 32643
    assert list(wards.columns) == ["ward", "geometry"]
    assert len(wards) == 8
    assert wards["ward"].is_unique
    assert "Miller's Reach" in set(wards["ward"])
    assert "Pré-Étang" in set(wards["ward"])
    assert wards.is_valid.all()
    town = wards.union_all()
    assert wards.area.sum() == pytest.approx(town.area, abs=1.0)
    assert all(town.contains(read_slums(year).union_all()) for year in YEARS)


@pytest.mark.parametrize("year", YEARS)
def test_population_counts_people_per_cell(year):
    with rasterio.open(FOLDER / f"population_{year}.tif") as raster:
        people = raster.read(1, masked=True)
        assert raster.dtypes == ("float32",)
        assert raster.crs.to_epsg() == 32643
        assert raster.res == (50.0, 50.0)
    assert people.min() >= 0
    assert 30_000 < people.sum() < 90_000
    assert 0 < people.mask.mean() < 0.2


def test_colour_alone_finds_no_slums(dated):
    """A Bayes classifier on colour histograms (16 bins a band), west half to east half."""
    year, pixels, valid, profile, _ = dated
    slum = slum_cells(year, profile)
    bins = (pixels // 16).astype(np.int64)
    index = bins[0] * 256 + bins[1] * 16 + bins[2]
    west = np.zeros_like(valid)
    west[:, : west.shape[1] // 2] = True
    seen, of_slum = (
        np.bincount(index[west & where], minlength=4096) for where in (valid, valid & slum)
    )
    chance = (of_slum / np.maximum(seen, 1))[index]
    east = valid & ~west
    scores = []
    for threshold in np.linspace(0.05, 0.6, 23):
        guess = chance > threshold
        scores.append((guess & slum & east).sum() / ((guess | slum) & east).sum())
    assert max(scores) < 0.35  # even with the threshold that suits the test half best
