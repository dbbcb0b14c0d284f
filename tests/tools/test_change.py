"""Change from files to files: what adds up, what is refused, what is written."""

import datetime
import functools
import itertools
import json
import logging
import zlib

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner

from geocity.cli import main
from geocity.core.classes import ClassTable
from geocity.core.grid import Grid
from geocity.engine.plan import plan_parts
from geocity.errors import (
    ClassTableError,
    InputError,
    MissingCRSError,
    NoOverlapError,
    OutputExistsError,
)
from geocity.io.class_raster_sinks import create_class_raster
from geocity.io.class_rasters import open_class_raster
from geocity.io.geopackage_styles import read_styles
from geocity.tools.change import change
from geocity.tools.change_options import ChangeOptions
from tests.conftest import UTM43, make_grid, write_raster
from tests.core.test_image_shift import moved, picture
from tests.tools.toy_models import write_toy_model

N = 255
TABLE = ClassTable.named(["background", "slum", "forest"])
DAY = datetime.date
LAYERS = ("growth", "loss", "persistent", "settlements", "common_area")


def write_classes(path, values, date, grid=None, table=TABLE):
    grid = grid or make_grid(*values.shape, cell=1.0)
    with create_class_raster(path, grid, table, tags={"ACQUISITION_DATE": date}) as sink:
        sink.write(np.asarray(values, np.uint8), grid.window)
    return path


def blown(seed, side=8, factor=6):
    """A map of blocks with a few odd cells, so that there are patches and slivers."""
    rng = np.random.default_rng(seed)
    coarse = rng.choice(np.array([0, 0, 1, 1, 2, N], np.uint8), (side, side))
    values = np.kron(coarse, np.ones((factor, factor), np.uint8))
    odd = rng.random(values.shape) < 0.03
    return np.where(odd, rng.choice(np.array([0, 1], np.uint8), values.shape), values)


def squares(*boxes, **columns):
    shapes = [shapely.affinity.translate(shapely.box(*b), 300_000, 2_100_000) for b in boxes]
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs=UTM43)


def write_layer(path, frame, layer="slums"):
    pyogrio.write_dataframe(frame, path, layer=layer, promote_to_multi=False)
    return path


def report_of(result):
    return json.loads(result.report.read_text(encoding="utf-8"))


def read(result, layer):
    return geopandas.read_file(result.out, layer=layer)


def check_sums(result, tolerance=1e-6):
    """What must hold whatever was compared."""
    report = report_of(result)
    matrix = pyogrio.read_dataframe(result.out, layer="matrix", read_geometry=False)
    for pair in report["pairs"]:
        table = matrix[matrix.from_date.astype(str).str[:10] == pair["from_date"]]
        slum = report["class"]
        close = {"rel": tolerance, "abs": 0.02}
        assert table.area_m2.sum() == pytest.approx(pair["common_area_m2"], **close)
        before = table[table.from_class == slum].area_m2.sum()
        after = table[table.to_class == slum].area_m2.sum()
        assert (before, after) == pytest.approx((pair["before_m2"], pair["after_m2"]), **close)
        grown = pair["growth_m2"] + pair["absorbed_growth_m2"] + pair["persistent_m2"]
        lost = pair["loss_m2"] + pair["absorbed_loss_m2"] + pair["persistent_m2"]
        assert (lost, grown) == pytest.approx((before, after), **close)
        for kind in ("growth", "loss", "persistent"):
            layer = read(result, kind)
            layer = layer[layer.from_date.astype(str).str[:10] == pair["from_date"]]
            assert layer.area_m2.sum() == pytest.approx(pair[f"{kind}_m2"], **close)
            assert layer.geometry.is_valid.all()
    settlements = read(result, "settlements")
    for day, last in zip(report["dates"][1:], report["pairs"], strict=True):
        rows = settlements[settlements.date.astype(str).str[:10] == day]
        assert rows.area_m2.sum() == pytest.approx(last["after_m2"], **close)
        assert rows.change_m2.sum() == pytest.approx(last["after_m2"] - last["before_m2"], **close)
        assert not rows.settle_id.duplicated().any()
    return report


@pytest.mark.parametrize("tolerance", [0.0, 2.0])
@pytest.mark.parametrize("least", [0.0, 9.0])
def test_rasters_add_up_over_three_dates(tmp_path, tolerance, least):
    dates = ("2005-01-01", "2015-06-30", "2025-12-31")
    paths = [
        write_classes(tmp_path / f"{date}.tif", blown(seed), date)
        for seed, date in enumerate(dates)
    ]
    options = ChangeOptions(tolerance_m=tolerance, min_area_m2=least)
    result = change(paths, out=tmp_path / "change.gpkg", options=options)
    report = check_sums(result)
    assert report["dates"] == list(dates)
    assert [path.name for path in result.rasters] == [
        "change_2005-01-01_2015-06-30.tif",
        "change_2015-06-30_2025-12-31.tif",
    ]
    absorbed = [pair["absorbed_m2"] for pair in report["pairs"]]
    assert all(a > 0 for a in absorbed) == bool(tolerance or least)
    # Rasters, layers and the figures say the same.
    for path, pair in zip(result.rasters, report["pairs"], strict=True):
        with open_class_raster(path) as raster:
            assert raster.classes.names == ("background", "persistent", "growth", "loss")
            values = raster.read(raster.grid.window)
        cell_m2 = pair["common_area_m2"] / (values != N).sum()
        for value, kind in ((1, "persistent"), (2, "growth"), (3, "loss")):
            area_m2 = (values == value).sum() * cell_m2
            assert area_m2 == pytest.approx(pair[f"{kind}_m2"], rel=1e-3)
    for kind in ("growth", "loss"):
        assert (read(result, kind).area_m2 >= least * 0.99).all()


def test_small_parts_make_no_difference(tmp_path, monkeypatch):
    paths = [
        write_classes(tmp_path / f"20{n}0-01-01.tif", blown(n + 5), f"20{n}0-01-01")
        for n in range(1, 4)
    ]
    options = ChangeOptions(tolerance_m=1.5, min_area_m2=6)
    whole = change(paths, out=tmp_path / "whole.gpkg", options=options)
    planned = functools.partial(plan_parts, side=24)
    monkeypatch.setattr("geocity.tools.change_rasters.plan_parts", planned)
    monkeypatch.setattr("geocity.tools.clean_parts._BLOCK_SHAPE", (16, 24))
    monkeypatch.setattr("geocity.core.bands._BLOCK", 8)
    monkeypatch.setattr("geocity.tools.polygon_bands.band_parts.__defaults__", (100,))
    parts = change(paths, out=tmp_path / "parts.gpkg", options=options)
    for layer in LAYERS:
        one, other = read(whole, layer), read(parts, layer)
        pd.testing.assert_frame_equal(one.drop(columns="geometry"), other.drop(columns="geometry"))
        assert one.geometry.geom_equals(other.geometry).all()
    for one, other in zip(whole.rasters, parts.rasters, strict=True):
        with rasterio.open(one) as first, rasterio.open(other) as second:
            assert zlib.crc32(first.read(1)) == zlib.crc32(second.read(1))


def test_exchanging_the_dates_transposes(tmp_path):
    one = write_classes(tmp_path / "one.tif", blown(1), "2010-01-01")
    grid = make_grid(70, 70, cell=0.7)
    other = write_classes(tmp_path / "other.tif", blown(2, 10, 7), "2020-01-01", grid)
    days = (DAY(2010, 1, 1), DAY(2020, 1, 1))
    options = ChangeOptions(dates=days, tolerance_m=1.0)
    there = check_sums(change([one, other], out=tmp_path / "there.gpkg", options=options))
    back = check_sums(change([other, one], out=tmp_path / "back.gpkg", options=options))
    (first,), (second,) = there["pairs"], back["pairs"]
    matrix = {(m["from_class"], m["to_class"]): m["area_m2"] for m in first["matrix"]}
    for entry in second["matrix"]:
        assert entry["area_m2"] == pytest.approx(matrix[entry["to_class"], entry["from_class"]])
    assert first["growth_m2"] == pytest.approx(second["loss_m2"])
    assert first["loss_m2"] == pytest.approx(second["growth_m2"])
    assert first["grid"] == second["grid"]


def test_other_cells_and_crs_are_aligned_on_the_smallest(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    values = np.zeros((40, 40), np.uint8)
    values[10:30, 10:30] = 1
    coarse = write_classes(
        tmp_path / "coarse.tif", values, "2010-01-01", make_grid(40, 40, cell=2.0)
    )
    fine_grid = make_grid(100, 100, cell=1.0)
    fine = np.zeros((100, 100), np.uint8)
    fine[20:60, 20:70] = 1  # ten metres more to the east
    same = write_classes(tmp_path / "fine.tif", fine, "2020-01-01", fine_grid)
    (pair,) = check_sums(change([coarse, same], out=tmp_path / "a.gpkg"))["pairs"]
    cell_m2 = pair["common_area_m2"] / 6400
    assert pair["growth_m2"] == pytest.approx(400 * cell_m2, rel=1e-4)
    assert pair["loss_m2"] == 0
    assert pair["grid"]["cells_of"] == "fine.tif"
    assert (pair["grid"]["rows"], pair["grid"]["cols"]) == (80, 80)
    assert "compared on the cells of fine.tif (1 m), the smallest; coarse.tif" in caplog.text
    # The same ground in degrees: a cell may fall to the neighbour, no more.
    lonlat = pyproj.CRS.from_epsg(4326)
    to = pyproj.Transformer.from_crs(UTM43, lonlat, always_xy=True)
    lon, lat = to.transform(fine_grid.bounds[0], fine_grid.bounds[3])
    degrees = Grid(lonlat, Affine(9.5e-6, 0, lon, 0, -9.05e-6, lat), (100, 100))
    turned = write_classes(tmp_path / "degrees.tif", fine, "2020-01-01", degrees)
    (pair,) = check_sums(change([coarse, turned], out=tmp_path / "b.gpkg"))["pairs"]
    assert pair["after_m2"] == pytest.approx(2000, rel=0.03)
    assert pair["persistent_m2"] == pytest.approx(1600, rel=0.05)


def test_only_ground_that_all_dates_show_counts(tmp_path):
    one, two, three = (np.ones((20, 30), np.uint8) for _ in range(3))
    one[:, :5] = N
    two[:4] = N
    three[10, 10] = N
    paths = [
        write_classes(tmp_path / f"{n}.tif", v, f"20{n}0-01-01")
        for n, v in enumerate((one, two, three), start=1)
    ]
    area = write_layer(
        tmp_path / "area.gpkg",
        geopandas.GeoDataFrame(
            geometry=[shapely.box(*make_grid(20, 25, cell=1.0).bounds)], crs=UTM43
        ),
    )
    result = change(paths, out=tmp_path / "c.gpkg", options=ChangeOptions(area=area))
    report = check_sums(result)
    for pair in report["pairs"]:
        assert pair["common_area_m2"] == pytest.approx(16 * 20 - 1, rel=2e-3)
    common = read(result, "common_area")
    assert len(common) == 2
    assert common.geometry.area.tolist() == [16 * 20 - 1] * 2


def test_histories_of_settlements(tmp_path):
    def drawn(text):
        rows = [[int(c == "#") for c in line] for line in text.split("/")]
        return np.kron(np.array(rows, np.uint8), np.ones((20, 20), np.uint8))

    maps = [
        "###.##..##/........../##.......#",
        "######..##/........../###.......",
        "###..#..##/........../###......#",
    ]
    paths = [
        write_classes(tmp_path / f"20{n}0-01-01.tif", drawn(text), f"20{n}0-01-01")
        for n, text in enumerate(maps, start=1)
    ]
    result = change(paths, out=tmp_path / "change.gpkg")
    check_sums(result)
    rows = read(result, "settlements")
    rows["year"] = rows.date.astype(str).str[:4]
    told = {(r.year, r.settle_id): (r.status, r.parents) for r in rows.itertuples()}
    assert told == {
        ("2010", "S0001"): ("first", ""),
        ("2010", "S0002"): ("first", ""),
        ("2010", "S0003"): ("first", ""),
        ("2010", "S0004"): ("first", ""),
        ("2010", "S0005"): ("first", ""),
        ("2020", "S0001"): ("merged", "S0001,S0002"),
        ("2020", "S0003"): ("kept", "S0003"),
        ("2020", "S0004"): ("grown", "S0004"),
        ("2020", "S0005"): ("gone", "S0005"),
        ("2030", "S0001"): ("split", "S0001"),
        ("2030", "S0006"): ("split", "S0001"),
        ("2030", "S0003"): ("kept", "S0003"),
        ("2030", "S0004"): ("kept", "S0004"),
        ("2030", "S0007"): ("new", ""),
    }
    gone = rows[rows.status == "gone"].iloc[0]
    assert (gone.area_m2, gone.n_px, gone.geometry.area) == (0, 0, 400)
    growth = read(result, "growth").set_index("id_after")
    assert growth.id_before.fillna("").to_dict() == {
        "S0001": "S0001",
        "S0004": "S0004",
        "S0007": "",
    }
    loss = read(result, "loss")
    assert dict(zip(loss.id_before, loss.id_after.fillna(""), strict=True)) == {
        "S0005": "",
        "S0001": "S0001",
    }


def test_the_class_to_follow(tmp_path):
    table = ClassTable.named(["background", "roads", "forest"])
    paths = [
        write_classes(tmp_path / f"20{n}0-01-01.tif", blown(n), f"20{n}0-01-01", table=table)
        for n in (1, 2)
    ]
    with pytest.raises(ClassTableError, match="--slum-class"):
        change(paths, out=tmp_path / "c.gpkg")
    options = ChangeOptions(slum_class="forest")
    assert check_sums(change(paths, out=tmp_path / "c.gpkg", options=options))["class"] == "forest"
    odd = ClassTable.named(["background", "slum", "forest"])
    other = write_classes(tmp_path / "2030-01-01.tif", blown(3), "2030-01-01", table=odd)
    with pytest.raises(ClassTableError, match="The value 1 means 'roads' in"):
        change([paths[0], other], out=tmp_path / "d.gpkg")


def test_what_is_refused(tmp_path):
    one = write_classes(tmp_path / "one.tif", blown(1), "2010-01-01")
    two = write_classes(tmp_path / "two.tif", blown(2), "2020-01-01")
    far = write_classes(
        tmp_path / "far.tif", blown(2), "2020-01-01", make_grid(48, 48, cell=1.0, left=290_000)
    )
    empty = write_classes(tmp_path / "empty.tif", np.full((48, 48), N), "2020-01-01")
    layer = write_layer(tmp_path / "slums.gpkg", squares((0, 0, 9, 9)))
    undated = write_raster(
        tmp_path / "undated.tif", np.zeros((1, 48, 48), np.uint8), make_grid(48, 48, cell=1.0)
    )
    nowhere = write_raster(
        tmp_path / "nowhere_2020-01-01.tif",
        np.zeros((1, 48, 48), np.uint8),
        Grid(UTM43, Affine(1, 0, 0, 0, -1, 0), (48, 48)),
        crs=None,
    )
    imagery = write_raster(
        tmp_path / "scene_2020-01-01.tif",
        np.zeros((3, 48, 48), np.uint8),
        make_grid(48, 48, cell=1.0),
    )
    out = tmp_path / "change.gpkg"
    for inputs, error, words in (
        ([one], InputError, "1 date was given"),
        ([one, one], InputError, "both show 2010-01-01"),
        ([two, one], InputError, "from the oldest to the newest"),
        ([one, far], NoOverlapError, "do not all show one place"),
        ([one, empty], NoOverlapError, "no ground in common"),
        ([one, layer], InputError, "compare like with like"),
        ([one, undated], InputError, "--date"),
        ([one, nowhere], MissingCRSError, "no coordinate reference system"),
        ([one, imagery], ClassTableError, "not the imagery"),
        ([one, tmp_path / "missing.tif"], InputError, "does not exist"),
    ):
        with pytest.raises(error, match=words):
            change(inputs, out=out)
    with pytest.raises(InputError, match="3 dates were given for 2"):
        change([one, two], out=out, options=ChangeOptions(dates=(DAY(2000, 1, 1),) * 3))
    with pytest.raises(InputError, match="is no GeoPackage"):
        change([one, two], out=tmp_path / "change.shp")
    for name in ("tolerance_m", "min_area_m2", "grown_share", "grown_m2"):
        with pytest.raises(InputError, match=name):
            ChangeOptions(**{name: -1.0})
    with pytest.raises(InputError, match="--estimate-shift"):
        ChangeOptions(imagery=(imagery,))
    assert not out.exists()
    assert not list(tmp_path.glob(".*"))


def test_nothing_is_replaced_unasked(tmp_path):
    one = write_classes(tmp_path / "one.tif", blown(1), "2010-01-01")
    two = write_classes(tmp_path / "two.tif", blown(2), "2020-01-01")
    result = change([one, two], out=tmp_path / "change.gpkg")
    for path in (result.out, result.report, *result.rasters):
        kept = path.rename(tmp_path / "kept")
        for other in {result.out, result.report, *result.rasters} - {path}:
            other.unlink(missing_ok=True)
        kept.rename(path)
        with pytest.raises(OutputExistsError):
            change([one, two], out=tmp_path / "change.gpkg")
        result = change([one, two], out=tmp_path / "change.gpkg", overwrite=True)


def test_the_same_map_twice_has_not_changed(tmp_path):
    one = write_classes(tmp_path / "one.tif", blown(1), "2010-01-01")
    options = ChangeOptions(dates=(DAY(2010, 1, 1), DAY(2020, 1, 1)))
    result = change([one, one], out=tmp_path / "change.gpkg", options=options)
    (pair,) = check_sums(result)["pairs"]
    assert (pair["growth_m2"], pair["loss_m2"]) == (0, 0)
    assert set(read(result, "settlements").status) == {"first", "kept"}
    assert len(read(result, "growth")) == 0


def test_no_slum_at_all(tmp_path):
    paths = [
        write_classes(tmp_path / f"20{n}0-01-01.tif", np.zeros((9, 9)), f"20{n}0-01-01")
        for n in (1, 2)
    ]
    result = change(paths, out=tmp_path / "change.gpkg", options=ChangeOptions(tolerance_m=2))
    (pair,) = check_sums(result)["pairs"]
    assert pair["after_m2"] == 0


def test_the_shift_between_images_is_told_and_not_applied(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    grid = make_grid(300, 300, cell=0.5)
    image = picture(5, 300)
    scenes, maps = [], []
    for year, shift in ((2010, (0, 0)), (2020, (2.4, -1.6))):
        pixels = moved(image, shift)
        pixels = (128 + 100 * pixels / np.abs(pixels).max()).astype(np.uint8)
        scenes.append(write_raster(tmp_path / f"scene_{year}-01-01.tif", pixels[None], grid))
        values = (image > 0.02).astype(np.uint8)
        maps.append(write_classes(tmp_path / f"map_{year}.tif", values, f"{year}-01-01", grid))
    options = ChangeOptions(estimate_shift=True, imagery=tuple(scenes))
    (pair,) = report_of(change(maps, out=tmp_path / "a.gpkg", options=options))["pairs"]
    assert pair["shift_m"] == pytest.approx([-0.8, -1.2], abs=0.1)
    assert pair["shift_score"] > 0.3
    assert (pair["growth_m2"], pair["loss_m2"]) == (0, 0)
    assert "Absorb it (--tolerance 1.5)" in caplog.text
    # Without imagery the maps themselves are measured, and that is said.
    (pair,) = report_of(
        change(maps, out=tmp_path / "b.gpkg", options=ChangeOptions(estimate_shift=True))
    )["pairs"]
    assert pair["shift_m"] == pytest.approx([0, 0], abs=0.05)
    assert "measured on the maps" in caplog.text
    with pytest.raises(InputError, match="1 scenes were given for 2 dates"):
        change(
            maps,
            out=tmp_path / "c.gpkg",
            options=ChangeOptions(estimate_shift=True, imagery=tuple(scenes[:1])),
        )


def test_imagery_that_the_maps_name_is_found_beside_them(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    grid = make_grid(80, 80, cell=1.0)
    paths = []
    for year in (2010, 2020):
        pixels = (picture(1, 80) * 40 + 100).astype(np.uint8)[None]
        scene = write_raster(tmp_path / f"scene_{year}.tif", pixels, grid)
        tags = {"ACQUISITION_DATE": f"{year}-01-01", "GEOCITY_SOURCE": scene.name}
        path = tmp_path / f"map_{year}.tif"
        with create_class_raster(path, grid, TABLE, tags=tags) as sink:
            sink.write(np.zeros(grid.shape, np.uint8), grid.window)
        paths.append(path)
    change(paths, out=tmp_path / "c.gpkg", options=ChangeOptions(estimate_shift=True))
    assert "By the imagery the later date lies" in caplog.text


def test_outlines_add_up_in_any_crs(tmp_path, caplog):
    first = write_layer(tmp_path / "a.gpkg", squares((0, 0, 100, 100), (300, 0, 340, 40)))
    second = squares((0, 0, 100, 120), (90, 0, 110, 50), (500, 0, 540, 40)).to_crs(4326)
    second = write_layer(tmp_path / "b.gpkg", second)
    third = write_layer(tmp_path / "c.fgb", squares((0, 0, 100, 50), (0, 60, 100, 120)))
    days = tuple(DAY(year, 1, 1) for year in (2000, 2010, 2020))
    result = change(
        [first, second, third], out=tmp_path / "change.gpkg", options=ChangeOptions(dates=days)
    )
    report = check_sums(result)
    one, two = report["pairs"]
    scale = one["before_m2"] / 11_600  # UTM is not true to area
    assert one["growth_m2"] == pytest.approx((2000 + 500 + 1600) * scale, abs=1)
    assert one["loss_m2"] == pytest.approx(1600 * scale, abs=1)
    assert two["loss_m2"] == pytest.approx((1000 + 500 + 1600) * scale, abs=1)
    rows = read(result, "settlements")
    assert rows.crs == UTM43
    assert "n_px" not in rows.columns
    told = sorted(zip(rows.date.dt.year, rows.settle_id, rows.status, strict=True))
    assert told == [
        (2000, "S0001", "first"),
        (2000, "S0002", "first"),
        (2010, "S0001", "grown"),
        (2010, "S0002", "gone"),
        (2010, "S0003", "new"),
        (2020, "S0001", "split"),
        (2020, "S0003", "gone"),
        (2020, "S0004", "split"),
    ]
    assert "rectangle around all outlines" in caplog.text
    growth = read(result, "growth")
    assert set(growth.id_before.dropna()) == {"S0001"}


def test_outlines_within_the_imaged_area(tmp_path, caplog):
    first = write_layer(tmp_path / "a_2000-01-01.gpkg", squares((0, 0, 100, 100)))
    second = write_layer(tmp_path / "b_2010-01-01.gpkg", squares((0, 0, 100, 200)))
    area = write_layer(tmp_path / "area.gpkg", squares((-100, -100, 200, 150)))
    result = change([first, second], out=tmp_path / "c.gpkg", options=ChangeOptions(area=area))
    (pair,) = check_sums(result)["pairs"]
    assert pair["growth_m2"] == pytest.approx(5000, rel=2e-3)
    assert pair["common_area_m2"] == pytest.approx(75_000, rel=2e-3)
    assert not caplog.text
    apart = write_layer(tmp_path / "apart.gpkg", squares((900, 0, 950, 50)))
    with pytest.raises(NoOverlapError, match="no outline in"):
        change([first, second], out=tmp_path / "d.gpkg", options=ChangeOptions(area=apart))


def test_outlines_that_are_apart_empty_invalid_or_nowhere(tmp_path, caplog):
    here = write_layer(tmp_path / "here_2000-01-01.gpkg", squares((0, 0, 100, 100)))
    apart = write_layer(tmp_path / "apart_2010-01-01.gpkg", squares((900, 0, 950, 50)))
    with pytest.raises(NoOverlapError, match="lie apart"):
        change([here, apart], out=tmp_path / "c.gpkg")
    none = write_layer(
        tmp_path / "none_2010-01-01.gpkg", squares((0, 0, 1, 1)).iloc[:0].set_crs(UTM43)
    )
    (pair,) = check_sums(change([here, none], out=tmp_path / "gone.gpkg"))["pairs"]
    assert (pair["after_m2"], pair["growth_m2"]) == (0, 0)
    assert "there was no slum on 2010-01-01" in caplog.text
    before = ChangeOptions(dates=(DAY(1990, 1, 1), DAY(2000, 1, 1)))
    (pair,) = check_sums(change([none, here], out=tmp_path / "new.gpkg", options=before))["pairs"]
    assert pair["before_m2"] == 0
    with pytest.raises(InputError, match="No layer has an outline"):
        change([none, none], out=tmp_path / "c.gpkg", options=before)
    bow = shapely.Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    frame = geopandas.GeoDataFrame(
        geometry=[shapely.affinity.translate(bow, 300_000, 2_100_000)], crs=UTM43
    )
    crossing = write_layer(tmp_path / "bow_2010-01-01.gpkg", frame)
    (pair,) = check_sums(change([here, crossing], out=tmp_path / "bow.gpkg"))["pairs"]
    assert pair["after_m2"] == pytest.approx(5000, rel=2e-3)
    nowhere = squares((0, 0, 9, 9))
    nowhere = nowhere.set_crs(None, allow_override=True)
    pyogrio.write_dataframe(nowhere, tmp_path / "nowhere_2010-01-01.geojson", driver="FlatGeobuf")
    with pytest.raises(MissingCRSError):
        change([here, tmp_path / "nowhere_2010-01-01.geojson"], out=tmp_path / "c.gpkg")


def test_layers_of_one_file_and_dates_in_a_field(tmp_path):
    path = tmp_path / "slums.gpkg"
    for year, side in ((2015, 100), (2025, 120)):
        frame = squares((0, 0, 100, side), date=[DAY(year, 2, 3)])
        write_layer(path, frame, f"slums_{year}")
    named = [f"{path}|layername=slums_{year}" for year in (2015, 2025)]
    first = change(named, out=tmp_path / "a.gpkg")
    second = change(
        [path], out=tmp_path / "b.gpkg", options=ChangeOptions(layers=("slums_2015", "slums_2025"))
    )
    third = change(
        [path, path],
        out=tmp_path / "c.gpkg",
        options=ChangeOptions(layers=("slums_2015", "slums_2025")),
    )
    for result in (first, second, third):
        assert report_of(result)["dates"] == ["2015-02-03", "2025-02-03"]
    with pytest.raises(InputError, match="has several layers"):
        change([path, path], out=tmp_path / "d.gpkg")
    with pytest.raises(InputError, match="3 layers were named for 2 files"):
        change([path, path], out=tmp_path / "d.gpkg", options=ChangeOptions(layers=("a", "b", "c")))
    both = squares((0, 0, 9, 9), (20, 0, 29, 9), date=[DAY(2015, 1, 1), DAY(2016, 1, 1)])
    mixed = write_layer(tmp_path / "mixed.gpkg", both)
    with pytest.raises(InputError, match="holds several dates"):
        change([mixed, mixed], out=tmp_path / "d.gpkg")


def test_classes_of_outlines(tmp_path):
    def land(path, slum_side):
        boxes = ((0, 0, 100, slum_side), (200, 0, 300, 100))
        return write_layer(tmp_path / path, squares(*boxes, **{"class": ["Slum", "park"]}))

    maps = [land("a_2000-01-01.gpkg", 100), land("b_2010-01-01.gpkg", 120)]
    result = change(maps, out=tmp_path / "c.gpkg")
    report = check_sums(result)
    assert report["class"] == "Slum"
    assert report["pairs"][0]["growth_m2"] == pytest.approx(2000, rel=2e-3)
    assert {m["from_class"] for m in report["pairs"][0]["matrix"]} == {"background", "Slum", "park"}


def test_a_year_in_a_name_is_taken_and_said(tmp_path, caplog):
    maps = [write_layer(tmp_path / f"slums_{y}.gpkg", squares((0, 0, 9, 9))) for y in (2015, 2025)]
    report = report_of(change(maps, out=tmp_path / "c.gpkg"))
    assert report["dates"] == ["2015-01-01", "2025-01-01"]
    assert "says a year and no day" in caplog.text


def test_scenes_are_classified_by_one_model(tmp_path, monkeypatch):
    def classify(scene, *, out, **more):
        with rasterio.open(scene) as source:
            values = (source.read(1) > 100).astype(np.uint8)
            date = source.tags()["TIFFTAG_DATETIME"][:10].replace(":", "-")
        return write_classes(out, values, date, make_grid(*values.shape, cell=1.0))

    monkeypatch.setattr("geocity.tools.change_scenes.classify", classify)
    model = write_toy_model(tmp_path / "m.geocity")
    scenes = []
    for year, side in ((2015, 20), (2025, 30)):
        pixels = np.zeros((3, 64, 64), np.uint8)
        pixels[:, 5:40, 5 : 5 + side] = 200
        tags = {"TIFFTAG_DATETIME": f"{year}:02:14 05:41:00"}
        scenes.append(
            write_raster(tmp_path / f"s{year}.tif", pixels, make_grid(64, 64, cell=1.0), tags=tags)
        )
    how = ChangeOptions(estimate_shift=True)
    report = check_sums(change(scenes, out=tmp_path / "c.gpkg", model=model, options=how))
    assert report["pairs"][0]["growth_m2"] == pytest.approx(350, rel=5e-3)
    assert report["pairs"][0]["shift_m"] is not None
    layer = write_layer(tmp_path / "l_2000-01-01.gpkg", squares((0, 0, 9, 9)))
    with pytest.raises(InputError, match="A model classifies scenes"):
        change(
            [layer, layer],
            out=tmp_path / "d.gpkg",
            model=model,
            options=ChangeOptions(dates=(DAY(2000, 1, 1), DAY(2001, 1, 1))),
        )


def test_the_geopackage_carries_styles_and_provenance(tmp_path):
    paths = [
        write_classes(tmp_path / f"20{n}0-01-01.tif", blown(n), f"20{n}0-01-01") for n in (1, 2)
    ]
    result = change(paths, out=tmp_path / "change.gpkg")
    assert list(pyogrio.list_layers(result.out)[:, 0])[:6] == [*LAYERS, "matrix"]
    looks = read_styles(result.out)
    assert set(looks) == set(LAYERS)
    assert "#d7191c" in looks["growth"] or "215,25,28" in looks["growth"]
    for status in ("merged", "split", "gone"):
        assert f'value="{status}"' in looks["settlements"]
    for layer in LAYERS:
        about = pyogrio.read_info(result.out, layer=layer)
        assert "change: 2010-01-01.tif (2010-01-01)" in str(about["layer_metadata"])


def test_command(tmp_path):
    maps = [
        write_layer(tmp_path / f"{n}.gpkg", squares((0, 0, 9 + i, 9))) for i, n in enumerate("ab")
    ]
    out = tmp_path / "change.gpkg"
    typed = ["change", *map(str, maps), "-o", str(out), "--progress", "none"]
    dates = ["--date", "2015-02-14", "--date", "2025-01-20"]
    run = CliRunner().invoke(main, [*typed, *dates, "--tolerance", "2"])
    assert run.exit_code == 0, run.output
    assert str(out) in run.output
    report = json.loads(out.with_suffix(".json").read_text())
    assert report["tolerance_m"] == 2
    assert report["pairs"][0]["growth_m2"] == 0
    run = CliRunner().invoke(main, [*typed, "--date", "2015"])
    assert run.exit_code == 2
    run = CliRunner().invoke(main, typed)
    assert run.exit_code == 1
    assert "already there" in run.output


def test_every_pair_of_dates_is_consecutive(tmp_path):
    paths = [
        write_classes(tmp_path / f"20{n}0-01-01.tif", blown(n), f"20{n}0-01-01")
        for n in (1, 2, 3, 4)
    ]
    report = report_of(change(paths, out=tmp_path / "change.gpkg"))
    spans = [(pair["from_date"], pair["to_date"]) for pair in report["pairs"]]
    assert spans == list(itertools.pairwise(report["dates"]))
