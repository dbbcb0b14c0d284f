from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
import torchvision

from geocity.data.cities.normalise import standardised
from geocity.errors import InputError, ModelError
from geocity.io.cities.packages import read_city_package, write_city_package
from geocity.models.cities.inference import (
    CityModel,
    load_city_model,
    predict_patches,
)
from geocity.models.cities.networks import (
    adopt_backbone,
    build_city_network,
    load_city_network,
    make_city_network,
)
from geocity.models.networks import network_weights
from tests.core.cities.test_contract import CONTRACT


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return make_city_network("resnet18", bands=3, cities=3).eval()


@pytest.fixture(scope="module")
def path(tmp_path_factory, network):
    out = tmp_path_factory.mktemp("city") / "m.geocity"
    return write_city_package(out, CONTRACT, network_weights(network))


@pytest.fixture(scope="module")
def pixels():
    return torch.rand(5, 3, 96, 96, generator=torch.Generator().manual_seed(1)) * 255


def samples(pixels):
    return [
        {"image": image, "label": i % 3, "patch": 10 + i, "image_index": 0}
        for i, image in enumerate(pixels)
    ]


def test_a_model_file_gives_its_network_back(path, network, pixels):
    model = load_city_model(path, device="cpu")
    x = model.prepare(pixels)
    assert x.shape == (5, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(model.logits(x), network(x))
        assert torch.allclose(model.network.fc(model.embeddings(x)), network(x), atol=1e-6)
    assert model.stages == ("layer1", "layer2", "layer3", "layer4")
    assert not model.network.training


def test_each_patch_is_standardised_by_itself(pixels):
    x = standardised(pixels)
    assert torch.allclose(x.mean((2, 3)), torch.zeros(5, 3), atol=1e-5)
    assert torch.allclose(x.std((2, 3), correction=0), torch.ones(5, 3), atol=1e-5)
    brighter = pixels * torch.tensor([0.5, 0.7, 0.9]).view(1, 3, 1, 1) + 12
    assert torch.allclose(standardised(brighter), x, atol=1e-4)
    assert torch.equal(standardised(torch.full((1, 3, 8, 8), 7.0)), torch.zeros(1, 3, 8, 8))


def test_fixed_normalisation(network, pixels):
    contract = replace(CONTRACT, per_image=False, input_px=96)
    x = CityModel(contract, network).prepare(pixels)
    want = (pixels[2, 1, 3, 4] / 255 - 0.41) / 0.11
    assert x[2, 1, 3, 4] == pytest.approx(float(want), abs=1e-5)


def test_predictions_keep_the_order_of_the_patches(path, pixels):
    model = load_city_model(path, device="cpu")
    told = []
    seen = predict_patches(
        model, samples(pixels), batch_size=2, progress=lambda *step: told.append(step)
    )
    assert seen.patches.tolist() == [10, 11, 12, 13, 14]
    assert seen.labels.tolist() == [0, 1, 2, 0, 1]
    assert seen.logits.shape == (5, 3)
    assert seen.embeddings.shape == (5, 512)
    assert told[-1] == (5, 5, "patches")
    one = predict_patches(model, samples(pixels)[3:4])
    assert np.allclose(one.logits[0], seen.logits[3], atol=1e-5)


@pytest.mark.parametrize("name", ["resnet10t", "convnext_atto", "vit_tiny_patch16_224"])
def test_any_backbone_of_timm(name):
    network = make_city_network(name, bands=3, cities=7).eval()
    side = 224 if "vit" in name else 64
    cities = tuple((code, code) for code in "abcdefg")
    contract = replace(CONTRACT, backbone=name, input_px=side, cities=cities)
    model = CityModel(contract, network)
    with torch.inference_mode():
        logits, features = model.logits_and_embeddings(model.prepare(torch.rand(2, 3, 50, 50)))
    assert logits.shape == (2, 7)
    assert features.ndim == 2


def test_a_backbone_of_torchgeo_alone():
    network = make_city_network("swin_v2_t", bands=3, cities=4)
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 64, 64)).shape == (1, 4)


def test_unknown_backbones_are_refused():
    with pytest.raises(InputError, match="unknown backbone 'resnet9000'"):
        make_city_network("resnet9000", bands=3, cities=3)
    with pytest.raises(ModelError, match="cannot build"):
        build_city_network(replace(CONTRACT, backbone="resnet9000"))


def test_weights_of_another_network_are_refused(tmp_path, network):
    other = replace(CONTRACT, backbone="resnet34")
    path = write_city_package(tmp_path / "m.geocity", other, network_weights(network))
    with pytest.raises(ModelError, match="do not belong to resnet34"):
        load_city_network(read_city_package(path))


def test_no_network_no_weights(monkeypatch):
    def offline(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(InputError, match=r"could not be downloaded.*--weights none"):
        make_city_network("resnet18", bands=3, cities=3, imagenet=True)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "encoder.model.", "backbone."])
def test_weights_are_found_whatever_their_prefix(prefix):
    torch.manual_seed(3)
    theirs = torchvision.models.resnet18(num_classes=45)
    ours = make_city_network("resnet18", bands=3, cities=3)
    head = ours.fc.weight.clone()
    filled = adopt_backbone(
        ours,
        3,
        {prefix + name: array for name, array in network_weights(theirs).items()},
        source="theirs",
    )
    assert filled == len(theirs.state_dict()) - 2
    assert torch.equal(ours.layer4[1].conv2.weight, theirs.layer4[1].conv2.weight)
    assert torch.equal(ours.fc.weight, head)


def test_weights_of_another_backbone_are_refused():
    ours = make_city_network("resnet18", bands=3, cities=3)
    theirs = network_weights(make_city_network("convnext_atto", bands=3, cities=3))
    with pytest.raises(InputError, match="--backbone"):
        adopt_backbone(ours, 3, theirs, source="theirs.pth")
