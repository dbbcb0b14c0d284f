"""Tiles read through TorchGeo are those of the plain plan, pixel for pixel."""

import numpy as np
import pytest

from geocity.core.grid import Window
from geocity.core.tiles import plan_tiles
from geocity.data.scene_tiles import DatasetTiles
from geocity.io.rasters import open_scene
from geocity.io.scene_tiles import SceneTiles
from geocity.models import engines
from geocity.tools.classify import ClassifyOptions, classify
from tests.conftest import make_grid, position_coded, write_raster
from tests.tools.test_classify import by_place, random_scene, whole
from tests.tools.toy_models import ToyEngine, write_toy_model


@pytest.mark.parametrize("shape", [(64, 48), (5, 130)])
@pytest.mark.parametrize("cell_size_m", [None, 1.2])
def test_the_sampler_and_the_plan_lay_the_same_tiles(tmp_path, shape, cell_size_m):
    grid = make_grid(*shape)
    mask = np.ones(shape, bool)
    mask[:3, :20] = False
    path = write_raster(tmp_path / "s.tif", position_coded(3, *shape), grid, mask=mask)
    with open_scene(path, cell_size_m=cell_size_m) as scene:
        plan = plan_tiles(scene.grid.shape, 32, 6)
    plain = SceneTiles(open_scene(path, cell_size_m=cell_size_m), (0, 1, 2))
    through = DatasetTiles(path, plan, cell_size_m=cell_size_m)
    assert [through.sampler.windows(i) for i in range(len(plan))] == list(plan)
    for tile in plan:
        expected, expected_valid = plain.read(tile.read)
        pixels, valid = through.read(tile.read)
        assert pixels.dtype == expected.dtype
        np.testing.assert_array_equal(pixels, expected)
        np.testing.assert_array_equal(valid, expected_valid)
    plain.close()
    through.close()


def test_other_tiles_are_refused(tmp_path):
    path = write_raster(tmp_path / "s.tif", position_coded(3, 64, 48), make_grid(64, 48))
    with pytest.raises(ValueError, match="are not those of"):
        DatasetTiles(path, plan_tiles((64, 49), 24, 6))


def test_a_window_outside_has_no_pixels(tmp_path):
    path = write_raster(tmp_path / "s.tif", position_coded(3, 64, 48), make_grid(64, 48))
    tiles = SceneTiles(open_scene(path), (0,))
    with pytest.raises(ValueError, match="outside"):
        tiles.read(Window(100, 100, 5, 5))
    tiles.close()


def test_torch_engines_read_through_torchgeo_and_give_the_same_map(tmp_path, monkeypatch):
    scene, _ = random_scene(tmp_path / "s.tif", classes=9)
    model = write_toy_model(tmp_path / "m.geocity")
    results = []
    for name in ("openvino toy", "torch toy"):
        engine = ToyEngine(by_place)
        engine.name = name
        monkeypatch.setattr(engines, "make_engine", lambda *_, toy=engine, **__: toy)
        out = tmp_path / f"{name}.tif"
        classify(scene, model=model, out=out, options=ClassifyOptions(batch_size=2))
        results.append(whole(out))
    np.testing.assert_array_equal(*results)
