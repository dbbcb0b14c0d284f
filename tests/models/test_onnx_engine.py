"""An ONNX model of anyone runs as Deepness runs it."""

import numpy as np
import onnx
import pytest
import rasterio
from onnx import helper
from rasterio.enums import ColorInterp

from geocity.core.probabilities import probabilities
from geocity.errors import InputError, ModelError
from geocity.io.model_packages import read_model
from geocity.models.engines import make_engine
from geocity.models.onnx_engine import OnnxEngine
from geocity.tools.classify import ClassifyOptions, classify
from tests.conftest import make_grid, write_raster
from tests.io.test_onnx_models import METADATA, write_onnx
from tests.tools.other_clients import run_as_deepness


@pytest.fixture
def batch():
    return np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(np.float32)


def run(path, batch):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.stack([session.run(None, {"image": one[None]})[0][0] for one in batch])


@pytest.mark.parametrize("channels", [2, 3])
def test_probabilities_are_used_as_they_are(tmp_path, batch, channels):
    names = {str(i): f"c{i}" for i in range(channels)}
    metadata = {**METADATA, "class_names": names}
    path = write_onnx(tmp_path / "m.onnx", channels=channels, metadata=metadata)
    engine = OnnxEngine(read_model(path), 64, precision="f32")
    expected = run(path, batch)
    for logits, scores in zip(engine.predict(batch), expected, strict=True):
        layers = probabilities(logits)
        np.testing.assert_allclose(layers, scores[1:] if channels == 2 else scores, atol=1e-5)
    engine.close()


def test_one_score_becomes_two_probabilities(tmp_path, batch):
    path = write_onnx(tmp_path / "m.onnx", channels=1)
    engine = OnnxEngine(read_model(path), 64, precision="f32")
    found = probabilities(engine.predict(batch)[0])
    np.testing.assert_allclose(found, run(path, batch)[0], atol=1e-5)


def test_smaller_tiles_are_filled_up(tmp_path, batch):
    path = write_onnx(tmp_path / "m.onnx")
    engine = make_engine(read_model(path), 32)
    np.testing.assert_allclose(
        engine.predict(batch[..., :32, :32]), engine.predict(batch)[..., :32, :32], atol=1e-4
    )


def test_larger_tiles_are_refused(tmp_path):
    package = read_model(write_onnx(tmp_path / "m.onnx"))
    with pytest.raises(InputError, match="takes tiles of 64 pixels and 96"):
        make_engine(package, 96)


@pytest.mark.parametrize("choice", [{"device": "cuda"}, {"engine": "torch"}])
def test_other_engines_cannot_run_it(tmp_path, choice):
    package = read_model(write_onnx(tmp_path / "m.onnx"))
    with pytest.raises(InputError, match="OpenVINO runs on the CPU"):
        make_engine(package, 64, **choice)


def test_logits_are_no_probabilities(tmp_path, batch):
    package = read_model(write_onnx(tmp_path / "m.onnx", bare=True))
    with pytest.raises(ModelError, match="expected probabilities"):
        make_engine(package, 64).predict(batch)


def test_a_graph_that_cannot_run_says_so(tmp_path):
    path = write_onnx(tmp_path / "m.onnx")
    held = onnx.load(path)
    held.graph.node[0].op_type = "NoSuchOperator"
    path.write_bytes(held.SerializeToString())
    with pytest.raises(ModelError, match="cannot be run by OpenVINO"):
        make_engine(read_model(path), 64)


def test_a_graph_that_gives_other_pixels_says_so(tmp_path):
    path = write_onnx(tmp_path / "m.onnx", shape=(1, 3, "H", "W"))
    held = onnx.load(path)
    held.graph.node[0].attribute.append(helper.make_attribute("strides", [2, 2]))
    path.write_bytes(held.SerializeToString())
    with pytest.raises(ModelError, match="for each of its pixels"):
        make_engine(read_model(path), 64)


def test_a_scene_comes_out_as_in_deepness(tmp_path):
    rng = np.random.default_rng(1)
    pixels = rng.integers(1, 255, (3, 150, 131)).astype(np.uint8)
    options = {"colorinterp": [ColorInterp.red, ColorInterp.green, ColorInterp.blue]}
    scene = write_raster(tmp_path / "s.tif", pixels, make_grid(150, 131), **options)
    model = write_onnx(tmp_path / "m.onnx")
    out = classify(scene, model=model, out=tmp_path / "c.tif", options=ClassifyOptions())
    with rasterio.open(out) as raster:
        found = raster.read(1)
    expected = run_as_deepness(model, pixels)
    assert 0.05 < expected.mean() < 0.95
    assert (found == expected).mean() >= 0.9999
