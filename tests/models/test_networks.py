import pytest
import safetensors.numpy
import torch

from geocity.core.classes import ClassTable
from geocity.core.model_contract import ModelContract
from geocity.errors import InputError, ModelError
from geocity.io.model_packages import read_model, write_model
from geocity.io.weight_files import read_weight_file
from geocity.models import networks
from geocity.models.networks import (
    adopt_weights,
    build_network,
    load_network,
    make_imagenet_network,
    make_network,
    network_weights,
    torchgeo_weights,
)

CONTRACT = ModelContract(
    architecture="unet",
    encoder="resnet18",
    bands=("red", "green", "blue", "nir"),
    dtype="uint8",
    value_range=(0.0, 255.0),
    cell_size_m=0.8,
    classes=ClassTable.named(["background", "slum"]),
    scale=255.0,
    mean=(0.4,) * 4,
    std=(0.1,) * 4,
)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_network(CONTRACT).eval()


@pytest.fixture(scope="module")
def model(tmp_path_factory, network):
    out = tmp_path_factory.mktemp("m") / "m.geocity"
    return write_model(out, CONTRACT, network_weights(network))


def test_a_model_file_gives_its_network_back(model, network):
    loaded = load_network(read_model(model))
    assert not loaded.training
    image = torch.rand(1, 4, 64, 64)
    with torch.inference_mode():
        assert torch.equal(loaded(image), network(image))


@pytest.mark.parametrize(("key", "message"), [("encoder", "names differ"), ("bands", "expected")])
def test_weights_of_another_network(tmp_path, network, key, message):
    from dataclasses import replace

    other = {
        "encoder": {"encoder": "resnet34"},
        "bands": {"bands": ("a",), "mean": (0.1,), "std": (1.0,)},
    }
    contract = replace(CONTRACT, **other[key])
    out = write_model(tmp_path / "m", contract, network_weights(network))
    with pytest.raises(ModelError, match=message):
        load_network(read_model(out))


def test_a_contract_that_cannot_be_built(tmp_path):
    from dataclasses import replace

    with pytest.raises(ModelError, match="unknown encoder"):
        build_network(replace(CONTRACT, encoder="resnet9000"))


def test_unknown_names():
    with pytest.raises(InputError, match="unet, "):
        make_network("transmogrifier", "resnet18", bands=3, classes=2)
    with pytest.raises(InputError, match="tu-NAME"):
        make_network("unet", "resnet9000", bands=3, classes=2)
    with pytest.raises(InputError, match="TorchGeo"):
        torchgeo_weights("Resnet_Weights.NOTHING", "resnet18")


def test_any_timm_encoder():
    network = make_network("unet", "tu-resnet10t", bands=5, classes=3).eval()
    assert network(torch.rand(1, 5, 64, 64)).shape == (1, 3, 64, 64)


def test_no_network_is_one_sentence(monkeypatch):
    def no_network(*_args, **_kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(networks.smp, "create_model", no_network)
    with pytest.raises(InputError, match="--weights none") as caught:
        make_imagenet_network("unet", "resnet18", bands=3, classes=2)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def three_bands():
    torch.manual_seed(1)
    return make_network("unet", "resnet18", bands=3, classes=2)


@pytest.mark.parametrize(
    ("prefix", "suffix"),
    [("", ".safetensors"), ("model.encoder.", ".safetensors"), ("encoder.", ".pth")],
)
def test_local_weights_of_three_bands_serve_four(tmp_path, three_bands, prefix, suffix):
    source = three_bands
    arrays = {prefix + k: v.numpy() for k, v in source.encoder.state_dict().items()}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": {k: torch.from_numpy(v) for k, v in arrays.items()}}, path)
    else:
        safetensors.numpy.save_file(arrays, path)
    target = make_network("unet", "resnet18", bands=4, classes=2)
    filled = adopt_weights(target, read_weight_file(path), source=path.name)
    assert filled == len(source.encoder.state_dict())
    ours, theirs = target.encoder.conv1.weight, source.encoder.conv1.weight
    torch.testing.assert_close(ours[:, 3], theirs[:, 0] / 2)
    # A grey image excites the first layer as much as before.
    grey = torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(
        target.encoder.conv1(grey.expand(1, 4, -1, -1)).sum(),
        source.encoder.conv1(grey.expand(1, 3, -1, -1)).sum(),
        rtol=1e-3,
        atol=1e-3,
    )
    assert torch.equal(target.encoder.layer3[0].conv1.weight, source.encoder.layer3[0].conv1.weight)


def test_a_geocity_model_fills_its_decoder_too(model, network):
    target = build_network(CONTRACT)
    assert adopt_weights(target, read_weight_file(model), source="m") == len(target.state_dict())
    assert torch.equal(
        target.decoder.blocks[0].conv1[0].weight, network.decoder.blocks[0].conv1[0].weight
    )


def test_weights_of_another_encoder(network):
    other = make_network("unet", "tu-resnet10t", bands=4, classes=2)
    with pytest.raises(InputError, match="--encoder"):
        adopt_weights(other, network_weights(network), source="resnet18.pth")


def test_weight_files_that_cannot_be(tmp_path):
    import pickle

    with pytest.raises(InputError, match="no such weight file"):
        read_weight_file(tmp_path / "none.pth")
    hostile = tmp_path / "hostile.pth"

    class Evil:
        def __reduce__(self):
            return print, ("pwned",)

    hostile.write_bytes(pickle.dumps({"a": Evil()}))
    with pytest.raises(InputError, match="without running code"):
        read_weight_file(hostile)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="not a safetensors"):
        read_weight_file(broken)
    empty = tmp_path / "empty.pth"
    torch.save({"epoch": 3}, empty)
    with pytest.raises(InputError, match="no tensors"):
        read_weight_file(empty)


@pytest.mark.parametrize("bands", [1, 3, 8])
def test_the_compact_network_answers_for_every_pixel(bands):
    network = make_network("unet", "compact", bands=bands, classes=3).eval()
    with torch.inference_mode():
        logits = network(torch.rand(2, bands, 64, 96))
    assert logits.shape == (2, 3, 64, 96)
    assert sum(p.numel() for p in network.parameters()) < 600_000


def test_the_compact_network_sees_no_farther_than_the_padding():
    network = make_network("unet", "compact", bands=1, classes=2).eval()
    images = torch.rand(1, 1, 320, 320)
    changed = images.clone()
    changed[..., :64, :] += 5
    with torch.inference_mode():
        difference = (network(images) - network(changed)).abs().amax((0, 1, 3))
    # 64 pixels away, the padding of a tile, next to nothing is seen of it; 96 away nothing.
    assert difference[128:].max() < 1e-4 * difference.max()
    assert (difference[160:] == 0).all()


def test_the_compact_encoder_freezes_and_has_no_imagenet_weights():
    network = make_network("unet", "compact", bands=3, classes=2)
    network.freeze_encoder()
    assert not any(p.requires_grad for p in network.encoder.parameters())
    assert all(p.requires_grad for p in network.decoder.parameters())
    known = [b.clone() for b in network.encoder.buffers()]
    beside = [b.clone() for b in network.decoder.buffers()]
    # Lightning looks at the validation chips in between.
    network.train().eval().train()(torch.rand(2, 3, 32, 32))
    assert all(torch.equal(*pair) for pair in zip(network.encoder.buffers(), known, strict=True))
    assert not any(torch.equal(*p) for p in zip(network.decoder.buffers(), beside, strict=True))
    network.unfreeze_encoder()
    assert all(p.requires_grad for p in network.parameters())
    network(torch.rand(2, 3, 32, 32))
    assert not any(torch.equal(*p) for p in zip(network.encoder.buffers(), known, strict=True))
    with pytest.raises(InputError, match="resnet34"):
        make_imagenet_network("unet", "compact", bands=3, classes=2)
    with pytest.raises(InputError, match="belongs to unet"):
        make_network("fpn", "compact", bands=3, classes=2)
