"""A raster made of parts is the raster made in one go."""

import numpy as np
import rasterio

from geocity.core.classes import ClassTable
from geocity.engine.finish import counted, counts_of, pieces_of
from geocity.engine.job import fingerprint
from geocity.engine.plan import plan_parts
from geocity.engine.store import PartStore
from geocity.io.class_raster_sinks import create_class_raster, create_probability_raster
from geocity.io.part_rasters import (
    class_raster_of_parts,
    probability_raster_of_parts,
    read_part_raster,
    write_part_raster,
)
from tests.conftest import make_grid

TABLE = ClassTable.named(["ground", "slum <& ü>", "water"])
TAGS = {"SOURCE": 'a "scene" & <more>'}
GRID = make_grid(1100, 700)


def same_rasters(first, second):
    with rasterio.open(first) as one, rasterio.open(second) as two:
        np.testing.assert_array_equal(one.read(), two.read())
        for level in one.overviews(1):
            assert level in two.overviews(1)
        assert one.profile == two.profile
        assert one.tags() == two.tags()
        assert one.descriptions == two.descriptions
        assert (one.scales, one.offsets) == (two.scales, two.offsets)
        assert one.tags(ns="IMAGE_STRUCTURE") == two.tags(ns="IMAGE_STRUCTURE")
        for band in one.indexes:
            mine, theirs = one.tags(band), two.tags(band)
            assert mine.keys() == theirs.keys()
            for key, value in mine.items():
                np.testing.assert_allclose(float(value), float(theirs[key]), rtol=1e-7)
        if one.count == 1:
            assert one.colormap(1) == two.colormap(1)


def test_classes_in_parts_are_classes_in_one(tmp_path):
    values = np.random.default_rng(0).integers(0, 4, GRID.shape).astype(np.uint8)
    values[values == 3] = 255
    values[:512, :512] = 1
    with create_class_raster(tmp_path / "one.tif", GRID, TABLE, tags=TAGS) as sink:
        sink.write(values, GRID.window)
    store = PartStore(tmp_path / "parts", fingerprint("x"))
    parts = plan_parts(GRID.shape, 512)
    for part in parts:
        own = values[part.window.slices]

        def write(path, own=own, grid=GRID[part.window]):
            write_part_raster(path, own, grid)

        store.save(part, {"classes.tif": write}, counted(own))
        np.testing.assert_array_equal(read_part_raster(store.path(part, "classes.tif"))[0], own)
    counts = counts_of(store, parts)
    np.testing.assert_array_equal(counts, np.bincount(values.ravel(), minlength=256))
    pieces = pieces_of(store, parts, "classes.tif")
    out = tmp_path / "two.tif"
    with class_raster_of_parts(out, pieces, GRID, TABLE, counts, tags=TAGS):
        assert not out.exists()
    same_rasters(tmp_path / "one.tif", out)
    for suffix in (".qml", ".tif.aux.xml"):
        one, two = tmp_path / f"one{suffix}", tmp_path / f"two{suffix}"
        assert one.read_bytes() == two.read_bytes()
    left = {p.name for p in tmp_path.iterdir()}
    assert left == {"parts"} | {
        f"{name}{suffix}" for name in ("one", "two") for suffix in (".tif", ".tif.aux.xml", ".qml")
    }


def test_probabilities_in_parts_are_probabilities_in_one(tmp_path):
    stored = np.random.default_rng(0).integers(0, 256, (2, *GRID.shape)).astype(np.uint8)
    chances = stored.astype(np.float32) / 254
    chances[stored == 255] = np.nan
    names = ["slum", "water"]
    with create_probability_raster(tmp_path / "one.tif", GRID, names, tags=TAGS) as sink:
        sink.write(chances, GRID.window)
    pieces = []
    for part in plan_parts(GRID.shape, 512):
        path = tmp_path / f"{part.name}.tif"
        write_part_raster(path, stored[(slice(None), *part.window.slices)], GRID[part.window])
        pieces.append((path, part.window))
    outs = [tmp_path / "two.tif", tmp_path / "three.tif"]
    for out in outs:
        with probability_raster_of_parts(out, pieces, GRID, names, tags=TAGS):
            pass
    same_rasters(tmp_path / "one.tif", outs[0])
    assert outs[0].read_bytes() == outs[1].read_bytes()
