"""The rules of layer-wise relevance propagation that Relevance-CAM needs.

The rules are attached to the *functions* a network calls (convolution, addition, pooling …) rather
than to its modules, so that torchvision, timm and TorchGeo networks need no preparation and the
network itself is never changed. Relevance travels as the gradient of autograd, whose sums at
branches are those of relevance.

Sources: the z+ rule of Montavon et al., *Explaining Nonlinear Classification Decisions with Deep
Taylor Decomposition*, Pattern Recognition 65, 2017, as Lee et al. use it (`relevance`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor
from torch.overrides import TorchFunctionMode

Share = Callable[[Tensor, Tensor], Tensor]
"""Divides relevance by the total of what contributed to each unit (`RelevanceMode.share`)."""


class RelevanceMode(TorchFunctionMode):
    """While it is on, gradients of the functions below are replaced by relevance.

    Everything else (reshaping, concatenation, max pooling, dropout in evaluation) keeps the
    gradient it has, which hands relevance on unchanged.

    Args:
        stretch: tells the number of the stretch of the network that is being run.
    """

    def __init__(self, stretch: Callable[[], int]) -> None:
        super().__init__()
        self._stretch = stretch
        self._dropped: dict[int, Tensor] = {}

    def dropped_from(self, first: int, like: Tensor) -> Tensor:
        """Relevance that ended in stretch `first` or later, shape (images,), in `like`'s type."""
        nothing = like.new_zeros(len(like))
        return sum((d for at, d in self._dropped.items() if at >= first), start=nothing)

    def share(self) -> Share:
        """Return the division for a function of this stretch; it counts what it drops."""
        stretch = self._stretch()

        def divide(relevance: Tensor, total: Tensor) -> Tensor:
            # The published rule: where nothing was contributed, relevance ends.
            empty = total == 0
            ended = torch.where(empty, relevance, 0).flatten(1).sum(1)
            self._dropped[stretch] = self._dropped.get(stretch, 0) + ended
            return torch.where(empty, 0, relevance / torch.where(empty, 1, total))

        return divide

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
        return rule(args, kwargs, self.share())


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


def _z_plus(
    x: Tensor, weight: Tensor, apply: Callable[[Tensor, Tensor], Tensor], share: Share
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
        spread = torch.autograd.grad(total, parts, share(relevance, total.detach()))
        shares = [p.detach() * s for p, s in zip(parts, spread, strict=True)]
        return (torch.stack(shares).sum(0),)

    return backward


def _conv2d(args: tuple[Any, ...], kwargs: dict[str, Any], share: Share) -> Tensor:
    x, weight, *rest = args
    options = dict(zip(("bias", "stride", "padding", "dilation", "groups"), rest, strict=False))
    options.update(kwargs)
    value = F.conv2d(x, weight, **options)
    unbiased = {**options, "bias": None}
    rule = _z_plus(x.detach(), weight, lambda part, w: F.conv2d(part, w, **unbiased), share)
    return _replaced(value, rule, x)


def _linear(args: tuple[Any, ...], kwargs: dict[str, Any], share: Share) -> Tensor:
    x, weight = args[:2]
    value = F.linear(*args, **kwargs)
    return _replaced(value, _z_plus(x.detach(), weight, F.linear, share), x)


def _identity(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def rule(args: tuple[Any, ...], kwargs: dict[str, Any], share: Share) -> Tensor:
        # In place would overwrite an input that an addition still needs.
        return _replaced(function(*args, **kwargs), lambda r: (r,), args[0])

    return rule


def _relu(args: tuple[Any, ...], kwargs: dict[str, Any], share: Share) -> Tensor:
    return _replaced(args[0].clamp(min=0), lambda r: (r,), args[0])


def _add(args: tuple[Any, ...], kwargs: dict[str, Any], share: Share) -> Tensor:
    """Residual addition: each operand takes the (signed) share that it contributed."""
    value: Tensor = torch.add(*args, **kwargs)
    terms = [a if isinstance(a, Tensor) else torch.as_tensor(a) for a in args[:2]]
    a, b = (t.detach().expand_as(value) for t in terms)

    def backward(relevance: Tensor) -> tuple[Tensor | None, ...]:
        by_unit = share(relevance, value.detach())
        shares = (a * by_unit, b * by_unit)
        return tuple(
            s.sum_to_size(t.shape) if t.requires_grad else None
            for s, t in zip(shares, terms, strict=True)
        )

    return _replaced(value, backward, *terms)


def _gate(args: tuple[Any, ...], kwargs: dict[str, Any], share: Share) -> Tensor:
    """Multiplication by a gate (squeeze and excitation): the gated signal takes all relevance."""
    value: Tensor = torch.mul(*args, **kwargs)
    tensors = [a for a in args[:2] if isinstance(a, Tensor)]
    signal = max(tensors, key=lambda t: (t.numel(), t.requires_grad))
    return _replaced(value, lambda r: (r,), signal)


def _average(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Average pooling: in proportion to what is positive."""

    def rule(args: tuple[Any, ...], kwargs: dict[str, Any], share: Share) -> Tensor:
        x, *rest = args
        positive = x.detach().clamp(min=0)

        def backward(relevance: Tensor) -> tuple[Tensor]:
            with torch.enable_grad():
                part = positive.clone().requires_grad_()
                total = function(part, *rest, **kwargs)
            by_unit = share(relevance, total.detach())
            return (positive * torch.autograd.grad(total, part, by_unit)[0],)

        return _replaced(function(*args, **kwargs), backward, x)

    return rule


_RULES: dict[Callable[..., Any], Callable[[tuple[Any, ...], dict[str, Any], Share], Tensor]] = {
    F.conv2d: _conv2d,
    torch.conv2d: _conv2d,
    F.linear: _linear,
    F.batch_norm: _identity(F.batch_norm),
    **dict.fromkeys((F.relu, torch.relu, F.relu_, torch.relu_, Tensor.relu, Tensor.relu_), _relu),
    **dict.fromkeys((torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__iadd__), _add),
    **dict.fromkeys((torch.mul, Tensor.mul, Tensor.mul_, Tensor.__mul__, Tensor.__imul__), _gate),
    **{f: _average(f) for f in (F.adaptive_avg_pool2d, F.avg_pool2d, torch.mean, Tensor.mean)},
}
