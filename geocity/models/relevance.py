"""Relevance-CAM: which parts of an image speak for a class, at any depth of a ResNet.

Lee, Kim, Park, Eo, Hwang: *Relevance-CAM: Your Model Already Knows Where to Look*, CVPR 2021,
pp. 14944-14953. Relevance starts at the logits, is handed down layer by layer by the z+ rule of
layer-wise relevance propagation (alpha 1, beta 0), and its mean over each channel of a layer
weights that channel's activation map.

The published start gives -1/N to each of the N - 1 other classes and so does not sum to zero; what
is left over paints the same picture for every class, because the z+ rule converges to a rank-one
map (Sixt, Granz, Landgraf: *When Explanations Lie*, ICML 2020). The default here sums to zero.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor, nn

from geocity.errors import ModelError
from geocity.models.relevance_rules import RelevanceMode

Start = Literal["zero-sum", "upstream"]

CONSERVATION_TOLERANCE = 1e-3
"""Largest share of relevance that may be lost or made, uncounted, from the logits to a layer."""

# Up to 0.0023 was seen in a small network on scenes that it does not know.
DROPPED_TOLERANCE = 0.05
"""Largest share of relevance that may meet units to which nothing contributed, and end there."""


@dataclass(frozen=True, slots=True)
class LayerRelevance:
    """The relevance of one layer.

    Attributes:
        relevance: of every activation, shape (images, channels, rows, cols).
        weights: its mean over the map, shape (images, channels).
        cam: weighted sum of the activations, shape (images, rows, cols); no ReLU, not scaled.
    """

    relevance: Tensor
    weights: Tensor
    cam: Tensor


@dataclass(frozen=True, slots=True)
class Relevance:
    """What speaks for a class.

    Attributes:
        logits: of the network, untouched by the explanation, shape (images, classes).
        targets: the class explained for each image, shape (images,).
        layers: by name.
    """

    logits: Tensor
    targets: Tensor
    layers: Mapping[str, LayerRelevance]


def relevance_cam(
    network: nn.Module,
    images: Tensor,
    layers: Sequence[str],
    *,
    targets: Sequence[int] | None = None,
    start: Start = "zero-sum",
) -> Relevance:
    """Explain what speaks for a class in each image.

    Hooks are removed and the network is left as it was, also after an error.

    Args:
        network: in evaluation mode, giving logits (images, classes).
        images: normalised as in training, shape (images, bands, rows, cols).
        layers: names of the modules whose outputs to explain, such as ``layer1`` … ``layer4``.
        targets: class of each image; the most probable one by default.
        start: ``zero-sum``: 1 for the class and -1/(N-1) for each other one; ``upstream``: 1 and
            -1/N, as in the published code.

    Returns:
        Logits and, for every layer, relevance, channel weights and maps.

    Raises:
        ModelError: if relevance is not conserved down to a layer (what reaches it and what was
            dropped on the way, as published, must make up what began): the rules do not hold for
            such a network, and any picture would be wrong. Also if more than a twentieth is
            dropped: the picture would leave out too much.
        ValueError: if the network is in training mode, has fewer than two classes, or no such
            layer.
    """
    if network.training:
        raise ValueError("the network must be in evaluation mode")
    with (
        torch.enable_grad(),
        _watched(network, layers) as activations,
        RelevanceMode(lambda: len(activations)) as mode,
    ):
        logits = network(images)
    classes = logits.shape[1]
    if classes < 2:
        raise ValueError("relevance needs at least two classes to tell apart")
    chosen = logits.argmax(1) if targets is None else torch.as_tensor(targets, device=logits.device)
    for_class = F.one_hot(chosen, classes).to(logits.dtype)
    against = (for_class - 1) / (classes - 1 if start == "zero-sum" else classes)

    # The rules are linear in the start. Relevance of the class alone sums to 1, so that a loss
    # cannot hide as it could behind a sum of zero; the start itself goes in one piece, so that
    # what speaks for and against cancels before it is rounded.
    outputs = [activations[name] for name in layers]
    alone = torch.autograd.grad(logits, outputs, for_class, retain_graph=True)
    behind = [list(activations).index(name) + 1 for name in layers]
    dropped = [mode.dropped_from(stretch, for_class) for stretch in behind]
    _assert_conserved(layers, alone, dropped)
    explained = torch.autograd.grad(logits, outputs, for_class + against)
    found = {
        name: _layer_relevance(activation.detach(), relevance)
        for name, activation, relevance in zip(layers, outputs, explained, strict=True)
    }
    return Relevance(logits.detach(), chosen, found)


def _layer_relevance(activation: Tensor, relevance: Tensor) -> LayerRelevance:
    weights = relevance.mean((2, 3))
    cam = torch.einsum("nc,nchw->nhw", weights, activation)
    return LayerRelevance(relevance, weights, cam)


def _assert_conserved(
    layers: Sequence[str], found: Sequence[Tensor], dropped: Sequence[Tensor]
) -> None:
    """Refuse a network in which the relevance of a class alone, 1 an image, does not add up."""
    for name, relevance, ended in zip(layers, found, dropped, strict=True):
        lost = (relevance.sum((1, 2, 3)) + ended - 1).abs().max().item()
        if not lost <= CONSERVATION_TOLERANCE:  # NaN must not pass
            raise ModelError(
                f"Relevance is not conserved between the output and {name} (off by {lost:.2g}); "
                "Relevance-CAM holds for networks of convolutions, batch norm, ReLU, additions and "
                "pooling, such as ResNets, and not for this one."
            )
        left_out = ended.abs().max().item()
        if not left_out <= DROPPED_TOLERANCE:
            raise ModelError(
                f"{left_out:.0%} of the relevance of an image meets units between the output and "
                f"{name} to which nothing contributed, so a map would leave it out; at most "
                f"{DROPPED_TOLERANCE:.0%} may be. Explain a layer nearer to the output, or another "
                "image."
            )


@contextmanager
def _watched(network: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Collect the outputs of layers; the graph begins at the one that is reached first."""
    modules = dict(network.named_modules())
    missing = [name for name in layers if name not in modules]
    if missing or not layers:
        raise ValueError(f"the network has no layer {missing}; it has {sorted(modules)[:20]}")
    seen: dict[str, Tensor] = {}

    def watch(name: str) -> Callable[[nn.Module, Any, Tensor], Tensor]:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
            seen[name] = output if output.requires_grad else output.detach().requires_grad_()
            return seen[name]

        return hook

    handles = [modules[name].register_forward_hook(watch(name)) for name in layers]
    try:
        # Below the first layer nothing is needed, so the weights must not start the graph there.
        with frozen(network):
            yield seen
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Keep the weights out of the graph, and give each back what it wanted of gradients."""
    trainable = [p for p in network.parameters() if p.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
