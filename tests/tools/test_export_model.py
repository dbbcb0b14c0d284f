"""What is exported opens elsewhere and says there what geocity says."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import onnx
import pystac
import pytest
import rasterio
from click.testing import CliRunner
from pystac.extensions.mlm import MLMExtension
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from rasterio.enums import ColorInterp
from stac_model.schema import MLModelProperties

from geocity.cli.export_model import command
from geocity.core.classes import ClassTable, LandClass
from geocity.core.model_contract import ModelContract
from geocity.errors import InputError, MissingDependencyError, ModelError, OutputExistsError
from geocity.io.cities.packages import write_city_package
from geocity.io.model_packages import read_model, write_model
from geocity.models import onnx_export, openvino_conversion
from geocity.tools.classify import ClassifyOptions, classify
from geocity.tools.export_model import export_model
from tests.conftest import make_grid, write_raster
from tests.core.cities.test_contract import CONTRACT as CITY
from tests.tools.other_clients import (
    deepness_metadata_of,
    raster_function,
    run_as_arcgis,
    run_as_deepness,
    unpack,
)

TILE, PADDING = 128, 32
CLASSES = ClassTable(
    (
        LandClass(0, "background", (226, 226, 220)),
        LandClass(1, "slum", (230, 0, 77)),
        LandClass(4, "open water", (0, 90, 200)),
    )
)
FOOTPRINT = {
    "type": "MultiPolygon",
    "coordinates": [[[[72.8, 19.0], [72.9, 19.0], [72.9, 19.1], [72.8, 19.0]]]],
}
RGB = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small real network with weights that make lively maps."""
    import torch

    from geocity.models.networks import make_network, network_weights

    folder = tmp_path_factory.mktemp("export")
    torch.manual_seed(3)
    network = make_network("unet", "compact", bands=3, classes=3)
    for name, weight in network.named_parameters():
        if name.endswith("weight") and weight.ndim == 4:
            weight.data *= 2
    # It sees no farther than the padding, so that tiles may stand wherever a program puts them.
    network.decoder[0][4].weight.data *= 0
    contract = ModelContract(
        architecture="unet",
        encoder="compact",
        bands=("Red", "Green", "Blue"),
        dtype="uint16",
        value_range=(0, 4000),
        cell_size_m=0.8,
        classes=CLASSES,
        scale=65535.0,
        mean=(0.03, 0.031, 0.032),
        std=(0.01, 0.011, 0.012),
        tile_size=TILE,
        padding=PADDING,
        temperature=0.7,
        footprint=FOOTPRINT,
        options={"weights": "none"},
        versions={"geocity": "0.1.0", "torch": "2.15.0"},
    )
    path = write_model(folder / "Söme slums.geocity", contract, network_weights(network))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr(openvino_conversion, "_convert_in_child", openvino_conversion.convert)
        yield path


@pytest.fixture(scope="module")
def network(model):
    return export_model(model, to="onnx", out=model.parent / "slums.onnx")


@pytest.fixture(scope="module")
def scene(model):
    """Blocks of colour with noise, 16 bit, with a hole and an edge that no tile ends at."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(800, 3200, (3, 17, 21))
    pixels = np.kron(coarse, np.ones((1, 20, 20), int))[:, :333, :417]
    pixels = (pixels + rng.integers(-200, 200, pixels.shape)).astype(np.uint16)
    pixels[:, 90:150, 200:240] = 0
    options = {"nodata": 0, "colorinterp": RGB}
    path = write_raster(model.parent / "scene.tif", pixels, make_grid(333, 417), **options)
    return path, pixels


@pytest.fixture(scope="module")
def own_classes(model, scene):
    """What geocity says, blended and cut."""
    answers = {}
    for blend in (True, False):
        out = model.parent / f"classes_{blend}.tif"
        classify(scene[0], model=model, out=out, options=ClassifyOptions(blend=blend))
        with rasterio.open(out) as raster:
            answers[blend] = raster.read(1)
    return answers


def agreement(found, expected):
    valid = expected != 255
    return (found == expected)[valid].mean()


def test_the_map_is_lively(own_classes):
    shares = [np.mean(own_classes[True] == value) for value in (0, 1, 4)]
    assert min(shares) > 0.02, shares


def test_one_file_that_old_readers_open(network):
    held = onnx.load(network, load_external_data=False)
    assert held.ir_version == 8
    assert [(o.domain, o.version) for o in held.opset_import] == [("", 18)]
    onnx.checker.check_model(held, full_check=True)
    assert not any(t.external_data for t in held.graph.initializer)
    (image,), (answer,) = held.graph.input, held.graph.output
    assert [d.dim_value for d in image.type.tensor_type.shape.dim] == [1, 3, TILE, TILE]
    assert [d.dim_value for d in answer.type.tensor_type.shape.dim] == [1, 3, TILE, TILE]
    assert sorted(p.name for p in network.parent.glob("slums.onnx*")) == ["slums.onnx"]


def test_nothing_tells_of_the_machine(network):
    content = network.read_bytes()
    assert b".py" not in content
    assert b"site-packages" not in content


def test_every_key_that_deepness_reads(network):
    told = deepness_metadata_of(network)
    assert told["model_type"] == "Segmentor"
    assert told["class_names"] == {"0": "background", "1": "slum", "2": "open water"}
    assert told["resolution"] == 80
    assert told["tile_size"] == told["tiles_size"] == TILE
    assert told["seg_thresh"] == 0
    assert told["seg_small_segment"] == 0
    assert told["standardization_mean"] == pytest.approx([0.03 * 257, 0.031 * 257, 0.032 * 257])
    assert told["standardization_std"] == pytest.approx([0.01 * 257, 0.011 * 257, 0.012 * 257])
    # Tiles that overlap by half of it on either side stand a multiple of 32 pixels apart.
    overlap = int(TILE * told["tiles_overlap"] / 100)
    assert overlap >= 2 * PADDING
    assert (TILE - overlap) % 32 == 0


def test_deepness_gives_our_classes(network, scene, own_classes):
    found = run_as_deepness(network, scene[1])
    values = np.array(CLASSES.values, np.uint8)[found]
    # It keeps the centres of its tiles. Blended, a tile's outermost pixels have a say as well.
    assert agreement(values, own_classes[False]) >= 0.9999
    assert agreement(values, own_classes[True]) >= 0.995


def test_equal_models_make_equal_files(model, network, tmp_path):
    again = export_model(model, to="onnx", out=tmp_path / "again.onnx")
    assert again.read_bytes() == network.read_bytes()


def test_probabilities_come_out(network, scene):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).normal(size=(1, 3, TILE, TILE)).astype(np.float32)
    (scores,) = session.run(None, {"image": image})
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert 0 <= scores.min() <= scores.max() <= 1


def test_our_own_export_classifies_here(network, scene, own_classes, tmp_path):
    options = ClassifyOptions(blend=False)
    out = classify(scene[0], model=network, out=tmp_path / "classes.tif", options=options)
    with rasterio.open(out) as raster:
        assert agreement(raster.read(1), own_classes[False]) >= 0.9999
        assert raster.read(1)[scene[1][0] == 0].min() == 255
    contract = read_model(network).contract
    assert contract.classes == CLASSES
    assert (contract.dtype, contract.bands) == ("uint16", ("Red", "Green", "Blue"))


@pytest.fixture(scope="module")
def package(model):
    return export_model(model, to="dlpk", out=model.parent / "slums.dlpk")


def test_a_package_holds_what_esri_describes(package, tmp_path):
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
    assert [n for n in names if n.endswith(".emd")] == ["slums.emd"]
    assert all("/" not in name for name in names)
    told = json.loads(unpack(package, tmp_path).read_text(encoding="utf-8"))
    assert told["ModelType"] == "ImageClassification"
    assert told["ExtractBands"] == [0, 1, 2]
    assert told["ImageHeight"] == told["ImageWidth"] == TILE
    assert {(c["Value"], c["Name"]) for c in told["Classes"]} == {
        (0, "background"),
        (1, "slum"),
        (4, "open water"),
    }
    assert (tmp_path / told["ModelFile"]).is_file()
    assert (tmp_path / told["InferenceFunction"]).is_file()
    assert "not yet opened in ArcGIS Pro" in told["Description"]
    assert "not yet opened in ArcGIS Pro" in (tmp_path / "README.md").read_text()


def test_the_raster_function_gives_our_classes(package, scene, own_classes, tmp_path):
    definition = unpack(package, tmp_path)
    pixels = scene[1]
    found, mask, info = run_as_arcgis(definition, pixels, (pixels != 0).all(axis=0))
    expected = own_classes[False]
    assert ((mask == 0) == (expected == 255)).all()
    assert agreement(found, expected) >= 0.9999
    table = json.loads(info["rasterAttributeTable"])
    assert [f["attributes"]["Class"] for f in table["features"]] == list(CLASSES.names)
    assert info["bandCount"] == 1


def test_the_raster_function_needs_numpy_and_onnxruntime_alone(package, tmp_path):
    unpack(package, tmp_path)
    source = (tmp_path / "GeocityClassifier.py").read_text()
    assert "import geocity" not in source
    assert "from geocity" not in source


def test_the_raster_function_takes_text_and_padding(package, tmp_path):
    definition = unpack(package, tmp_path)
    function = raster_function(definition)
    function.initialize(model=definition.read_text(encoding="utf-8"))
    assert function.getConfiguration(padding="16")["tx"] == TILE - 32
    with pytest.raises(ValueError, match="leaves nothing"):
        function.getConfiguration(padding="64")


def test_equal_models_make_equal_packages(model, package, monkeypatch):
    again = export_model(model, to="dlpk", out=package.parent / "again" / "slums.dlpk")
    assert again.read_bytes() == package.read_bytes()


@pytest.fixture(scope="module")
def item(model):
    out = export_model(model, to="stac", out=model.parent / "catalogue" / "item.json")
    return json.loads(out.read_text(encoding="utf-8"))


def test_the_item_is_valid(item):
    JsonSchemaSTACValidator().validate_core(item, pystac.STACObjectType.ITEM, "1.1.0")
    parsed = MLModelProperties.model_validate(item["properties"])
    assert parsed.name == "S-me slums"
    assert parsed.input[0].input.dim_order == ["batch", "bands", "height", "width"]
    read = MLMExtension.ext(pystac.Item.from_dict(item))
    assert [c.name for c in read.output[0].classes] == ["background", "slum", "open_water"]


def test_the_item_keeps_the_rules_of_its_extensions(item):
    properties, asset = item["properties"], item["assets"]["model"]
    assert "https://stac-extensions.github.io/mlm/v1.5.2/schema.json" in item["stac_extensions"]
    # Bands that an input names must be described, on the item and on the file.
    named = properties["mlm:input"][0]["bands"]
    assert named == [b["name"] for b in properties["bands"]] == [b["name"] for b in asset["bands"]]
    assert "mlm:model" in asset["roles"]
    assert asset["mlm:artifact_type"]
    # These belong to the item, that to the file.
    assert not {"mlm:name", "mlm:input", "mlm:output", "mlm:hyperparameters"} & asset.keys()
    assert "mlm:artifact_type" not in properties
    assert properties["mlm:pretrained"] is False
    assert properties["mlm:pretrained_source"] is None
    scaling = properties["mlm:input"][0]["value_scaling"]
    assert scaling[0] == {"type": "z-score", "mean": 0.03 * 65535, "stddev": 0.01 * 65535}
    colors = [c["color_hint"] for c in properties["mlm:output"][0]["classification:classes"]]
    assert colors == ["E2E2DC", "E6004D", "005AC8"]


def test_the_item_points_to_the_file_and_the_place(item, model):
    href = item["assets"]["model"]["href"]
    assert (model.parent / "catalogue" / href).resolve() == model.resolve()
    assert item["assets"]["model"]["file:size"] == model.stat().st_size
    assert item["bbox"] == [72.8, 19.0, 72.9, 19.1]
    assert item["properties"]["mlm:total_parameters"] > 100_000


def test_an_item_of_a_model_that_knows_no_place(model, tmp_path):
    package = read_model(model)
    nowhere = write_model(
        tmp_path / "9.geocity", replace(package.contract, footprint=None), package.weights()
    )
    out = export_model(nowhere, to="stac", out=tmp_path / "item.json")
    item = json.loads(out.read_text())
    JsonSchemaSTACValidator().validate_core(item, pystac.STACObjectType.ITEM, "1.1.0")
    assert item["geometry"] is None
    assert "bbox" not in item
    assert item["properties"]["mlm:name"] == "model-9"


def test_an_item_of_an_onnx_file(network, tmp_path):
    out = export_model(network, to="stac", out=tmp_path / "item.json")
    item = json.loads(out.read_text())
    JsonSchemaSTACValidator().validate_core(item, pystac.STACObjectType.ITEM, "1.1.0")
    assert item["assets"]["model"]["mlm:artifact_type"] == "onnx"
    assert item["properties"]["mlm:framework"] == "ONNX"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"to": "tflite"}, "no format"),
        ({"out": "x.json"}, r"ends in \.onnx"),
        ({"tile_size": 100}, "multiple of 32"),
        ({"tile_size": 8192}, "up to 4096"),
        ({"padding": 64}, "leaves nothing"),
        ({"to": "stac", "out": "x.json", "padding": 16}, "leave them out"),
    ],
)
def test_what_makes_no_sense_is_refused(model, tmp_path, changes, words):
    settings = {"to": "onnx", "out": "x.onnx", **changes}
    with pytest.raises(InputError, match=words):
        export_model(model, **{**settings, "out": tmp_path / settings["out"]})
    assert list(tmp_path.iterdir()) == []


def test_an_onnx_file_is_not_exported_again(network, tmp_path):
    with pytest.raises(ModelError, match="ONNX file already"):
        export_model(network, to="dlpk", out=tmp_path / "x.dlpk")


def test_a_file_that_is_there_is_kept(model, network):
    with pytest.raises(OutputExistsError):
        export_model(model, to="onnx", out=network)


def test_a_city_model_stays_with_the_cities(tmp_path):
    city = write_city_package(tmp_path / "city.geocity", CITY, {"w": np.zeros(1, np.float32)})
    with pytest.raises(ModelError, match="names cities"):
        export_model(city, to="onnx", out=tmp_path / "x.onnx")


def test_without_its_packages_it_says_what_to_install(model, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'geocity\[export\]'"):
        export_model(model, to="onnx", out=tmp_path / "x.onnx")


def test_a_file_that_answers_otherwise_is_not_written(model, network, tmp_path, monkeypatch):
    def spoilt(*_):
        held = onnx.load(network)
        for weight in held.graph.initializer:
            if len(weight.dims) == 4:
                values = onnx.numpy_helper.to_array(weight)
                weight.CopyFrom(onnx.numpy_helper.from_array(1.1 * values, weight.name))
        return held

    monkeypatch.setattr(onnx_export, "_exported", spoilt)
    with pytest.raises(ModelError, match="answers otherwise"):
        export_model(model, to="onnx", out=tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_thresholds_stay_behind_with_a_word(model, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(onnx_export, "onnx_bytes", lambda *_, **__: b"a network")
    package = read_model(model)
    contract = replace(package.contract, thresholds=(0.0, 0.3, 0.3))
    strict = write_model(tmp_path / "m.geocity", contract, package.weights())
    export_model(strict, to="onnx", out=tmp_path / "m.onnx")
    assert "most probable class" in caplog.text


def test_the_command(model, tmp_path):
    out = tmp_path / "é x.json"
    done = CliRunner().invoke(command, [str(model), "--to", "stac", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert str(out) in done.output
    assert "specification" in CliRunner().invoke(command, ["--help"]).output
