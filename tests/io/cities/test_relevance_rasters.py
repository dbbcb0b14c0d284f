"""Relevance rasters: where they lie, what their numbers mean, and what stays missing."""

import json
from xml.etree import ElementTree

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from rio_cogeo.cogeo import cog_validate

from geocity.core.grid import Grid, Window, blocks
from geocity.errors import OutputExistsError
from geocity.io.cities.relevance_rasters import (
    DIVISOR_TAG,
    create_relevance_raster,
    relevance_qml,
)

LAYERS = ("layer1", "layer4")


@pytest.fixture
def grid():
    crs = pyproj.CRS("EPSG:32643")
    return Grid(crs, Affine(0.5, 0, 300_000.25, 0, -0.5, 4_800_000.75), (600, 700))


def test_relevance_is_scaled_placed_and_styled(tmp_path, grid):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, *grid.shape)).astype(np.float32) * np.float32([[[1e-5]], [[3e4]]])
    out = tmp_path / "relevance.tif"
    with create_relevance_raster(out, grid, LAYERS, tags={"GEOCITY_CITY": "Almaty"}) as sink:
        for window in blocks(grid.shape, 256):
            if window.row < 512:  # the rest is never written
                sink.write(values[(slice(None), *window.slices)], window)
    assert cog_validate(out)[0]
    with rasterio.open(out) as dataset:
        assert dataset.transform == grid.transform
        assert dataset.descriptions == LAYERS
        assert np.isnan(dataset.nodata)
        tags, found = dataset.tags(), dataset.read()
    assert tags["GEOCITY_CITY"] == "Almaty"
    divisors = json.loads(tags[DIVISOR_TAG])
    assert np.isnan(found[:, 512:]).all()
    for band, layer in enumerate(LAYERS):
        written = values[band, :512]
        np.testing.assert_allclose(found[band, :512], written / divisors[layer], rtol=1e-5)
        assert divisors[layer] == pytest.approx(np.percentile(np.abs(written), 99), rel=0.02)
    assert out.with_suffix(".qml").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["relevance.qml", "relevance.tif"]


def test_a_map_of_nothing_stays_nothing(tmp_path, grid):
    with create_relevance_raster(tmp_path / "r.tif", grid, ["layer2"], tags={}) as sink:
        sink.write(np.zeros((1, 8, 8), np.float32), Window(0, 0, 8, 8))
    with rasterio.open(tmp_path / "r.tif") as dataset:
        assert json.loads(dataset.tags()[DIVISOR_TAG]) == {"layer2": 1.0}
        assert not dataset.read(1)[:8, :8].any()


def test_what_is_there_stays(tmp_path, grid):
    (tmp_path / "r.tif").write_text("mine")
    with (
        pytest.raises(OutputExistsError),
        create_relevance_raster(tmp_path / "r.tif", grid, ["layer2"], tags={}),
    ):
        pass
    assert (tmp_path / "r.tif").read_text() == "mine"


def test_the_style_has_two_sides_and_is_clear_in_the_middle():
    root = ElementTree.fromstring(relevance_qml("layer3", band=2).split("\n", 1)[1])
    renderer = root.find(".//rasterrenderer")
    assert renderer.get("band") == "2"
    items = renderer.findall(".//item")
    assert [float(item.get("value")) for item in items] == [-1, -0.5, 0, 0.5, 1]
    assert items[2].get("alpha") == "0"
    assert items[0].get("alpha") == items[4].get("alpha") != "0"
