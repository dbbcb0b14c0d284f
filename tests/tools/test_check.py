"""The preflight says what is the matter, and with what; and it never falls over."""

import json

import geopandas
import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from rasterio.enums import ColorInterp

from geocity.cli.check import command
from geocity.core.tiles import plan_tiles
from geocity.errors import InputError
from geocity.models import engines
from geocity.tools.check import check
from tests.conftest import make_grid, write_raster
from tests.tools.toy_models import ToyEngine, constant, write_toy_model

RGB = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]


@pytest.fixture(autouse=True)
def toy_engine(monkeypatch):
    monkeypatch.setattr(engines, "make_engine", lambda *_, **__: ToyEngine(constant(0.9)))


def scene_at(path, grid=None, high=9, **options):
    grid = grid or make_grid(300, 200)
    pixels = np.random.default_rng(0).integers(1, high + 1, (3, *grid.shape)).astype(np.uint8)
    options.setdefault("colorinterp", RGB)
    return write_raster(path, pixels, grid, **options)


def labels_at(path, boxes, grid=None):
    grid = grid or make_grid(300, 200)
    left, _, _, top = grid.bounds
    shapes = [
        shapely.box(left + x, top - y - side, left + x + side, top - y) for x, y, side in boxes
    ]
    geopandas.GeoDataFrame(geometry=shapes, crs=grid.crs).to_file(path)
    return path


def levels(report, topic):
    return [f.level for f in report.findings if f.topic == topic]


def test_labels_pair_with_scenes(tmp_path):
    with pytest.raises(InputError, match="3 scenes need one label file for all or one for each"):
        check(["a.tif", "b.tif", "c.tif"], labels=["a.gpkg", "b.gpkg"])


def test_all_well(tmp_path):
    scene = scene_at(tmp_path / "s.tif")
    model = write_toy_model(tmp_path / "m.geocity")
    boxes = [(5 + 11 * i, 5 + 7 * i, 6) for i in range(12)]
    report = check([scene], labels=labels_at(tmp_path / "l.gpkg", boxes), model=model)
    assert report.level == "ok"
    assert report.engine == "toy f32"
    cost = report.estimates["s.tif"]
    assert cost.tiles == len(plan_tiles((300, 200), 64, 8))
    assert cost.seconds > 0
    assert cost.pixels == 300 * 200
    assert cost.memory_bytes > 3e8


def test_what_a_scene_may_suffer_from(tmp_path):
    grid = make_grid(300, 200)
    model = write_toy_model(tmp_path / "m.geocity")
    black = np.full((3, 300, 200), 5, np.uint8)
    black[:, :, :50] = 0
    cases = {
        "collar.tif": (black, {}, "nodata", "warning"),
        "empty.tif": (np.zeros((3, 300, 200), np.uint8), {"nodata": 0}, "data", "error"),
        "wide.tif": (black.astype(np.uint16), {}, "number type", "error"),
        "bright.tif": (black * 50, {}, "values", "error"),
    }
    for name, (pixels, options, topic, level) in cases.items():
        path = write_raster(tmp_path / name, pixels, grid, colorinterp=RGB, **options)
        report = check([path], model=model)
        assert levels(report, topic) == [level], name
        assert (name in report.estimates) == (topic in ("nodata", "data"))
    coarse = scene_at(tmp_path / "coarse.tif", make_grid(300, 200, cell=10))
    assert levels(check([coarse], model=model), "cell size") == ["error"]
    soft = scene_at(tmp_path / "soft.tif", make_grid(300, 200, cell=0.9))
    assert levels(check([soft], model=model), "cell size") == ["note"]


def test_what_labels_may_suffer_from(tmp_path):
    scene = scene_at(tmp_path / "s.tif")
    few = labels_at(tmp_path / "few.gpkg", [(5, 5, 10), (40, 40, 0.5)])
    assert levels(check([scene], labels=few), "overlap") == ["warning"]
    assert levels(check([scene], labels=few), "labels") == ["note"]
    far = labels_at(tmp_path / "far.gpkg", [(50_000, 5, 10)])
    assert levels(check([scene], labels=far), "overlap") == ["error"]
    points = geopandas.GeoDataFrame(geometry=[shapely.Point(1, 1)], crs=32643)
    points.to_file(tmp_path / "points.gpkg")
    assert levels(check([scene], labels=tmp_path / "points.gpkg"), "labels") == ["error"]
    turned = geopandas.read_file(few).to_crs(4326)
    turned.to_file(tmp_path / "turned.gpkg")
    assert levels(check([scene], labels=tmp_path / "turned.gpkg"), "crs") == ["note"]
    bow = shapely.Polygon([(0, 0), (9, 9), (9, 0), (0, 9)])
    left, _, _, top = make_grid(300, 200).bounds
    bow = shapely.transform(bow, lambda xy: xy + np.array([left + 9, top - 30]))
    geopandas.GeoDataFrame(geometry=[bow], crs=32643).to_file(tmp_path / "bow.gpkg")
    assert levels(check([scene], labels=tmp_path / "bow.gpkg"), "labels") == ["warning"]


def test_a_broken_input_is_a_finding(tmp_path):
    scene = scene_at(tmp_path / "s.tif")
    (tmp_path / "broken.tif").write_text("no raster")
    (tmp_path / "broken.geocity").write_text("no model")
    report = check(
        [tmp_path / "broken.tif", scene, tmp_path / "missing.tif"],
        labels=tmp_path / "missing.gpkg",
        model=tmp_path / "broken.geocity",
    )
    subjects = [f.subject for f in report.findings if f.level == "error"]
    assert subjects == ["broken.geocity", "broken.tif", "missing.gpkg", "missing.tif"]
    assert report.level == "error"
    with pytest.raises(InputError, match="No scene"):
        check([])


def test_the_command(tmp_path):
    scene = scene_at(tmp_path / "s.tif")
    model = write_toy_model(tmp_path / "m.geocity")
    done = CliRunner().invoke(command, [str(scene), "-m", str(model)])
    assert done.exit_code == 0, done.output
    assert "Classifying s.tif: " in done.stdout
    done = CliRunner().invoke(command, [str(scene), "-m", str(model), "--json"])
    told = json.loads(done.stdout)
    assert told["level"] == "ok"
    assert told["estimates"]["s.tif"]["tiles"] == len(plan_tiles((300, 200), 64, 8))
    done = CliRunner().invoke(command, [str(tmp_path / "none.tif")])
    assert done.exit_code == 1
    assert "STOP" in done.stdout
