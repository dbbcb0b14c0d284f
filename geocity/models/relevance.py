"""Relevance-CAM: which parts of an image speak for a class, at any depth of a ResNet.

Lee, Kim, Park, Eo, Hwang: *Relevance-CAM: Your Model Already Knows Where to Look*, CVPR 2021,
pp. 14944-14953. Relevance starts at the logits, is handed down layer by layer by the z+ rule of
layer-wise relevance propagation (alpha 1, beta 0), and its mean over each channel of a layer
weights that channel's activation map.

The rules are attached to the *functions* a network calls (convolution, addition, pooling …) rather
than to its modules, so that torchvision, timm and TorchGeo networks need no preparation and the
network itself is never changed. Relevance travels as the gradient of autograd, whose sums at
branches are those of relevance.

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
from torch.overrides import TorchFunctionMode

from geocity.errors import ModelError

Start = Literal["zero-sum", "upstream"]

# Relevance that meets a unit to which nothing contributed is dropped, as published (`_share`): up
# to 0.00225 in a small network on scenes it does not know, the same in double precision. A rule
# that does not hold takes or makes 0.4 and more.
CONSERVATION_TOLERANCE = 1e-2
"""Largest share of relevance that may be lost or made between the logits and a layer."""


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
        ModelError: if relevance is not conserved down to a layer: the rules do not hold for such a
            network, and any picture would be wrong.
        ValueError: if the network is in training mode, has fewer than two classes, or no such
            layer.
    """
    if network.training:
        raise ValueError("the network must be in evaluation mode")
    with torch.enable_grad(), _watched(network, layers) as activations, RelevanceMode():
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
    alone, explained = (
        torch.autograd.grad(logits, outputs, begin, retain_graph=True)
        for begin in (for_class, for_class + against)
    )
    _assert_conserved(layers, alone, for_class)
    found = {
        name: _layer_relevance(activation.detach(), relevance)
        for name, activation, relevance in zip(layers, outputs, explained, strict=True)
    }
    return Relevance(logits.detach(), chosen, found)


def _layer_relevance(activation: Tensor, relevance: Tensor) -> LayerRelevance:
    weights = relevance.mean((2, 3))
    cam = torch.einsum("nc,nchw->nhw", weights, activation)
    return LayerRelevance(relevance, weights, cam)


def _assert_conserved(layers: Sequence[str], found: Sequence[Tensor], begin: Tensor) -> None:
    expected = begin.sum(1)
    for name, relevance in zip(layers, found, strict=True):
        lost = ((relevance.sum((1, 2, 3)) - expected) / expected).abs().max().item()
        if not lost <= CONSERVATION_TOLERANCE:  # NaN must not pass
            raise ModelError(
                f"Relevance is not conserved between the output and {name} (off by {lost:.2g}); "
                "Relevance-CAM holds for networks of convolutions, batch norm, ReLU, additions and "
                "pooling, such as ResNets, and not for this one."
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


class RelevanceMode(TorchFunctionMode):
    """While it is on, gradients of the functions below are replaced by relevance.

    Everything else (reshaping, concatenation, max pooling, dropout in evaluation) keeps the
    gradient it has, which hands relevance on unchanged.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run a torch function, with its rule if it has one and relevance reaches it."""
        kwargs = kwargs or {}
        rule = _RULES.get(func)
        tensors = [a for a in args[:2] if isinstance(a, Tensor)]
        if rule is None or not any(t.requires_grad for t in tensors):
            return func(*args, **kwargs)
        return rule(args, kwargs)


class _Replaced(torch.autograd.Function):
    """A value with a backward of one's own choosing."""

    @staticmethod
    def forward(ctx: Any, backward: Callable[[Tensor], Any], value: Tensor, *inputs: Tensor) -> Any:
        ctx.relevance_of_inputs = backward
        return value

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> Any:
        return None, None, *ctx.relevance_of_inputs(relevance[0])


def _replaced(
    value: Tensor, backward: Callable[[Tensor], tuple[Tensor | None, ...]], *inputs: Tensor
) -> Tensor:
    made: Tensor = _Replaced.apply(backward, value.detach(), *inputs)
    return made


def _share(relevance: Tensor, total: Tensor) -> Tensor:
    """Divide; where nothing was contributed, relevance is dropped."""
    return torch.where(total == 0, 0, relevance / torch.where(total == 0, 1, total))


def _z_plus(
    x: Tensor, weight: Tensor, apply: Callable[[Tensor, Tensor], Tensor]
) -> Callable[[Tensor], tuple[Tensor]]:
    """The z+ rule of a linear function: only contributions that raise the output count.

    Positive inputs meet positive weights, negative inputs negative weights; the bias takes nothing.
    """

    def backward(relevance: Tensor) -> tuple[Tensor]:
        signs = [(x.clamp(min=0), weight.clamp(min=0))]
        if bool((x < 0).any()):  # never after a ReLU: then one convolution is enough
            signs.append((x.clamp(max=0), weight.clamp(max=0)))
        with torch.enable_grad():
            parts = [part.detach().requires_grad_() for part, _ in signs]
            total = sum(
                (apply(part, w) for part, (_, w) in zip(parts, signs, strict=True)),
                start=torch.zeros((), dtype=x.dtype, device=x.device),
            )
        share = _share(relevance, total.detach())
        spread = torch.autograd.grad(total, parts, share)
        shares = [p.detach() * s for p, s in zip(parts, spread, strict=True)]
        return (torch.stack(shares).sum(0),)

    return backward


def _conv2d(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    x, weight, *rest = args
    options = dict(zip(("bias", "stride", "padding", "dilation", "groups"), rest, strict=False))
    options.update(kwargs)
    value = F.conv2d(x, weight, **options)
    unbiased = {**options, "bias": None}
    rule = _z_plus(x.detach(), weight, lambda part, w: F.conv2d(part, w, **unbiased))
    return _replaced(value, rule, x)


def _linear(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    x, weight = args[:2]
    value = F.linear(*args, **kwargs)
    return _replaced(value, _z_plus(x.detach(), weight, F.linear), x)


def _identity(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def rule(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        # In place would overwrite an input that an addition still needs.
        return _replaced(function(*args, **kwargs), lambda r: (r,), args[0])

    return rule


def _relu(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    return _replaced(args[0].clamp(min=0), lambda r: (r,), args[0])


def _add(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Residual addition: each operand takes the (signed) share that it contributed."""
    value: Tensor = torch.add(*args, **kwargs)
    terms = [a if isinstance(a, Tensor) else torch.as_tensor(a) for a in args[:2]]
    a, b = (t.detach().expand_as(value) for t in terms)

    def backward(relevance: Tensor) -> tuple[Tensor | None, ...]:
        share = _share(relevance, value.detach())
        shares = (a * share, b * share)
        return tuple(
            s.sum_to_size(t.shape) if t.requires_grad else None
            for s, t in zip(shares, terms, strict=True)
        )

    return _replaced(value, backward, *terms)


def _gate(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Multiplication by a gate (squeeze and excitation): the gated signal takes all relevance."""
    value: Tensor = torch.mul(*args, **kwargs)
    tensors = [a for a in args[:2] if isinstance(a, Tensor)]
    signal = max(tensors, key=lambda t: (t.numel(), t.requires_grad))
    return _replaced(value, lambda r: (r,), signal)


def _average(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Average pooling: in proportion to what is positive."""

    def rule(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        x, *rest = args
        positive = x.detach().clamp(min=0)

        def backward(relevance: Tensor) -> tuple[Tensor]:
            with torch.enable_grad():
                part = positive.clone().requires_grad_()
                total = function(part, *rest, **kwargs)
            share = _share(relevance, total.detach())
            return (positive * torch.autograd.grad(total, part, share)[0],)

        return _replaced(function(*args, **kwargs), backward, x)

    return rule


_RULES: dict[Callable[..., Any], Callable[[tuple[Any, ...], dict[str, Any]], Tensor]] = {
    F.conv2d: _conv2d,
    torch.conv2d: _conv2d,
    F.linear: _linear,
    F.batch_norm: _identity(F.batch_norm),
    **dict.fromkeys((F.relu, torch.relu, F.relu_, torch.relu_, Tensor.relu, Tensor.relu_), _relu),
    **dict.fromkeys((torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__iadd__), _add),
    **dict.fromkeys((torch.mul, Tensor.mul, Tensor.mul_, Tensor.__mul__, Tensor.__imul__), _gate),
    **{f: _average(f) for f in (F.adaptive_avg_pool2d, F.avg_pool2d, torch.mean, Tensor.mean)},
}
