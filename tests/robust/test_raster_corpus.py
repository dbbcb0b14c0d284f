"""Every awkward raster is opened and read right, or refused in one sentence."""

import contextlib
import resource

import numpy as np
import pytest

from geocity.core.grid import Window, blocks
from geocity.errors import GeocityError
from geocity.io.alpha_bands import mistaken_alpha
from geocity.io.class_rasters import open_class_raster
from geocity.io.rasters import open_scene
from tests.corpus.rasters import HOLE, RASTERS, classes, imagery, sparse_giant

pytestmark = pytest.mark.filterwarnings("ignore")


@contextlib.contextmanager
def little_memory(megabytes):
    """Let this process grow by so much and no more."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        held = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (held + (megabytes << 20), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def read_all(source):
    """Read a raster in blocks of rows; return what came, band and mask."""
    for window in blocks(source.grid.shape, (512, source.grid.shape[1])):
        source.read(window)
    return source.read(Window(0, 0, *source.grid.shape))


@pytest.mark.parametrize("name", RASTERS)
def test_a_scene_is_read_right_or_refused(tmp_path, name):
    odd = RASTERS[name]
    path = odd.write(tmp_path, imagery())
    if odd.refusal:
        with (
            little_memory(600),
            pytest.raises(GeocityError, match=odd.refusal),
            open_scene(path) as scene,
        ):
            read_all(scene)
        return
    with open_scene(path) as scene:
        pixels, valid = read_all(scene)
    if odd.exact:
        truth = np.resize(imagery(scene.grid.shape), pixels.shape)
        assert (pixels[:, valid] == truth[:, valid]).all()
    assert not valid[:HOLE].any() if odd.hole else valid.all() or name == "all_nodata"
    assert valid[HOLE:].all() or name == "all_nodata"


@pytest.mark.parametrize("name", RASTERS)
def test_a_class_raster_is_read_right_or_refused(tmp_path, name):
    odd = RASTERS[name]
    path = odd.write(tmp_path, classes())
    several = name.startswith(("bands_", "float", "type_float")) or "alpha" in name
    several &= name != "bands_1"
    if odd.refusal or several:
        with (
            little_memory(600),
            pytest.raises(GeocityError, match=odd.refusal or "one band of whole numbers"),
            open_class_raster(path) as raster,
        ):
            read_all(raster)
        return
    with open_class_raster(path) as raster:
        values = read_all(raster)
        assert raster.classes.values
    expected = classes(values.shape)[0]
    if odd.hole:
        expected[:HOLE] = 255
    if odd.exact:
        assert (values == expected).all()


@pytest.mark.parametrize("name", ["bands_4", *(name for name in RASTERS if "alpha" in name)])
def test_imagery_is_told_from_alpha(tmp_path, name):
    told = mistaken_alpha(RASTERS[name].write(tmp_path, imagery()))
    assert (told is not None) == (name == "infrared_called_alpha")


def test_a_giant_of_nothing_is_opened_and_described_at_once(tmp_path):
    with little_memory(400), open_scene(sparse_giant(tmp_path)) as scene:
        assert scene.grid.shape == (66_000, 66_000)
        scene.read(Window(30_000, 30_000, 512, 512))
