"""Losses that leave unknown pixels (255) out, all of them, and weigh classes, all of them.

Each is called with logits (batch, classes, rows, cols) and targets (batch, rows, cols) of class
indexes. A batch without a known pixel costs 0 and moves nothing.
"""

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from geocity.core.classes import NODATA
from geocity.errors import InputError

LOSSES = ("ce", "focal", "dice", "lovasz")
_TERM = re.compile(r"(?:(?P<factor>\d*\.?\d+)\*)?(?P<name>[a-z]+)")


def make_loss(formula: str, class_weights: Sequence[float] | None = None) -> "WeightedSum":
    """Make a loss of its formula.

    Args:
        formula: a name of `LOSSES` or a weighted sum of them: ``ce``, ``ce+dice``,
            ``0.7*ce+0.3*lovasz``.
        class_weights: one weight per class, or None for equal weights.

    Raises:
        InputError: if the formula cannot be read.
    """
    weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
    kinds = {"ce": CrossEntropy, "focal": Focal, "dice": Dice, "lovasz": Lovasz}
    terms: list[nn.Module] = []
    factors: list[float] = []
    for text in formula.replace(" ", "").split("+"):
        match = _TERM.fullmatch(text)
        if match is None or match["name"] not in kinds:
            raise InputError(
                f"cannot read the loss {formula!r}; expected {', '.join(LOSSES)} or a weighted "
                "sum such as ce+dice or 0.7*ce+0.3*lovasz"
            )
        terms.append(kinds[match["name"]](weights))
        factors.append(float(match["factor"] or 1))
    if not any(factors):
        raise InputError(f"the loss {formula!r} is always 0; give it a factor above 0")
    return WeightedSum(terms, factors)


class WeightedSum(nn.Module):
    """A weighted sum of losses."""

    def __init__(self, terms: Sequence[nn.Module], factors: Sequence[float]) -> None:
        super().__init__()
        self.terms = nn.ModuleList(terms)
        self.factors = tuple(factors)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        # Half precision overflows in sums over a million pixels.
        logits = logits.float()
        total = logits.sum() * 0  # keeps the graph where nothing is known
        for term, factor in zip(self.terms, self.factors, strict=True):
            total = total + factor * term(logits, target)
        return total


class _ClassLoss(nn.Module):
    weights: Tensor | None

    def __init__(self, weights: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("weights", weights)

    def class_weights(self, logits: Tensor) -> Tensor:
        if self.weights is None:
            return logits.new_ones(logits.shape[1])
        return self.weights.to(logits.dtype)


class CrossEntropy(_ClassLoss):
    """Cross-entropy, averaged over known pixels by the weight of their class."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        entropy, weight = _pixel_entropy(logits, target, self.class_weights(logits))
        return (entropy * weight).sum() / weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)


class Focal(_ClassLoss):
    """Focal loss per pixel (Lin et al. 2017, eq. 4): ``(1 - p)^2 * -log p`` of the true class."""

    gamma = 2.0

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        entropy, weight = _pixel_entropy(logits, target, self.class_weights(logits))
        focal = (1 - torch.exp(-entropy)).clamp_min(0) ** self.gamma * entropy
        return (focal * weight).sum() / weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)


class Dice(_ClassLoss):
    """One minus the soft Dice of the batch, averaged over the classes present in the labels.

    (Milletari et al. 2016, with plain sums instead of squares.)
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        scores, truth = _known_pixels(logits, target)
        overlap = (scores * truth).sum(0)
        size = scores.sum(0) + truth.sum(0)
        dice = 2 * overlap / size.clamp_min(torch.finfo(size.dtype).tiny)
        weight = self.class_weights(logits) * (truth.sum(0) > 0)
        return ((1 - dice) * weight).sum() / weight.sum().clamp_min(1e-12)


class Lovasz(_ClassLoss):
    """Lovász-softmax over the classes present (Berman et al. 2018, algorithm 1): IoU's own loss."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        scores, truth = _known_pixels(logits, target)
        weight = self.class_weights(logits) * (truth.sum(0) > 0)
        total = logits.sum() * 0
        for index in range(logits.shape[1]):
            if weight[index] > 0:
                total = total + weight[index] * _lovasz_hinge(scores[:, index], truth[:, index])
        return total / weight.sum().clamp_min(1e-12)


def _lovasz_hinge(scores: Tensor, truth: Tensor) -> Tensor:
    errors, order = torch.sort((truth - scores).abs(), descending=True)
    truth = truth[order]
    intersection = truth.sum() - truth.cumsum(0)
    union = truth.sum() + (1 - truth).cumsum(0)
    jaccard = 1 - intersection / union
    steps = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
    return (errors * steps).sum()


def _pixel_entropy(logits: Tensor, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return -log p of the true class and the weight of every pixel; unknown pixels weigh 0."""
    known = target != NODATA
    index = torch.where(known, target, 0).long()
    entropy = functional.cross_entropy(logits, index, reduction="none")
    return entropy, weights[index] * known


def _known_pixels(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return probabilities and one-hot truth of the known pixels, each (pixels, classes)."""
    known = (target != NODATA).flatten()
    classes = logits.shape[1]
    # (batch, classes, rows, cols) -> (pixels, classes)
    scores = logits.softmax(1).movedim(1, -1).reshape(-1, classes)[known]
    truth = functional.one_hot(target.flatten()[known].long(), classes).to(scores.dtype)
    return scores, truth
