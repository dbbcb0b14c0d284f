"""City networks by name: any backbone of timm or TorchGeo with a head that names cities."""

import logging
from typing import Any

import timm
import torch
from torch import Tensor, nn

from geocity.core.cities.contract import CityContract
from geocity.errors import InputError, ModelError
from geocity.io.cities.packages import CityPackage
from geocity.models.networks import Weights, fill_network, fitting_weights, no_download

logger = logging.getLogger(__name__)

# Below this share of fitting weights a file is for another backbone.
_ENOUGH = 0.9
_STAGES = ("layer1", "layer2", "layer3", "layer4")


def make_city_network(
    backbone: str, *, bands: int, cities: int, imagenet: bool = False
) -> nn.Module:
    """Make a network from patches to logits, with a new head.

    Args:
        backbone: a name of timm (``resnet50``), or else of TorchGeo (``swin_v2_b``).
        bands: number of input channels.
        cities: number of outputs.
        imagenet: start from what it learnt from ImageNet; downloads it the first time.

    Returns:
        A network from (batch, bands, rows, cols) to logits (batch, cities), whose last linear
        layer is its head.

    Raises:
        InputError: if the name is unknown, the network cannot name cities, or the weights do not
            exist or cannot be downloaded.
    """
    if not timm.is_model(backbone):
        return _make_torchgeo_network(backbone, bands=bands, cities=cities, imagenet=imagenet)
    # It reports every one of its own retries; one sentence at the end is enough.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    logging.getLogger("timm.models._hub").setLevel(logging.ERROR)
    try:
        network: nn.Module = timm.create_model(
            backbone, pretrained=imagenet, in_chans=bands, num_classes=cities
        )
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        if imagenet:
            raise no_download("imagenet", backbone, error) from error
        raise _unbuildable(backbone, error) from error
    return _with_head(network, backbone, cities)


def _make_torchgeo_network(backbone: str, *, bands: int, cities: int, imagenet: bool) -> nn.Module:
    from torchgeo.models import get_model, list_models

    if backbone not in list_models():
        raise InputError(
            f"unknown backbone {backbone!r}; use resnet50, another name of timm, or one of "
            "TorchGeo's models"
        )
    if bands != 3 or imagenet:
        raise InputError(
            f"{backbone} is TorchGeo's: it takes three bands, and weights of TorchGeo by their "
            "name or from a file, not imagenet"
        )
    try:
        network: nn.Module = get_model(backbone, num_classes=cities)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _unbuildable(backbone, error) from error
    return _with_head(network, backbone, cities)


def _unbuildable(backbone: str, error: Exception) -> InputError:
    return InputError(
        f"{backbone!r} cannot be built to name cities ({str(error)[:200]}); "
        "choose another backbone, for example resnet50"
    )


def _with_head(network: nn.Module, backbone: str, cities: int) -> nn.Module:
    try:
        city_head(network, cities)
    except LookupError as error:
        raise InputError(
            f"{backbone} has no linear layer that could name {cities} cities; "
            "choose another backbone, for example resnet50"
        ) from error
    return network


def city_head(network: nn.Module, cities: int) -> nn.Linear:
    """Return the last linear layer of a network, which gives the logits.

    Raises:
        LookupError: if there is none with as many outputs as cities.
    """
    heads = [m for m in network.modules() if isinstance(m, nn.Linear) and m.out_features == cities]
    if not heads:
        raise LookupError("no linear layer has as many outputs as there are cities")
    return heads[-1]


def city_stages(network: nn.Module) -> tuple[str, ...]:
    """Return the names of a ResNet's stages, from the image to the head; none in other networks."""
    names = dict(network.named_children())
    return _STAGES if all(stage in names for stage in _STAGES) else ()


def logits_and_embeddings(network: nn.Module, head: nn.Linear, x: Tensor) -> tuple[Tensor, Tensor]:
    """Run a network once for its logits and for what its head sees.

    Returns:
        Logits (batch, cities) and embeddings (batch, features).
    """
    seen: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        logits: Tensor = network(x)
    finally:
        hook.remove()
    return logits, seen[-1].flatten(1)


def adopt_backbone(network: nn.Module, cities: int, weights: Weights, *, source: str) -> int:
    """Start a backbone from weights that were trained elsewhere; its head stays as it is.

    Names are matched whatever prefix they carry, and the first layer is adapted to the number of
    bands, as in the slum half; weights of a slum model's encoder serve too.

    Args:
        network: a network of `make_city_network`; changed in place.
        cities: number of its outputs.
        weights: arrays by name.
        source: what to call them in messages.

    Returns:
        How many of the backbone's tensors were filled.

    Raises:
        InputError: if fewer than nine tenths of them find a match.
    """
    head = city_head(network, cities)
    own_head = {id(tensor) for tensor in head.state_dict(keep_vars=True).values()}
    whole: dict[str, Any] = network.state_dict(keep_vars=True)
    own = {name: tensor.detach() for name, tensor in whole.items() if id(tensor) not in own_head}
    best = fitting_weights(own, weights)
    if len(best) < _ENOUGH * len(own):
        raise InputError(
            f"{source} fits {len(best)} of the backbone's {len(own)} tensors; "
            "give weights of the same backbone, or name theirs with --backbone"
        )
    network.load_state_dict({**network.state_dict(), **best})
    logger.info("The backbone starts from %s (%d of %d tensors).", source, len(best), len(own))
    return len(best)


def load_city_network(package: CityPackage) -> nn.Module:
    """Make a city model's network with its weights, ready to predict (``eval``), on the CPU.

    Raises:
        ModelError: if this installation cannot build it, or the weights are damaged or are not
            those of the network described.
    """
    network = build_city_network(package.contract)
    fill_network(network, package, package.contract.backbone)
    return network.eval()


def build_city_network(contract: CityContract) -> nn.Module:
    """Make the network that a contract describes, with random weights.

    Raises:
        ModelError: if this installation cannot build it.
    """
    try:
        with torch.random.fork_rng(devices=[]):
            return make_city_network(
                contract.backbone, bands=len(contract.bands), cities=len(contract.cities)
            )
    except InputError as error:
        raise ModelError(
            f"this installation cannot build the model: {error}; "
            f"it was trained with {dict(contract.versions)}"
        ) from error
