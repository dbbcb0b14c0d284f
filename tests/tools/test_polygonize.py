"""From a class raster on disk to a layer on disk, read back by pyogrio and ogrinfo."""

import datetime
import json
import logging
import shutil
import subprocess

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from affine import Affine
from click.testing import CliRunner
from rasterio.features import rasterize

from geocity.cli.polygonize import command
from geocity.core.classes import ClassTable
from geocity.core.grid import Grid
from geocity.errors import (
    ClassTableError,
    GeocityError,
    GridMismatchError,
    InputError,
    OutputExistsError,
)
from geocity.io.class_raster_sinks import create_class_raster, create_probability_raster
from geocity.tools.polygonize import PolygonOptions, polygonize
from tests.conftest import make_grid

TABLE = ClassTable.named(["background", "slum", "water"])
DAY = datetime.date(2025, 3, 1)
SUFFIXES = [".gpkg", ".shp", ".geojson", ".fgb", ".parquet"]


def blobs(rows=90, cols=70, seed=4):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 3, (rows // 5, cols // 5))
    values = np.kron(coarse, np.ones((5, 5))).astype(np.uint8)
    values[rng.random(values.shape) < 0.03] = 255
    return values


def class_raster(folder, values, grid=None, table=TABLE, **tags):
    path = folder / "classes.tif"
    grid = grid or make_grid(*values.shape)
    with create_class_raster(path, grid, table, overwrite=True, tags=tags) as sink:
        sink.write(values, grid.window)
    return path


def read(path):
    if path.suffix == ".parquet":
        import geopandas

        return geopandas.read_parquet(path)
    return pyogrio.read_dataframe(path, layer=0)


@pytest.fixture
def values():
    return blobs()


@pytest.fixture
def classes(tmp_path, values):
    return class_raster(
        tmp_path, values, GEOCITY_SOURCE="scene.tif", GEOCITY_MODEL="m.geocity", ACQUISITION_DATE=""
    )


def test_burning_the_layer_gives_the_raster(classes, values, tmp_path):
    layer = read(polygonize(classes, out=tmp_path / "slums.gpkg"))
    shapes = zip(layer.geometry, layer.class_id, strict=True)
    burnt = rasterize(shapes, out_shape=values.shape, transform=make_grid(90, 70).transform)
    np.testing.assert_array_equal(burnt, np.where(values == 255, 0, values))
    assert layer.geometry.is_valid.all()
    assert (layer.geom_type == "Polygon").all()


def test_fields_are_those_promised(classes, values, tmp_path):
    likely = tmp_path / "p.tif"
    grid = make_grid(90, 70)
    with create_probability_raster(likely, grid, ["background", "slum", "water"]) as sink:
        chance = np.random.default_rng(0).random((3, 90, 70)).astype(np.float32)
        sink.write(chance, grid.window)
    layer = read(
        polygonize(
            classes,
            out=tmp_path / "slums.gpkg",
            probability=likely,
            options=PolygonOptions(date=DAY),
        )
    )
    assert list(layer.columns) == [
        "slum_id",
        "class_id",
        "class",
        "area_m2",
        "perim_m",
        "prob_mean",
        "prob_p10",
        "n_px",
        "date",
        "source",
        "model",
        "geometry",
    ]
    assert all(len(name) <= 10 for name in layer.columns)
    assert layer.slum_id[0] == "S2025-0001"
    assert layer.slum_id.is_unique
    assert str(layer.class_id.dtype) == str(layer.n_px.dtype) == "int32"
    assert set(layer["class"]) == {"slum", "water"}
    assert set(layer.source) == {"scene.tif"}
    assert set(layer.model) == {"m.geocity"}
    assert layer.n_px.sum() == np.isin(values, (1, 2)).sum()
    assert layer.area_m2.to_numpy() == pytest.approx(layer.n_px * 0.64, rel=2e-3)
    for row in layer.head(10).itertuples():
        inside = rasterize([row.geometry], out_shape=values.shape, transform=grid.transform) == 1
        stored = np.rint(chance[row.class_id][inside] * 254) / 254
        assert row.prob_mean == pytest.approx(stored.mean())
        assert row.prob_p10 == pytest.approx(np.percentile(stored, 10))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("parts", ["single", "multi"])
def test_every_format_reads_back_the_same(classes, values, tmp_path, suffix, parts):
    out = tmp_path / f"slums{suffix}"
    options = PolygonOptions(date=DAY, parts=parts)
    assert polygonize(classes, out=out, options=options) == out
    layer = read(out)
    kind = "MultiPolygon" if parts == "multi" else "Polygon"
    if suffix != ".shp":  # a shapefile knows no difference between the two
        assert set(layer.geom_type) == {kind}
    assert layer.n_px.sum() == np.isin(values, (1, 2)).sum()
    assert {str(day)[:10] for day in layer.date} == {"2025-03-01"}
    assert layer.crs.to_epsg() == (4326 if suffix == ".geojson" else 32643)
    if suffix != ".parquet":
        info = pyogrio.read_info(out, layer=0)
        types = dict(zip(info["fields"], info["ogr_types"], strict=True))
        assert types["class_id"] == types["n_px"] == "OFTInteger"
        assert types["date"] == ("OFTDateTime" if suffix == ".fgb" else "OFTDate")


@pytest.mark.skipif(not shutil.which("ogrinfo"), reason="needs GDAL's command line")
@pytest.mark.parametrize("suffix", SUFFIXES[:4])
def test_gdal_reads_it_without_a_word_of_complaint(classes, tmp_path, suffix):
    out = polygonize(classes, out=tmp_path / f"slums{suffix}", options=PolygonOptions(date=DAY))
    told = subprocess.run(
        ["ogrinfo", "-ro", "-so", "-al", out], capture_output=True, text=True, check=True
    )
    assert "Warning" not in told.stderr + told.stdout
    assert "ERROR" not in told.stderr + told.stdout
    assert "date: Date" in told.stdout


def test_a_geopackage_carries_its_style_and_story(classes, tmp_path):
    out = polygonize(classes, out=tmp_path / "slums.gpkg")
    assert "layer_styles" in pyogrio.list_layers(out)[:, 0]
    style = pyogrio.read_dataframe(out, layer="layer_styles")
    assert "class_id" in style.styleQML[0]
    assert not list(tmp_path.glob("slums.qml"))
    assert (
        "ellipsoid of WGS 84"
        in pyogrio.read_info(out, layer="slums")["layer_metadata"]["DESCRIPTION"]
    )


def test_other_formats_have_their_style_beside_them(classes, tmp_path):
    polygonize(classes, out=tmp_path / "slums.shp")
    names = {path.name for path in tmp_path.iterdir() if path.stem == "slums"}
    assert names == {f"slums{s}" for s in (".shp", ".shx", ".dbf", ".prj", ".cpg", ".qml")}


def test_strips_and_reads_leave_no_trace(classes, tmp_path, monkeypatch):
    whole = read(polygonize(classes, out=tmp_path / "whole.gpkg"))
    monkeypatch.setattr("geocity.io.class_strips._STRIP_PIXELS", 70 * 7)
    parts = read(polygonize(classes, out=tmp_path / "parts.gpkg"))
    assert whole.drop(columns="geometry").equals(parts.drop(columns="geometry"))
    assert (whole.geometry.to_wkb() == parts.geometry.to_wkb()).all()


def test_simplified_layers_share_their_borders(tmp_path):
    table = ClassTable.named(["a", "b", "c"])
    rows, cols = np.mgrid[:80, :80]
    values = ((np.hypot(rows - 30, cols - 40) < 25) + (cols > 45)).astype(np.uint8)
    path = class_raster(tmp_path, values, table=table)
    options = PolygonOptions(classes=(0, 1, 2), simplify_m=1.5)
    layer = read(polygonize(path, out=tmp_path / "s.gpkg", options=options))
    exact = read(
        polygonize(path, out=tmp_path / "e.gpkg", options=PolygonOptions(classes=(0, 1, 2)))
    )
    assert shapely.coverage_is_valid(layer.geometry.to_numpy())
    assert layer.geometry.count_coordinates().sum() < exact.geometry.count_coordinates().sum() / 2
    assert layer.area_m2.sum() == pytest.approx(exact.area_m2.sum(), rel=0.01)
    assert layer.n_px.tolist() == exact.n_px.tolist()


def test_multi_parts_sum_up_their_polygons(classes, values, tmp_path):
    likely = tmp_path / "p.tif"
    grid = make_grid(90, 70)
    chance = np.random.default_rng(1).random((1, 90, 70)).astype(np.float32)
    with create_probability_raster(likely, grid, ["slum"]) as sink:
        sink.write(chance, grid.window)
    options = PolygonOptions(classes=(1,), parts="multi")
    layer = read(polygonize(classes, out=tmp_path / "m.gpkg", options=options, probability=likely))
    (row,) = layer.itertuples()
    stored = np.rint(chance[0][values == 1] * 254) / 254
    assert row.n_px == (values == 1).sum()
    assert row.prob_mean == pytest.approx(stored.mean())
    assert row.prob_p10 == pytest.approx(np.percentile(stored, 10))


def test_large_polygons_are_cut_and_small_ones_dropped(classes, values, tmp_path):
    options = PolygonOptions(max_vertices=12, min_area_m2=20 * 0.64)
    layer = read(polygonize(classes, out=tmp_path / "cut.gpkg", options=options))
    rings = layer.geometry.count_interior_rings() + 1
    assert (layer.geometry.count_coordinates() - rings <= 12).all()
    exact = read(polygonize(classes, out=tmp_path / "exact.gpkg"))
    assert layer.n_px.sum() == exact.n_px[exact.area_m2 >= 20 * 0.64 * (1 - 1e-6)].sum()


def test_areas_in_degrees_and_in_web_mercator_are_true(tmp_path):
    values = np.ones((40, 40), np.uint8)
    areas = []
    for crs, transform in (
        ("EPSG:4326", Affine(1e-5, 0, 72.8, 0, -1e-5, 19.1)),
        ("EPSG:3857", Affine(1.1131949, 0, 8104059, 0, -1.1131949, 2165100)),
    ):
        path = class_raster(tmp_path, values, Grid(pyproj.CRS(crs), transform, (40, 40)))
        areas.append(read(polygonize(path, out=tmp_path / "a.gpkg", overwrite=True)).area_m2[0])
    assert areas[0] == pytest.approx(1600 * 1.0521 * 1.1070, rel=1e-3)
    assert areas[1] < 1600 * 1.1131949**2 * 0.9


def test_no_pixels_of_the_class_give_an_empty_layer(tmp_path, caplog):
    path = class_raster(tmp_path, np.zeros((8, 8), np.uint8))
    with caplog.at_level(logging.WARNING):
        out = polygonize(path, out=tmp_path / "none.gpkg")
    assert len(read(out)) == 0
    assert "empty" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (PolygonOptions(classes=(7,)), "no class 7"),
        (PolygonOptions(max_vertices=3), "4 or more"),
        (PolygonOptions(max_vertices=9, parts="multi"), "only one of the two"),
        (PolygonOptions(simplify_m=-1), "negative"),
        (PolygonOptions(min_area_m2=-1), "negative"),
    ],
)
def test_refuses_options_that_make_no_sense(classes, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        polygonize(classes, out=tmp_path / "x.gpkg", options=options)
    assert not list(tmp_path.glob("*x.gpkg"))


def test_refuses_inputs_that_do_not_fit(classes, tmp_path):
    with pytest.raises(InputError, match="vector format"):
        polygonize(classes, out=tmp_path / "x.tif")
    with pytest.raises(InputError, match="does not exist"):
        polygonize(tmp_path / "no.tif", out=tmp_path / "x.gpkg")
    (tmp_path / "x.gpkg").touch()
    with pytest.raises(OutputExistsError):
        polygonize(classes, out=tmp_path / "x.gpkg")
    other = tmp_path / "p.tif"
    grid = make_grid(91, 70)
    with create_probability_raster(other, grid, ["slum"]) as sink:
        sink.write(np.zeros((1, 91, 70), np.float32), grid.window)
    with pytest.raises(GridMismatchError, match="pixels of"):
        polygonize(classes, out=tmp_path / "y.gpkg", probability=other)
    grid = make_grid(90, 70)
    with create_probability_raster(other, grid, ["slum"], overwrite=True) as sink:
        sink.write(np.zeros((1, 90, 70), np.float32), grid.window)
    with pytest.raises(ClassTableError, match="no band for the class 'water'"):
        polygonize(classes, out=tmp_path / "y.gpkg", probability=other)


def test_an_error_on_the_way_leaves_nothing_behind(classes, tmp_path, monkeypatch):
    def fail(*args):
        raise GeocityError("the disk caught fire")

    monkeypatch.setattr("geocity.tools.polygon_bands.on_map", fail)
    with pytest.raises(GeocityError, match="caught fire"):
        polygonize(classes, out=tmp_path / "x.gpkg")
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith("classes")]


def test_command(classes, tmp_path):
    out = tmp_path / "slums.gpkg"
    arguments = [str(classes), "-o", str(out), "--classes", "1", "--date", "2025-03-01"]
    result = CliRunner().invoke(command, [*arguments, "--progress", "json", "--simplify", "1"])
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert {event["event"] for event in events} >= {"progress", "result"}
    assert set(read(out)["class"]) == {"slum"}
    again = CliRunner().invoke(command, arguments)
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr
    assert CliRunner().invoke(command, [*arguments, "--classes", "one"]).exit_code == 2
