"""Heat maps of a city network at any depth, by Relevance-CAM or one of the gradient methods.

The gradient methods are those of pytorch-grad-cam (Gildenblat et al., MIT licence), an extra that
is imported when it is asked for. They have no negative side: what speaks against a city is 0.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from geocity.errors import InputError, MissingDependencyError
from geocity.models.cities.networks import city_head
from geocity.models.devices import SMALLER_BATCH, within_memory
from geocity.models.relevance import Start, frozen, relevance_cam

RELEVANCE_CAM = "relevance-cam"

_GRADIENT_METHODS = {
    "grad-cam": "GradCAM",
    "grad-cam++": "GradCAMPlusPlus",
    "layer-cam": "LayerCAM",
    "xgrad-cam": "XGradCAM",
    "hires-cam": "HiResCAM",
}

METHODS = (RELEVANCE_CAM, *_GRADIENT_METHODS)


@within_memory(SMALLER_BATCH)
def heat_maps(
    network: nn.Module,
    prepared: Tensor,
    layers: Sequence[str],
    targets: Sequence[int],
    *,
    method: str = RELEVANCE_CAM,
    start: Start = "zero-sum",
) -> dict[str, Tensor]:
    """Return what speaks for a class in each image, layer by layer, as large as the images.

    The network is left as it was, also after an error.

    Args:
        network: in evaluation mode, giving logits (images, classes).
        prepared: images as the network takes them, shape (images, bands, rows, cols).
        layers: names of modules, in the order in which they are run.
        targets: the class of each image.
        method: one of `METHODS`.
        start: of the relevance; the gradient methods have none.

    Returns:
        float32 maps by layer, shape (images, rows, cols), on the CPU; coarse maps are enlarged
        bilinearly. Those of Relevance-CAM are linear in the relevance, comparable between images
        and negative where something speaks against the class.

    Raises:
        InputError: if the method is unknown, or the memory of the device is too small.
        MissingDependencyError: if it needs pytorch-grad-cam and that is not installed.
        ModelError: if relevance is not conserved in this network.
    """
    if method == RELEVANCE_CAM:
        found = relevance_cam(network, prepared, layers, targets=targets, start=start)
        maps: Mapping[str, Tensor] = {name: layer.cam for name, layer in found.layers.items()}
    elif method in _GRADIENT_METHODS:
        maps = _gradient_maps(network, prepared, layers, targets, _gradient_method(method))
    else:
        raise InputError(f"unknown method {method!r}; expected {', '.join(METHODS)}")
    side = (prepared.shape[-2], prepared.shape[-1])
    return {name: _enlarged(cam.detach().float().cpu(), side) for name, cam in maps.items()}


def _enlarged(cam: Tensor, side: tuple[int, int]) -> Tensor:
    return interpolate(cam[:, None], side, mode="bilinear", align_corners=False)[:, 0]


def _gradient_method(method: str) -> Any:
    try:
        import pytorch_grad_cam
    except ImportError as error:
        raise MissingDependencyError(
            f"The method {method} comes from pytorch-grad-cam, which is not installed; install it "
            "(pip install grad-cam), or take --method relevance-cam."
        ) from error
    return getattr(pytorch_grad_cam, _GRADIENT_METHODS[method])


def _gradient_maps(
    network: nn.Module,
    prepared: Tensor,
    layers: Sequence[str],
    targets: Sequence[int],
    method: Any,
) -> Mapping[str, Tensor]:
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    modules = dict(network.named_modules())
    missing = [name for name in layers if name not in modules]
    if missing:
        raise ValueError(f"the network has no layer {missing}; it has {sorted(modules)[:20]}")
    wanted = [ClassifierOutputTarget(target) for target in targets]
    # The weights' own gradients would be left behind; the image starts the graph instead.
    image = prepared.detach().clone().requires_grad_()
    with frozen(network), torch.enable_grad():
        cam = method(model=network, target_layers=[modules[name] for name in layers])
        try:
            cam(input_tensor=image, targets=wanted)
            # The call itself gives the mean over the layers; each is wanted by itself.
            found = cam.compute_cam_per_layer(image, wanted, False)
        finally:
            cam.activations_and_grads.release()
    return {
        name: torch.from_numpy(one)[:, 0].float() for name, one in zip(layers, found, strict=True)
    }


@contextmanager
def redrawn_head(network: nn.Module, classes: int, seed: int) -> Iterator[None]:
    """Draw the weights of the last linear layer anew, as widely spread, and put them back.

    Args:
        network: whose head gives `classes` logits.
        classes: how many there are.
        seed: of the draw.

    Raises:
        LookupError: if no linear layer gives that many logits.
    """
    weight = city_head(network, classes).weight
    kept = weight.detach().clone()
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(kept.shape, generator=generator, dtype=torch.float32)
    with torch.no_grad():
        weight.copy_(drawn.to(weight) * kept.std())
    try:
        yield
    finally:
        with torch.no_grad():
            weight.copy_(kept)
