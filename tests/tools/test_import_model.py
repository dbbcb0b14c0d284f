"""Networks that were trained elsewhere, told what no weights file knows."""

import pickle

import numpy as np
import pytest
import safetensors.numpy
import torch
from click.testing import CliRunner

from geocity.cli.import_model import command
from geocity.core.classes import ClassTable
from geocity.errors import InputError, ModelError, OutputExistsError
from geocity.io.model_packages import read_model
from geocity.models.networks import load_network, make_network
from geocity.tools.import_model import import_model
from geocity.tools.import_model_options import ImportOptions

SETTINGS = {
    "encoder": "resnet18",
    "classes": ClassTable.named(["background", "slum"]),
    "bands": ("Red", "Green", "Blue", "NIR"),
    "cell_size_m": 0.6,
    "mean": (0.4, 0.5, 0.6, 0.5),
    "std": (0.2, 0.2, 0.2, 0.2),
}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return make_network("unet", "resnet18", bands=4, classes=2).eval()


@pytest.fixture(scope="module")
def image():
    return torch.randn((1, 4, 64, 64), generator=torch.Generator().manual_seed(1))


def saved(path, content):
    torch.save(content, path)
    return path


def imported(source, out, **changes):
    return import_model(source, out=out, options=ImportOptions(**{**SETTINGS, **changes}))


@pytest.mark.parametrize("prefix", ["", "model.", "model._orig_mod."])
def test_a_state_dict_of_any_prefix(network, image, tmp_path, prefix):
    state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    out = imported(saved(tmp_path / "w.pth", state), tmp_path / "m.geocity")
    with torch.inference_mode():
        assert torch.equal(load_network(read_model(out))(image), network(image))


def test_a_checkpoint_of_torchgeo(network, image, tmp_path):
    """As Lightning writes it: weights of the task's model, its loss, and how far it came."""
    state = {f"model.{name}": tensor for name, tensor in network.state_dict().items()}
    checkpoint = {
        "epoch": 3,
        "global_step": 40,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": {**state, "criterion.weight": torch.ones(2)},
        "loops": {},
        "callbacks": {"ModelCheckpoint{'monitor': 'val_loss'}": {"best_model_score": None}},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{}]}],
        "hyper_parameters": {"model": "unet", "backbone": "resnet18", "in_channels": 4},
    }
    out = imported(saved(tmp_path / "last.ckpt", checkpoint), tmp_path / "m.geocity")
    with torch.inference_mode():
        assert torch.equal(load_network(read_model(out))(image), network(image))


def test_safetensors(network, tmp_path):
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    safetensors.numpy.save_file(state, tmp_path / "w.safetensors")
    out = imported(tmp_path / "w.safetensors", tmp_path / "m.geocity")
    assert read_model(out).weights().keys() == state.keys()


def test_the_contract_is_what_was_told(network, tmp_path):
    source = saved(tmp_path / "w.pth", network.state_dict())
    package = read_model(imported(source, tmp_path / "m.geocity", dtype="uint16", scale=10_000.0))
    contract = package.contract
    assert (contract.dtype, contract.scale, contract.value_range) == ("uint16", 10_000, (0, 65535))
    assert (contract.bands, contract.cell_size_m) == (SETTINGS["bands"], 0.6)
    assert (contract.tile_size, contract.padding) == (512, 64)
    assert contract.options["imported from"] == "w.pth"
    assert "geocity import-model" in package.card()


def test_one_output_becomes_two_classes(image, tmp_path):
    torch.manual_seed(2)
    single = make_network("unet", "resnet18", bands=4, classes=1).eval()
    out = imported(saved(tmp_path / "w.pth", single.state_dict()), tmp_path / "m.geocity")
    with torch.inference_mode():
        expected = torch.sigmoid(single(image))[:, 0]
        found = torch.softmax(load_network(read_model(out))(image), dim=1)[:, 1]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encoder": "resnet34"}, "tensors are missing"),
        ({"encoder": "mobilenet_v2"}, "check the architecture"),
        ({"classes": ClassTable.named(["a", "b", "c"])}, r"\(2, 16, 3, 3\), expected \(3, 16"),
        (
            {"bands": ("a", "b", "c"), "mean": (0,) * 3, "std": (1,) * 3},
            r"\(64, 4, 7, 7\), expected \(64, 3",
        ),
    ],
)
def test_weights_that_do_not_fit_say_what(network, tmp_path, changes, words):
    source = saved(tmp_path / "w.pth", network.state_dict())
    with pytest.raises(ModelError, match=words):
        imported(source, tmp_path / "m.geocity", **changes)
    assert not (tmp_path / "m.geocity").exists()


class Evil:
    def __reduce__(self):
        return (open, ("/tmp/never-written-by-geocity", "w"))


def test_no_code_is_run(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"state_dict": {"a": torch.ones(1)}, "hyper_parameters": Evil()}, path)
    with pytest.raises(InputError, match="without running code"):
        imported(path, tmp_path / "m.geocity")
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InputError, match="without running code"):
        imported(path, tmp_path / "m.geocity")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dtype": "int3"}, "number type 'int3'"),
        ({"mean": (1.0,)}, "1 numbers were given for mean and 4 bands"),
        ({"std": (1.0,) * 5}, "--std"),
        ({"std": (0.0,) * 4}, "std must be above 0"),
        ({"classes": ClassTable.named(["slum"])}, "at least two classes"),
        ({"cell_size_m": 0.0}, "cell size"),
        ({"encoder": "resnet9000"}, "unknown encoder"),
        ({"architecture": "net"}, "unknown architecture"),
    ],
)
def test_options_that_make_no_sense(network, tmp_path, changes, words):
    source = saved(tmp_path / "w.pth", network.state_dict())
    with pytest.raises(InputError, match=words):
        imported(source, tmp_path / "m.geocity", **changes)


def test_what_is_there_is_kept_and_what_is_missing_is_said(tmp_path):
    (tmp_path / "m.geocity").touch()
    with pytest.raises(OutputExistsError):
        imported(tmp_path / "w.pth", tmp_path / "m.geocity")
    with pytest.raises(InputError, match="no such weight file"):
        imported(tmp_path / "w.pth", tmp_path / "n.geocity")
    with pytest.raises(InputError, match="needs no import"):
        imported(tmp_path / "w.onnx", tmp_path / "n.geocity")


def test_the_command(network, tmp_path):
    source = saved(tmp_path / "wéights.pth", network.state_dict())
    out = tmp_path / "m.geocity"
    told = ["--encoder", "resnet18", "--bands", "Red,Green,Blue,NIR", "--cell-size", "0.6"]
    told += ["--mean", "0.4,0.5,0.6,0.5", "--std", "0.2,0.2,0.2,0.2", "--value-range", "0,200"]
    classes = "0:background,6:informal settlement:#102030"
    done = CliRunner().invoke(command, [str(source), "-o", str(out), *told, "--classes", classes])
    assert done.exit_code == 0, done.output
    contract = read_model(out).contract
    assert contract.classes.values == (0, 6)
    assert contract.classes.by_value(6).color == (16, 32, 48)
    assert contract.value_range == (0, 200)
    assert np.isclose(contract.scale, 255)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("--classes", "1:slum:blue"),
        ("--classes", "300:slum,1:b"),
        ("--classes", "1:a,1:b"),
        ("--mean", "a,b"),
        ("--value-range", "1"),
    ],
)
def test_the_command_refuses_what_it_cannot_read(tmp_path, name, value):
    told = {"--encoder": "resnet18", "--bands": "a", "--cell-size": "1", "--mean": "0"}
    told |= {"--std": "1", "--classes": "a,b", name: value}
    words = [word for pair in told.items() for word in pair]
    done = CliRunner().invoke(command, ["w.pth", "-o", str(tmp_path / "m"), *words])
    assert done.exit_code == 2, done.output
    assert name in done.output
