"""Explaining cities, start to end, with a network whose reasons are known."""

import csv
import json
from dataclasses import replace

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import timm
import torch
from click.testing import CliRunner

from geocity.cli.city.explain import command
from geocity.errors import (
    GeocityError,
    InputError,
    ModelError,
    NoOverlapError,
    OutputExistsError,
)
from geocity.io.cities.explanations import EXPLAIN_JSON
from geocity.io.cities.manifest import read_city_folder
from geocity.io.cities.packages import write_city_package
from geocity.models.cities import cams, inference
from geocity.models.networks import network_weights
from geocity.tools.city.city_parts import read_part
from geocity.tools.city.explain import explain
from geocity.tools.city.explain_options import METHODS, ExplainOptions
from geocity.tools.city.explain_patches import draw_patches
from tests.glyph_cities import (
    IMAGE,
    SIDE,
    glyph_model,
    image_grid,
    square_places,
    write_glyph_folder,
    write_ground,
    write_image,
)

FEW = {"patches": 3, "measured": 2, "steps": 4}


@pytest.fixture(scope="module")
def cities(tmp_path_factory):
    return write_glyph_folder(tmp_path_factory.mktemp("glyphs"))


@pytest.fixture(autouse=True)
def known_model(monkeypatch):
    """Whatever file is named, the network built by hand comes."""
    model = glyph_model()
    monkeypatch.setattr(inference, "load_city_model", lambda path, device: model)
    return model


def rows_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ground")
    return tuple(write_ground(folder / f"{seed}.tif", seed) for seed in range(4))


def test_a_city_folder_is_explained(cities, ground, tmp_path):
    heard = []
    result = explain(
        "model.geocity",
        cities,
        out=tmp_path / "out",
        options=ExplainOptions(classes=ground, **FEW),
        progress=lambda done, total, stage: heard.append((stage, done, total)),
    )
    out = result.folder
    for name in ("index.html", "contact_sheet.png", "faithfulness.png", "salience_layer1.png"):
        assert (out / name).stat().st_size > 500, name
    assert sorted(p.name for p in (out / "cities").iterdir()) == ["01_RED.png", "02_GRN.png"]
    assert ("explaining patches", 6, 6) in heard
    assert ("measuring the maps", 2, 2) in heard

    rows = rows_of(out / "patches.csv")
    assert len(rows) == 2 * 3 * 4
    assert {row["right"] for row in rows} == {"True"}
    assert {row["layer"] for row in rows} == {"layer1", "layer2", "layer3", "layer4"}
    report = json.loads((out / EXPLAIN_JSON).read_text())
    assert report == json.loads(json.dumps(result.report, default=str))
    assert report["cities"][0] == {"city": "Redville", "patches": 3, "named_rightly": 3}
    assert {row["redraw_passed"] for row in report["faithfulness"]["rows"]} <= {True, False}
    assert "redraw check" in result.table

    salience = {(r["city"], r["layer"], r["class"]): r for r in rows_of(out / "salience.csv")}
    roofs = salience["Redville", "layer1", "roofs"]
    assert float(roofs["relevance_share"]) > 0.9
    assert float(roofs["area_share"]) == pytest.approx(144 / SIDE**2)
    assert float(roofs["lift"]) > 6
    assert "of what says Redville lies on roofs" in result.table

    page = (out / "index.html").read_text()
    assert 'loading="lazy"' in page
    assert "http" not in page.replace('charset="utf-8"', "")
    assert not [name for name in tmp_path.iterdir() if name.name.startswith(".")]


def test_relevance_rasters_lie_on_the_map(cities, tmp_path):
    options = ExplainOptions(patches=2, measured=0, layers=("2", "1"))
    explain("m", cities, out=tmp_path / "out", options=options)
    paths = sorted((tmp_path / "out" / "rasters" / "01_RED").glob("*.tif"))
    assert len(paths) == 2
    for path in paths:
        assert path.with_suffix(".qml").exists()
        seed = int(path.stem.split("RED_")[1][0])
        with rasterio.open(path) as dataset:
            assert dataset.descriptions == ("layer1", "layer2")
            assert dataset.crs.to_epsg() == 32643
            assert np.isnan(dataset.nodata)
            assert dataset.tags()["GEOCITY_CITY"] == "Redville"
            relevance = dataset.read()
            row, col = dataset.index(*(dataset.transform @ (0.5, 0.5)))
            assert (row, col) == (0, 0)
            left, top = ~image_grid(seed).transform @ (dataset.bounds.left, dataset.bounds.top)
        squares = square_places(seed)[
            round(top) : round(top) + SIDE, round(left) : round(left) + SIDE
        ]
        assert relevance.shape == (2, SIDE, SIDE)
        assert (relevance[0][squares] > 0.5).all()
        assert np.abs(relevance[0][~squares]).max() < 0.1


def test_patches_without_georeference_give_no_rasters(tmp_path):
    cities = write_glyph_folder(tmp_path, georeferenced=False)
    result = explain(
        "m", cities, out=tmp_path / "out", options=ExplainOptions(**FEW, layers=("4",))
    )
    assert not (tmp_path / "out" / "rasters").exists()
    assert result.report["relevance_rasters"] == 0
    with pytest.raises(InputError, match="georeferenced"):
        ground = write_ground(tmp_path / "g.tif", 0)
        explain("m", cities, out=tmp_path / "o2", options=ExplainOptions(classes=(ground,)))


def test_methods_are_compared_and_the_seed_decides(cities, tmp_path):
    few = {"patches": 2, "measured": 1, "steps": 2, "layers": ("1", "4")}
    options = ExplainOptions(compare=("grad-cam", "grad-cam++"), seed=5, **few)
    first = explain("m", cities, out=tmp_path / "a", options=options)
    assert (tmp_path / "a" / "cities" / "02_GRN_methods.png").exists()
    rows = first.report["faithfulness"]["rows"]
    assert [(row["method"], row["layer"]) for row in rows[::2]] == [
        ("relevance-cam", "layer1"),
        ("grad-cam", "layer1"),
        ("grad-cam++", "layer1"),
    ]
    second = explain("m", cities, out=tmp_path / "b", options=options)
    assert second.report == first.report
    for name in ("patches.csv", "curves.csv", "contact_sheet.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    folder = read_city_folder(cities)
    part = read_part(folder, glyph_model().contract, "test", 0)
    drawn = [draw_patches(part, 5, seed)[0].tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 5


@pytest.mark.parametrize(("target", "explained"), [("GRN", "Greenton"), ("predicted", "Redville")])
def test_another_city_can_be_explained(cities, tmp_path, target, explained):
    options = ExplainOptions(target=target, patches=1, measured=0, layers=("1",))
    explain("m", cities, out=tmp_path / "out", options=options)
    first = rows_of(tmp_path / "out" / "patches.csv")[0]
    assert (first["answer"], first["explained"]) == ("Redville", explained)


def test_a_whole_image_becomes_one_map(tmp_path, ground):
    path = tmp_path / "town.tif"
    squares = write_image(path, 0, 1)
    options = ExplainOptions(layers=("1", "4"), classes=(ground[1],))
    result = explain("m", images=[path], out=tmp_path / "out", options=options)
    report = result.report["images"][0]
    assert report["explained"] == "Redville"
    assert report["cities"][0]["probability"] > 0.8
    assert (tmp_path / "out" / "images" / "01_town.png").exists()
    with rasterio.open(tmp_path / "out" / report["raster"]) as dataset:
        assert dataset.shape == (IMAGE, IMAGE)
        assert dataset.transform.almost_equals(image_grid(1).transform)
        relevance = dataset.read(1)
    assert np.isfinite(relevance).all()
    assert (relevance[squares] > 0.5).all()
    assert np.abs(relevance[~squares]).max() < 0.1
    roofs = next(r for r in result.report["salience"]["rows"] if r["class"] == "roofs")
    assert roofs["relevance_share"] > 0.9
    assert roofs["area_share"] == pytest.approx(squares.mean())


def test_a_large_image_gives_the_same_map_in_batches_of_any_size(tmp_path):
    path = tmp_path / "town.tif"
    write_image(path, 1, 2)
    maps = []
    for size in (1, 7):
        out = tmp_path / f"out{size}"
        explain("m", images=[path], out=out, options=ExplainOptions(batch_size=size))
        with rasterio.open(out / "images" / "01_town.tif") as dataset:
            maps.append(dataset.read())
    np.testing.assert_allclose(maps[0], maps[1], atol=1e-5)


def test_gaps_stay_gaps(tmp_path):
    path = tmp_path / "town.tif"
    write_image(path, 0, 1)
    with rasterio.open(path, "r+") as dataset:
        dataset.write_mask(np.arange(IMAGE)[None].repeat(IMAGE, 0) < 60)
    options = ExplainOptions(layers=("1",))
    explain("m", images=[path], out=tmp_path / "out", options=options)
    with rasterio.open(tmp_path / "out" / "images" / "01_town.tif") as dataset:
        relevance = dataset.read(1)
    assert np.isnan(relevance[:, 60:]).all()
    assert np.isfinite(relevance[:, :60]).all()
    with rasterio.open(path, "r+") as dataset:
        dataset.write_mask(np.zeros((IMAGE, IMAGE), bool))
    with pytest.raises(InputError, match="covered by data"):
        explain("m", images=[path], out=tmp_path / "o2", options=options)


def test_an_image_without_georeference_gives_a_picture(tmp_path, ground):
    path = tmp_path / "town.png"
    write_image(path, 1, 3, georeferenced=False, driver="PNG")
    result = explain("m", images=[path], out=tmp_path / "out")
    assert result.report["images"][0]["raster"] is None
    assert result.report["images"][0]["explained"] == "Greenton"
    assert list((tmp_path / "out" / "images").iterdir()) == [tmp_path / "out/images/01_town.png"]
    with pytest.raises(InputError, match="not georeferenced"):
        options = ExplainOptions(classes=ground)
        explain("m", images=[path], out=tmp_path / "o2", options=options)
    assert not (tmp_path / "o2").exists()


def test_polygons_tell_the_ground_too(cities, tmp_path):
    west, south, east, north = image_grid(0).bounds
    middle = (west + east) / 2
    frame = geopandas.GeoDataFrame(
        {"kind": ["west half"]}, geometry=[shapely.box(west, south, middle, north)], crs=32643
    ).to_crs(4326)
    frame.to_file(tmp_path / "kinds.gpkg")
    options = ExplainOptions(
        polygons=tmp_path / "kinds.gpkg", class_field="kind", patches=4, measured=0, layers=("1",)
    )
    result = explain("m", cities, out=tmp_path / "out", options=options)
    names = {row["class"] for row in result.report["salience"]["rows"]}
    assert names == {"other ground", "west half"}
    for wrong, says in (({"class_field": "sort"}, "has no field 'sort'"),):
        bad = ExplainOptions(polygons=tmp_path / "kinds.gpkg", **wrong)
        with pytest.raises(InputError, match=says):
            explain("m", cities, out=tmp_path / "o2", options=bad)


def test_a_network_without_rules_is_refused_and_nothing_is_drawn(
    cities, tmp_path, known_model, monkeypatch
):
    network = timm.create_model("convnext_atto", num_classes=2).eval()
    model = inference.CityModel(known_model.contract, network)
    monkeypatch.setattr(inference, "load_city_model", lambda path, device: model)
    with pytest.raises(InputError, match=r"no layer 1; name modules of it .*stages"):
        explain("m", cities, out=tmp_path / "out")
    with pytest.raises(ModelError, match="not conserved") as caught:
        options = ExplainOptions(layers=("stages.1",))
        explain("m", cities, out=tmp_path / "out", options=options)
    assert isinstance(caught.value, GeocityError)
    assert list(tmp_path.iterdir()) == []
    for module in network.modules():
        assert not module._forward_hooks
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"layers": ("5",)}, "1 to 4"),
        ({"layers": ()}, "name one or more"),
        ({"layers": ("layer9",)}, "no layer layer9"),
        ({"target": "Riga"}, "no city 'Riga'"),
        ({"method": "score-cam"}, "choose one of relevance-cam"),
        ({"start": "plain"}, "zero-sum, upstream"),
        ({"patches": 0}, "at least 1"),
        ({"class_field": "kind"}, "--polygons"),
        ({"classes": ("a.tif",), "polygons": "b.gpkg"}, "choose one of the two"),
        ({"split": "val"}, "no val patches"),
        ({"fold": 3}, "no fold 3"),
    ],
)
def test_what_does_not_fit_is_refused(cities, tmp_path, options, says):
    with pytest.raises(InputError, match=says):
        explain("m", cities, out=tmp_path / "out", options=ExplainOptions(**options))
    assert list(tmp_path.iterdir()) == []


def test_inputs_must_be_one_of_two(cities, tmp_path):
    for wrong in ({}, {"cities": cities, "images": ["a.tif"]}):
        with pytest.raises(InputError, match="either a city folder or images"):
            explain("m", out=tmp_path / "out", **wrong)
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputExistsError):
        explain("m", cities, out=tmp_path / "there")


def test_ground_of_another_place_is_refused(cities, tmp_path):
    far = write_ground(tmp_path / "far.tif", 99)
    with pytest.raises(NoOverlapError, match="covers nothing"):
        options = ExplainOptions(classes=(far,), patches=1, measured=0, layers=("1",))
        explain("m", cities, out=tmp_path / "out", options=options)


def test_the_options_know_every_method():
    assert METHODS == cams.METHODS


def test_the_command(cities, tmp_path, monkeypatch):
    monkeypatch.undo()  # a real model file
    torch.manual_seed(0)
    network = timm.create_model("resnet10t", num_classes=2)
    contract = glyph_model().contract
    contract = replace(contract, backbone="resnet10t")
    model = write_city_package(tmp_path / "m.geocity", contract, network_weights(network))
    arguments = [str(model), str(cities), "-o", str(tmp_path / "out"), "--patches", "1"]
    arguments += ["--measure", "1", "--layers", "2,4", "--start", "upstream", "--steps", "2"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert "redraw check" in result.output
    assert result.output.strip().endswith("out")
    again = CliRunner().invoke(command, arguments)
    assert again.exit_code == 1
    assert "already there" in again.output
