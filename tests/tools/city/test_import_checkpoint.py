import copy
import functools
import io
import os
import pickle
from dataclasses import replace

import pytest
import torch
import torchvision
from click.testing import CliRunner
from torch import nn

from geocity.cli.city.import_checkpoint import command
from geocity.core.cities.dl_slicer import CITIES
from geocity.errors import InputError, ModelError
from geocity.io.cities.manifest import City, read_city_folder, write_city_folder
from geocity.models.cities.inference import load_city_model
from geocity.tools.city.import_checkpoint import import_checkpoint
from tests.toy_cities import toy_folder


@functools.cache
def resnet(name, cities=45):
    torch.manual_seed(1)
    network = getattr(torchvision.models, name)(num_classes=cities).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # statistics as after training
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


def assert_same_logits(path, network):
    model = load_city_model(path, device="cpu")
    pixels = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(2)) * 255
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.inference_mode():
        want = network((pixels / 255 - mean) / std)
        assert torch.allclose(model.logits(model.prepare(pixels)), want, atol=1e-4, rtol=1e-4)
    return model


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_pickled_data_parallel_network_gives_the_same_logits(name, tmp_path):
    network = resnet(name)
    torch.save(nn.DataParallel(network), tmp_path / "best.pth")
    path = import_checkpoint(tmp_path / "best.pth", out=tmp_path / "m.geocity")
    model = assert_same_logits(path, network)
    assert model.contract.backbone == name
    assert model.contract.cities == CITIES
    assert model.contract.patch_m == 200
    assert model.contract.cell_size_m == pytest.approx(0.41667, abs=1e-5)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda network: network,
        lambda network: network.state_dict(),
        lambda network: nn.DataParallel(network).state_dict(),
        lambda network: {"epoch": 3, "state_dict": network.state_dict()},
        lambda network: {"model": nn.DataParallel(network)},
    ],
)
def test_other_ways_to_save_it(wrap, tmp_path):
    network = resnet("resnet18")
    torch.save(wrap(network), tmp_path / "m.pth")
    assert_same_logits(import_checkpoint(tmp_path / "m.pth", out=tmp_path / "m.geocity"), network)


def test_the_45_cities_stand_in_their_order():
    assert len(CITIES) == 45
    assert [name for _, name in CITIES] == sorted(name for _, name in CITIES)
    assert CITIES[0] == ("ALA", "Almaty")
    assert CITIES[42] == ("TKY", "Tokyo")
    assert len({code for code, _ in CITIES}) == 45


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("inside", [False, True])
def test_a_hostile_pickle_is_refused_and_runs_nothing(inside, tmp_path):
    victim = tmp_path / "victim"
    hostile = Hostile(os.mkdir, str(victim))
    content = hostile
    if inside:
        content = copy.deepcopy(resnet("resnet18"))
        content.extra = hostile
    torch.save(content, tmp_path / "evil.pth")
    with pytest.raises(ModelError, match=r"mkdir.*could run code.*state_dict"):
        import_checkpoint(tmp_path / "evil.pth", out=tmp_path / "m.geocity")
    assert not victim.exists()
    assert not (tmp_path / "m.geocity").exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_plain_hostile_pickle(tmp_path):
    victim = tmp_path / "victim"
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Hostile(os.mkdir, str(victim))))
    with pytest.raises(ModelError):
        import_checkpoint(tmp_path / "evil.pth", out=tmp_path / "m.geocity")
    assert not victim.exists()


class Foreign(nn.Module):
    """A class of someone's own."""


def test_a_class_of_someones_own_is_refused(tmp_path):
    torch.save(Foreign(), tmp_path / "m.pth")
    with pytest.raises(ModelError, match="Foreign, which is no part of a ResNet"):
        import_checkpoint(tmp_path / "m.pth", out=tmp_path / "m.geocity")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds 0 tensors, but no ResNet"),
        ({"layer1.0.conv1.weight": torch.zeros(1)}, "no ResNet of 18"),
        ([1, 2], "no ResNet"),
    ],
)
def test_what_holds_no_resnet(content, message, tmp_path):
    torch.save(content, tmp_path / "m.pth")
    with pytest.raises(InputError, match=message):
        import_checkpoint(tmp_path / "m.pth", out=tmp_path / "m.geocity")


def test_a_network_of_another_width(tmp_path):
    with torch.device("meta"):
        network = torchvision.models.wide_resnet50_2(num_classes=45)
    # It is the shapes that matter: one zero, seen as often as it takes, makes a small file.
    for name, weight in network.state_dict().items():
        module, _, own = name.rpartition(".")
        kind = nn.Parameter if own in ("weight", "bias") else nn.Buffer
        zeros = torch.zeros((), dtype=weight.dtype).expand(weight.shape)
        setattr(network.get_submodule(module), own, kind(zeros))
    torch.save(network, tmp_path / "m.pth")
    with pytest.raises(InputError, match="looks like a resnet50, but"):
        import_checkpoint(tmp_path / "m.pth", out=tmp_path / "m.geocity")


def test_damaged_or_missing(tmp_path):
    (tmp_path / "m.pth").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(ModelError, match="torch can read"):
        import_checkpoint(tmp_path / "m.pth", out=tmp_path / "m.geocity")
    with pytest.raises(InputError, match="no such checkpoint"):
        import_checkpoint(tmp_path / "none.pth", out=tmp_path / "m.geocity")


def test_cities_of_ones_own(tmp_path):
    folder = replace(toy_folder(tmp_path), cities=(City("AAA", "Alpha"), City("BBB", "Beta")))
    cities = write_city_folder(tmp_path / "cities", folder)
    buffer = io.BytesIO()
    torch.save(resnet("resnet18", cities=2), buffer)
    (tmp_path / "m.pth").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match=r"tells 2 cities apart.*DL-SLICER has 45.*--cities"):
        import_checkpoint(tmp_path / "m.pth", out=tmp_path / "m.geocity")
    arguments = [str(tmp_path / "m.pth"), "-o", str(tmp_path / "m.geocity"), "--cities"]
    outcome = CliRunner().invoke(command, [*arguments, str(cities)])
    assert outcome.exit_code == 0, outcome.output
    contract = load_city_model(tmp_path / "m.geocity", device="cpu").contract
    assert contract.names == tuple(c.name for c in read_city_folder(cities).cities)
    assert contract.temperature == 1
