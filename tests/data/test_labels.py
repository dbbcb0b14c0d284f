"""LabelDataset: outlines found once, reprojected exactly, burned on the scene's pixels."""

import logging

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
import torch

from geocity.core.burn import burn
from geocity.core.grid import Window
from geocity.data.labels import LabelDataset, LabelRules
from geocity.data.samplers import PaddedGridGeoSampler
from geocity.data.scenes import SceneDataset
from geocity.errors import InputError, LabelError, MissingCRSError
from tests.conftest import make_grid, position_coded, write_raster

GRID = make_grid(120, 120)


def outlines(path, windows=((10, 10, 30, 30), (60, 50, 20, 40)), crs=None, **columns):
    frame = geopandas.GeoDataFrame(
        columns, geometry=[GRID[Window(*w)].polygon() for w in windows], crs=GRID.crs
    )
    (frame.to_crs(crs) if crs else frame).to_file(path)
    return path


def test_labels_on_the_pixels_of_the_scene(tmp_path):
    scenes = SceneDataset(write_raster(tmp_path / "s.tif", position_coded(1, 120, 120), GRID))
    labels = LabelDataset(outlines(tmp_path / "l.gpkg"))
    pairs = scenes & labels
    sampler = PaddedGridGeoSampler(pairs, 50, 5)
    expected = np.zeros((120, 120), np.uint8)
    expected[10:40, 10:40] = expected[60:80, 50:90] = 1
    for index, query in enumerate(sampler):
        sample = pairs[query]
        read, keep = sampler.windows(index)
        mask = sample["mask"].numpy()[keep.shift(-read.row, -read.col).slices]
        assert sample["mask"].dtype == torch.int64
        assert (mask == expected[keep.slices]).all()
        assert sample["image"].shape[1:] == sample["mask"].shape == sample["valid"].shape


@pytest.mark.parametrize("epsg", [4326, 3857, 32642, 3035])
def test_labels_in_another_crs_lose_no_pixel(tmp_path, epsg, caplog):
    caplog.set_level(logging.INFO)
    path = outlines(tmp_path / "l.gpkg", crs=epsg)
    labels = LabelDataset(path, crs=GRID.crs)
    expected = np.zeros((120, 120), np.uint8)
    expected[10:40, 10:40] = expected[60:80, 50:90] = 1
    assert (labels.burn(GRID) == expected).all()
    assert "reprojected" in caplog.text


def test_long_edges_bend_with_the_crs(tmp_path):
    # A square degree: its straight edge in degrees is an arc in UTM, 200 m off in the middle.
    square = geopandas.GeoDataFrame(geometry=[shapely.box(72, 18, 73, 19)], crs=4326)
    square.to_file(tmp_path / "l.gpkg")
    labels = LabelDataset(tmp_path / "l.gpkg", crs=pyproj.CRS(32643))
    to_utm = pyproj.Transformer.from_crs(4326, 32643, always_xy=True)
    x, y = to_utm.transform(72.5, 18.0)
    grid = make_grid(40, 40, cell=1.0, left=x - 20, top=y + 20)
    label = labels.burn(grid)
    assert abs(int(label.sum()) - 800) < 40  # the upper half
    assert label[:15].all()
    assert not label[25:].any()


def test_setting_the_crs_starts_from_the_file_and_prints_nothing(tmp_path, capsys):
    labels = LabelDataset(outlines(tmp_path / "l.gpkg"))
    before = labels.burn(GRID)
    labels.crs = pyproj.CRS(4326)
    labels.crs = GRID.crs
    assert (labels.burn(GRID) == before).all()
    labels.res = 0.8
    assert capsys.readouterr().out == ""


def test_many_outlines_burn_as_all_at_once_and_fast(tmp_path):
    rng = np.random.default_rng(0)
    boxes = [
        GRID[Window(int(r), int(c), 4, 3)].polygon() for r, c in rng.integers(0, 115, (3000, 2))
    ]
    values = rng.integers(1, 4, len(boxes))
    geopandas.GeoDataFrame({"code": values}, geometry=boxes, crs=GRID.crs).to_file(
        tmp_path / "l.gpkg"
    )
    labels = LabelDataset(tmp_path / "l.gpkg", LabelRules(class_field="code"))
    whole = burn(boxes, values.tolist(), GRID)
    for window in (Window(0, 0, 50, 50), Window(70, 31, 50, 50), Window(-10, -10, 40, 40)):
        inside = window.intersect(GRID.window)
        label = labels.burn(GRID[window])[inside.shift(-window.row, -window.col).slices]
        assert (label == whole[inside.slices]).all()


def test_classes_by_number_by_text_and_by_name(tmp_path):
    numbers = outlines(tmp_path / "n.gpkg", code=[3, 7])
    labels = LabelDataset(numbers, LabelRules(class_field="CODE"))
    assert labels.classes.names == ("background", "class 3", "class 7")
    assert set(np.unique(labels.burn(GRID))) == {0, 1, 2}
    texts = LabelDataset(
        outlines(tmp_path / "t.gpkg", kind=["slum", "old town"]), LabelRules("kind")
    )
    assert texts.classes.names == ("background", "old town", "slum")
    named = LabelDataset(numbers, LabelRules("code", class_values={"7": "slum", "3": "ignore"}))
    assert named.classes.names == ("background", "slum")
    assert set(np.unique(named.burn(GRID))) == {0, 1, 255}
    one = LabelDataset(outlines(tmp_path / "o.gpkg", value=[1, 1]))
    assert one.classes.names == ("background", "slum")


def test_points_become_discs_of_metres(tmp_path):
    centre = GRID.transform @ (60, 60)
    points = geopandas.GeoDataFrame(geometry=[shapely.Point(centre)], crs=GRID.crs)
    points.to_crs(4326).to_file(tmp_path / "p.gpkg")
    labels = LabelDataset(tmp_path / "p.gpkg", LabelRules(buffer_m=20), crs=GRID.crs)
    assert labels.burn(GRID).sum() * 0.64 == pytest.approx(np.pi * 400, rel=0.02)
    with pytest.raises(LabelError, match="--buffer"):
        LabelDataset(tmp_path / "p.gpkg")


def test_unknown_outside_the_labelled_area(tmp_path):
    area = outlines(tmp_path / "area.gpkg", [(0, 0, 50, 120)], crs=4326)
    labels = LabelDataset(
        outlines(tmp_path / "l.gpkg"), LabelRules(labelled_area=area), crs=GRID.crs
    )
    label = labels.burn(GRID)
    assert (label[50:] == 255).all()
    assert label[10:40, 10:40].all()
    assert (label[:50] < 255).all()


def test_what_cannot_be_a_label_is_refused(tmp_path):
    good = outlines(tmp_path / "l.gpkg", code=[1, 2])
    with pytest.raises(InputError, match="no field 'klass'; its fields are code"):
        LabelDataset(good, LabelRules("klass"))
    with pytest.raises(LabelError, match="the field holds 1, 2"):
        LabelDataset(good, LabelRules("code", class_values={"6": "slum"}))
    with pytest.raises(LabelError, match="empty for some features"):
        LabelDataset(outlines(tmp_path / "e.gpkg", kind=["a", None]), LabelRules("kind"))
    with pytest.raises(LabelError, match="whole number"):
        LabelDataset(outlines(tmp_path / "f.gpkg", kind=[1.5, 2.0]), LabelRules("kind"))
    with pytest.raises(InputError, match="does not exist"):
        LabelDataset(tmp_path / "nowhere.gpkg")
    broken = tmp_path / "broken.gpkg"
    broken.write_text("nothing")
    with pytest.raises(InputError, match="cannot be read"):
        LabelDataset(broken)
    empty = geopandas.GeoDataFrame({"a": []}, geometry=[], crs=GRID.crs)
    empty.to_file(tmp_path / "empty.gpkg")
    with pytest.raises(LabelError, match="no feature"):
        LabelDataset(tmp_path / "empty.gpkg")
    geopandas.GeoDataFrame(geometry=[GRID.polygon()]).to_file(tmp_path / "lost.gpkg")
    with pytest.raises(MissingCRSError):
        LabelDataset(tmp_path / "lost.gpkg")


def test_crossing_outlines_are_mended_and_null_geometries_left_out(tmp_path, caplog):
    left, bottom, right, top = GRID[Window(10, 10, 40, 40)].bounds
    bow = shapely.Polygon([(left, bottom), (right, top), (right, bottom), (left, top)])
    frame = geopandas.GeoDataFrame(geometry=[bow, None], crs=GRID.crs)
    frame.to_file(tmp_path / "l.gpkg")
    label = LabelDataset(tmp_path / "l.gpkg").burn(GRID)
    assert label.sum() == pytest.approx(800, abs=50)
    assert "mended" in caplog.text
