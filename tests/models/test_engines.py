"""Engines answer alike, and none of them talks to the network."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import geocity
from geocity.core.blending import Blender
from geocity.core.classes import ClassTable
from geocity.core.model_contract import ModelContract
from geocity.core.tiles import plan_tiles
from geocity.errors import InputError, MissingDependencyError, ModelError
from geocity.io.model_packages import read_model, write_model
from geocity.models import engines, openvino_conversion, openvino_engine, torch_engine
from geocity.models.chip_prediction import ChipPredictor
from geocity.models.engines import finite_logits, make_engine
from geocity.models.networks import load_network, make_network, network_weights
from geocity.models.tile_inference import Run, settled_blocks
from tests.conftest import write_raster
from tests.tools.toy_models import ToyEngine

TILE = 96
convert_in_child = openvino_conversion._convert_in_child


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A small real network with random weights, and a cache of its own."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(1)
    network = make_network("unet", "resnet18", bands=2, classes=3)
    contract = ModelContract(
        architecture="unet",
        encoder="resnet18",
        bands=("Band 1", "Band 2"),
        dtype="uint8",
        value_range=(0, 255),
        cell_size_m=0.8,
        classes=ClassTable.named(["background", "slum", "water"]),
        scale=255.0,
        mean=(0.5, 0.5),
        std=(0.3, 0.3),
    )
    write_model(folder / "m.geocity", contract, network_weights(network))
    # Torch is here already: the process of its own that converts is tried once, further down.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr(openvino_conversion, "_convert_in_child", openvino_conversion.convert)
        yield read_model(folder / "m.geocity")


@pytest.fixture(scope="module")
def batch():
    return np.random.default_rng(0).normal(size=(3, 2, TILE, TILE)).astype(np.float32)


@pytest.fixture(scope="module")
def expected(package, batch):
    with torch.inference_mode():
        return load_network(package)(torch.from_numpy(batch)).numpy()


def test_openvino_answers_as_torch_does(package, batch, expected):
    engine = openvino_engine.OpenVinoEngine(package, TILE, precision="f32")
    found = engine.predict(batch)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())
    agreement = (found.argmax(axis=1) == expected.argmax(axis=1)).mean()
    assert agreement >= 0.9999
    assert engine.name == "openvino f32"


def test_a_tile_does_not_depend_on_its_neighbours(package, batch):
    engine = openvino_engine.OpenVinoEngine(package, TILE)
    together = engine.predict(batch)
    for index in range(len(batch)):
        np.testing.assert_array_equal(engine.predict(batch[index : index + 1])[0], together[index])


def test_a_network_is_prepared_once_for_all_tile_sizes(package, batch, monkeypatch):
    openvino_engine.OpenVinoEngine(package, TILE)

    def never(*_, **__):
        raise AssertionError("converted again")

    monkeypatch.setattr(subprocess, "run", never)
    engine = openvino_engine.OpenVinoEngine(package, 64)
    assert engine.predict(batch[..., :64, :64]).shape == (3, 3, 64, 64)


def test_torch_on_the_cpu_answers_alike(package, batch, expected):
    engine = make_engine(package, TILE, device="cpu", engine="torch")
    found = engine.predict(batch)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        found, expected, atol=(1e-4 if "f32" in engine.name else 0.1) * scale
    )
    engine.close()


class OnCard(torch.nn.Module):
    """A network that says yes to being moved to a card, and stays."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, tiles):
        return self.network(tiles)

    def to(self, *places, **layout):
        return super().to(*(p for p in places if torch.device("cuda") != p), **layout)


def on_card(package, network, monkeypatch, *, bf16=False):
    """Make the engine of a card, and let it compute on the CPU."""
    device = torch.device
    forward = torch_engine.TorchEngine._forward

    def here(engine, batch, precision):
        with monkeypatch.context() as patch:
            patch.setattr(engine, "_device", device("cpu"))
            return forward(engine, batch, precision)

    monkeypatch.setattr(torch_engine, "load_network", lambda _: OnCard(network))
    monkeypatch.setattr(torch_engine, "has_bf16", lambda _: bf16)
    monkeypatch.setattr(torch_engine.TorchEngine, "_forward", here)
    return torch_engine.TorchEngine(package, "cuda")


def bright_network(gain=1.0):
    """Norms of reflectances up to 10000: their variances are beyond float16."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 3, 1)
    )
    with torch.no_grad():
        network[0].weight *= gain
    for _ in range(60):
        network(torch.rand(2, 2, 32, 32) * 10_000)
    assert network[1].running_var.max() > 70_000
    return network.eval()


def bright(package):
    contract = replace(
        package.contract,
        dtype="uint16",
        value_range=(0, 10_000),
        scale=1.0,
        mean=(0.0, 0.0),
        std=(1.0, 1.0),
    )
    return replace(package, contract=contract)


@pytest.mark.parametrize(("bf16", "precision"), [(False, "f16"), (True, "bf16")])
def test_norms_beyond_float16_keep_their_channels(package, monkeypatch, bf16, precision):
    network = bright_network()
    tiles = torch.rand(3, 2, 64, 64).mul(10_000)
    expected = network(tiles).detach().numpy()
    engine = on_card(bright(package), network, monkeypatch, bf16=bf16)
    assert engine.name == f"torch cuda {precision}"
    found = engine.predict(tiles.numpy())
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.98
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_a_network_that_overflows_in_half_precision_runs_in_float32(package, monkeypatch, caplog):
    network = bright_network(gain=50.0)  # its convolutions reach beyond 65504
    tiles = torch.rand(1, 2, 64, 64).mul(10_000)
    expected = network(tiles).detach().numpy()
    engine = on_card(bright(package), network, monkeypatch)
    assert engine.name == "torch cuda f32"
    assert "In f16 this network does not answer as it does in float32" in caplog.text
    np.testing.assert_allclose(engine.predict(tiles.numpy()), expected, rtol=1e-4, atol=1e-4)


def test_too_small_a_card_halves_the_batch(package, batch, monkeypatch):
    network = nn.Conv2d(2, 3, 1)
    engine = on_card(package, network, monkeypatch)
    sizes = []
    forward = engine._forward

    def tight(tiles, precision):
        sizes.append(len(tiles))
        if len(tiles) > 1:
            raise torch.OutOfMemoryError
        return forward(tiles, "f32")

    monkeypatch.setattr(engine, "_forward", tight)
    found = engine.predict(batch)
    expected = network(torch.from_numpy(batch)).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert sizes == [3, 1, 2, 1, 1]


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("full"), RuntimeError("CUDA error: out of memory")]
)
def test_a_card_too_small_for_one_tile_says_what_to_reduce(package, batch, monkeypatch, error):
    engine = on_card(package, nn.Conv2d(2, 3, 1), monkeypatch)

    def full(*_):
        raise error

    monkeypatch.setattr(engine, "_forward", full)
    with pytest.raises(InputError, match=r"memory of the GPU is too small.*--tile-size"):
        engine.predict(batch)


def one_odd(value):
    """Logits with one value that is no finite number."""

    def logits(tiles):
        said = np.zeros((len(tiles), 3, *tiles.shape[2:]), np.float32)
        said[-1, 1, 5, 7] = value
        return said

    return ToyEngine(logits)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_are_never_a_map(package, monkeypatch, value):
    engine = one_odd(value)
    with pytest.raises(ModelError, match="no finite numbers .run by toy f32"):
        finite_logits(engine, np.zeros((2, 2, 32, 32), np.float32))
    monkeypatch.setattr(engines, "make_engine", lambda *_, **__: engine)
    with pytest.raises(ModelError, match="no finite numbers"):
        ChipPredictor(package).predict(np.zeros((2, 30, 20), np.uint8), np.ones((30, 20), bool))
    for tta in (False, True):
        run = Run(engine, package.contract, 1, tta, lambda _: True)
        blender = Blender(plan_tiles((64, 64), 32, 8), 3)
        with pytest.raises(ModelError, match="no finite numbers"):
            list(settled_blocks(Blank, blender, run))


class Blank:
    """A scene without any content."""

    def read(self, window):
        return np.zeros((2, *window.shape), np.uint8), np.ones(window.shape, bool)

    def close(self):
        pass


def test_large_logits_are_numbers():
    engine = ToyEngine(lambda tiles: np.full((len(tiles), 2, 64, 64), 3e38))
    assert finite_logits(engine, np.zeros((2, 1, 64, 64), np.float32)).max() > 2e38


def test_a_network_that_remembers_its_size_is_traced_at_the_tile(package, tmp_path, monkeypatch):
    monkeypatch.setattr(openvino_conversion, "_agrees", lambda *_: False)
    openvino_conversion.convert(package.path, tmp_path, 0)
    assert [p.name for p in tmp_path.iterdir()] == ["runs_at_one_size"]
    openvino_conversion.convert(package.path, tmp_path, 64)
    assert (tmp_path / "network.xml").exists()


class FakeCore:
    def __init__(self, *able):
        self._able = able

    def get_property(self, *_):
        return list(self._able)


def test_precision_is_what_the_processor_can_do():
    assert openvino_engine.quickest_precision(FakeCore("FP32", "BF16", "INT8")) == "bf16"
    assert openvino_engine.quickest_precision(FakeCore("FP32", "INT8")) == "f32"


def test_what_does_not_go_together_is_refused(package, monkeypatch):
    monkeypatch.setattr(engines, "_has_cuda", lambda: False)
    for device, engine, words in (
        ("cuda", "openvino", "OpenVINO runs on the CPU"),
        ("cuda", "auto", "No CUDA device"),
        ("tpu", "auto", "expected one of"),
        ("cpu", "caffe", "expected one of"),
    ):
        with pytest.raises(InputError, match=words):
            make_engine(package, TILE, device=device, engine=engine)


def test_without_openvino_torch_takes_over(package, monkeypatch, caplog):
    def missing(*_, **__):
        raise MissingDependencyError("OpenVINO is not installed.")

    monkeypatch.setattr(openvino_engine, "OpenVinoEngine", missing)
    monkeypatch.setattr(engines, "_has_cuda", lambda: False)
    assert make_engine(package, TILE).name.startswith("torch cpu")
    assert "Going on with torch" in caplog.text
    with pytest.raises(MissingDependencyError):
        make_engine(package, TILE, engine="openvino")


def test_a_model_that_cannot_be_converted_says_why(tmp_path, monkeypatch):
    def fail(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "Traceback …\nModelError: odd weights")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(ModelError, match=r"cannot be prepared for OpenVINO \(ModelError: odd"):
        convert_in_child(tmp_path / "m.geocity", tmp_path, 0)


WATCHED = """
import json, socket, sys
opened = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        opened.append([event, str(arguments)])
sys.addaudithook(watch)
from geocity.tools.classify import ClassifyOptions, classify
classify(sys.argv[1], model=sys.argv[2], out=sys.argv[3],
         options=ClassifyOptions(tile_size=64, padding=8, engine="openvino"))
import time
time.sleep(0.5)
loaded = [name for name in ("torch", "torchgeo", "lightning", "openvino_telemetry")
          if sys.modules.get(name) is not None]
print(json.dumps({"opened": opened, "loaded": loaded, "openvino": "openvino" in sys.modules}))
"""

WATCHED_CHILD = """
import json, sys
opened = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        opened.append([event, str(arguments)])
sys.addaudithook(watch)
import runpy
runpy.run_module("geocity.models.openvino_conversion", run_name="__main__")
import time
time.sleep(0.5)
telemetry = sys.modules.get("openvino_telemetry") is not None
print(json.dumps({"opened": opened, "telemetry": telemetry}))
"""


def told_by(code, *arguments):
    """Run code in a fresh process, as a user without the variables of test machines would."""
    # OpenVINO's reporting keeps quiet under CI; so must this environment not look like one.
    hidden = ("CI", "TF_BUILD", "JENKINS_URL", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    environment["PYTHONPATH"] = str(Path(geocity.__file__).parents[1])
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_classifying_opens_no_socket_and_loads_no_torch(package, tmp_path, grid):
    pixels = np.random.default_rng(0).integers(0, 256, (2, *grid.shape)).astype(np.uint8)
    scene = write_raster(tmp_path / "s.tif", pixels, grid)
    told = told_by(WATCHED, scene, package.path, tmp_path / "c.tif")
    assert told == {"opened": [], "loaded": [], "openvino": True}


def test_converting_opens_no_socket(package, tmp_path):
    told = told_by(WATCHED_CHILD, package.path, tmp_path, 0)
    assert told == {"opened": [], "telemetry": False}
    assert (tmp_path / "network.xml").exists()
