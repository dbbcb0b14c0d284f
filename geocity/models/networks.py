"""Networks by name: the architectures of segmentation-models-pytorch with any of its encoders."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import torch
from numpy.typing import NDArray
from torch import nn

from geocity.core.model_contract import COMPACT, ModelContract
from geocity.errors import InputError, ModelError
from geocity.io.model_packages import ModelPackage
from geocity.io.package_files import Package
from geocity.models.compact_unet import CompactUNet

logger = logging.getLogger(__name__)

ARCHITECTURES: tuple[str, ...] = tuple(sorted(smp.MODEL_ARCHITECTURES_MAPPING))

Weights = Mapping[str, NDArray[np.generic]]

# What other programs put before the names of an encoder's weights.
_PREFIXES = (
    "",
    "encoder.",
    "encoder.model.",
    "model.encoder.",
    "model.",
    "backbone.",
    "model.backbone.",
    "module.",
    "module.encoder.",
)
# Below this share of fitting weights a file is for another encoder.
_ENOUGH = 0.9


def make_network(architecture: str, encoder: str, *, bands: int, classes: int) -> nn.Module:
    """Make a network with random weights.

    Args:
        architecture: one of `ARCHITECTURES`.
        encoder: ``compact`` (see `geocity.models.compact_unet`), an encoder of
            segmentation-models-pytorch, or ``tu-NAME`` for any of timm.
        bands: number of input channels.
        classes: number of output channels.

    Returns:
        A network from (batch, bands, rows, cols) to logits (batch, classes, rows, cols).

    Raises:
        InputError: if the architecture or the encoder is unknown, or they do not go together.
    """
    if architecture not in ARCHITECTURES:
        raise InputError(
            f"unknown architecture {architecture!r}; expected one of {', '.join(ARCHITECTURES)}"
        )
    if encoder == COMPACT:
        if architecture != "unet":
            raise InputError(f"the encoder {COMPACT} belongs to unet, not to {architecture}")
        return CompactUNet(bands=bands, classes=classes)
    return _create(architecture, encoder, bands=bands, classes=classes, pretrained=False)


def make_imagenet_network(
    architecture: str, encoder: str, *, bands: int, classes: int
) -> nn.Module:
    """Make a network whose encoder has learnt from ImageNet; downloads it the first time.

    Other than three bands are served by repeating the first layer's filters.

    Raises:
        InputError: as `make_network`, or if the weights do not exist or cannot be downloaded.
    """
    if architecture not in ARCHITECTURES:
        raise InputError(
            f"unknown architecture {architecture!r}; expected one of {', '.join(ARCHITECTURES)}"
        )
    if encoder == COMPACT:
        raise InputError(
            f"nobody has taught the encoder {COMPACT} on ImageNet; take another one, for example "
            "--encoder resnet34"
        )
    # It reports every one of its own retries; one sentence at the end is enough.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return _create(architecture, encoder, bands=bands, classes=classes, pretrained=True)
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        raise no_download("imagenet", encoder, error) from error


def _create(
    architecture: str, encoder: str, *, bands: int, classes: int, pretrained: bool
) -> nn.Module:
    weights = ("imagenet" if not encoder.startswith("tu-") else True) if pretrained else None
    try:
        network: nn.Module = smp.create_model(
            architecture,
            encoder_name=encoder,
            encoder_weights=weights,
            in_channels=bands,
            classes=classes,
        )
    except KeyError as error:
        raise InputError(
            f"unknown encoder {encoder!r} ({str(error.args[0])[:120]}); use resnet34, another "
            "encoder of segmentation-models-pytorch, or tu-NAME for one of timm"
        ) from error
    except (ValueError, RuntimeError, TypeError, NotImplementedError) as error:
        if pretrained:
            raise
        raise InputError(
            f"{architecture} cannot be built on encoder {encoder!r} ({str(error)[:200]}); "
            "choose another pair, for example unet and resnet34"
        ) from error
    return network


def torchgeo_weights(name: str, encoder: str) -> Weights:
    """Get the encoder weights that TorchGeo knows under a name; downloads them the first time.

    Args:
        name: for example ``ResNet18_Weights.SENTINEL2_RGB_MOCO``.
        encoder: the encoder they are for, for the message when they cannot be had.

    Raises:
        InputError: if TorchGeo knows no such weights, or they cannot be downloaded.
    """
    from torchgeo.models import get_weight

    try:
        entry = get_weight(name)
    except (ValueError, KeyError, AttributeError) as error:
        raise InputError(
            f"{name!r} is neither none, imagenet, an existing file nor a name of TorchGeo's "
            "weights such as ResNet18_Weights.SENTINEL2_RGB_MOCO"
        ) from error
    try:
        state: Mapping[str, torch.Tensor] = entry.get_state_dict(progress=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise no_download(name, encoder, error) from error
    return {key: value.numpy() for key, value in state.items()}


def no_download(weights: str, encoder: str, error: Exception) -> InputError:
    """Return the refusal of weights that cannot be had, as when there is no network."""
    return InputError(
        f"the {weights} weights of {encoder} could not be downloaded "
        f"({type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}); "
        "connect to the internet once, give a local file with --weights FILE, or use --weights none"
    )


def adopt_weights(network: Any, weights: Weights, *, source: str) -> int:
    """Start an encoder from weights that were trained elsewhere.

    Names are matched whatever prefix they carry. The first layer is adapted when the number of
    bands differs: its filters are repeated band by band and scaled so that the sum stays. Weights
    of a whole geocity network of the same shape fill its decoder as well.

    Args:
        network: a network of `make_network`; changed in place.
        weights: arrays by name.
        source: what to call them in messages.

    Returns:
        How many of the network's tensors were filled.

    Raises:
        InputError: if fewer than nine tenths of the encoder's tensors find a match.
    """
    whole = network.state_dict()
    if set(whole) <= set(weights) and _fit(whole, weights).keys() == whole.keys():
        network.load_state_dict(_fit(whole, weights))
        return len(whole)
    own = network.encoder.state_dict()
    best = fitting_weights(own, weights)
    if len(best) < _ENOUGH * len(own):
        raise InputError(
            f"{source} fits {len(best)} of the encoder's {len(own)} tensors; "
            "give weights of the same encoder, or name theirs with --encoder"
        )
    network.encoder.load_state_dict({**own, **best})
    logger.info("The encoder starts from %s (%d of %d tensors).", source, len(best), len(own))
    return len(best)


def fitting_weights(own: Mapping[str, torch.Tensor], weights: Weights) -> dict[str, torch.Tensor]:
    """Return the weights that fit a network's tensors by name and shape, whatever their prefix."""
    fits = [
        _fit(own, {k.removeprefix(p): v for k, v in weights.items() if k.startswith(p)})
        for p in _PREFIXES
    ]
    return max(fits, key=len)


def _fit(own: Mapping[str, torch.Tensor], weights: Weights) -> dict[str, torch.Tensor]:
    first = next((name for name, tensor in own.items() if tensor.ndim == 4), None)
    fitting: dict[str, torch.Tensor] = {}
    for name, tensor in own.items():
        if name not in weights:
            continue
        value = torch.from_numpy(np.array(weights[name])).to(tensor.dtype)
        if name == first and value.ndim == 4 and value.shape[1] != tensor.shape[1]:
            value = _adapt_bands(value, tensor.shape[1])
        if value.shape == tensor.shape:
            fitting[name] = value
    return fitting


def _adapt_bands(kernel: torch.Tensor, bands: int) -> torch.Tensor:
    """Repeat a first layer's filters over another number of bands.

    A grey image excites the layer as much as before: repeated filters share their strength.
    """
    if bands < kernel.shape[1]:
        return kernel[:, :bands] * (kernel.shape[1] / bands)
    order = torch.arange(bands) % kernel.shape[1]
    return kernel[:, order] / torch.bincount(order)[order].view(1, -1, 1, 1)


def build_network(contract: ModelContract) -> nn.Module:
    """Make the network that a contract describes, with random weights.

    Raises:
        ModelError: if this installation cannot build it.
    """
    try:
        return make_network(
            contract.architecture,
            contract.encoder,
            bands=len(contract.bands),
            classes=len(contract.classes),
        )
    except InputError as error:
        raise ModelError(
            f"this installation cannot build the model: {error}; "
            f"it was trained with {dict(contract.versions)}"
        ) from error


def load_network(package: ModelPackage) -> nn.Module:
    """Make a model file's network with its weights, ready to predict (``eval``), on the CPU.

    Raises:
        ModelError: if the weights are damaged or are not those of the network described.
    """
    network = build_network(package.contract)
    contract = package.contract
    fill_network(network, package, f"{contract.architecture} with {contract.encoder}")
    return network.eval()


def fill_network(network: nn.Module, package: Package[Any], description: str) -> None:
    """Give a network all its weights from a model file, which must hold exactly those.

    Raises:
        ModelError: if the weights are damaged or are not those of the network described.
    """
    own = network.state_dict()
    weights = package.weights()
    if own.keys() != weights.keys():
        odd = sorted(own.keys() ^ weights.keys())
        raise ModelError(
            f"{package.path}: its weights do not belong to {description} "
            f"({len(odd)} names differ, first {odd[0]!r}); "
            "get the file again from where it came"
        )
    state: dict[str, torch.Tensor] = {}
    for name, tensor in own.items():
        value = torch.from_numpy(np.array(weights[name]))
        if value.shape != tensor.shape or value.dtype != tensor.dtype:
            raise ModelError(
                f"{package.path}: weight {name!r} is {value.dtype} {tuple(value.shape)}, expected "
                f"{tensor.dtype} {tuple(tensor.shape)}; get the file again from where it came"
            )
        state[name] = value
    network.load_state_dict(state)


def network_weights(network: nn.Module) -> dict[str, NDArray[np.generic]]:
    """Take a network's weights off their device as arrays by name, for `write_model`."""
    return {
        name: tensor.detach().cpu().contiguous().numpy()
        for name, tensor in network.state_dict().items()
    }
