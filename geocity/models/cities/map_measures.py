"""Measuring heat maps on the network they explain (see `geocity.core.cities.faithfulness`)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from geocity.core.cities.faithfulness import (
    Faithfulness,
    average_drop,
    curve_shares,
    first_pixels,
    keep_top,
    rank_agreement,
    ranks,
)
from geocity.core.cities.heat import Maps
from geocity.errors import ModelError
from geocity.models.cities.cams import heat_maps, redrawn_head
from geocity.models.cities.inference import CityModel
from geocity.models.relevance import Start

_BLUR_SHARE = 0.05
"""Width of the blur that insertion begins with, as a share of the image's side."""


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """How maps are measured.

    Attributes:
        layers: of the network, in the order in which they are run.
        start: of the relevance.
        steps: points of a deletion or insertion curve after the first.
        draws: how often the head is drawn anew.
        seed: of the draws.
        batch_size: images at a time.
    """

    layers: tuple[str, ...]
    start: Start = "zero-sum"
    steps: int = 10
    draws: int = 3
    seed: int = 0
    batch_size: int = 8


def measure(
    model: CityModel,
    pixels: Tensor,
    targets: Sequence[int],
    method: str,
    options: MeasureOptions,
    done: Callable[[], None] = lambda: None,
) -> list[Faithfulness]:
    """Measure one method on some images.

    Args:
        model: the network explained.
        pixels: images of the network's size, 0 to 255, shape (images, 3, rows, cols).
        targets: the city explained in each.
        method: see `geocity.models.cities.cams.METHODS`.
        options: how.
        done: called after every image.

    Returns:
        One result a layer.
    """
    maps = {name: _Gathered([], [], [], []) for name in options.layers}
    before: list[float] = []
    for image, target in zip(pixels, targets, strict=True):
        chance = _Chance(model, target, options)
        before += chance(image[None]).tolist()
        found = _maps(model, image, target, method, options)
        redrawn = _redrawn_maps(model, image, target, method, options)
        for name, gathered in maps.items():
            gathered.add(image, found[name], chance, options.steps)
            repeated = np.repeat(found[name][None], options.draws, 0)
            gathered.agreement.extend(rank_agreement(repeated, redrawn[name]).tolist())
        done()
    return [gathered.result(method, name, before) for name, gathered in maps.items()]


def _maps(
    model: CityModel, image: Tensor, target: int, method: str, options: MeasureOptions
) -> dict[str, NDArray[np.float32]]:
    found = heat_maps(
        model.network,
        model.prepare(image[None]),
        options.layers,
        [target],
        method=method,
        start=options.start,
    )
    return {name: maps[0].numpy() for name, maps in found.items()}


def _redrawn_maps(
    model: CityModel, image: Tensor, target: int, method: str, options: MeasureOptions
) -> dict[str, NDArray[np.float32]]:
    """Return the maps of differently redrawn heads, shape (draws, rows, cols), by layer."""
    classes = len(model.contract.cities)
    drawn = []
    for draw in range(options.draws):
        with redrawn_head(model.network, classes, options.seed + draw):
            try:
                drawn.append(_maps(model, image, target, method, options))
            except ModelError:
                # This network conserves relevance, as its own head showed; by chance nothing in the
                # drawn one raises this city, so there is no map to compare.
                flat = np.zeros(image.shape[-2:], np.float32)
                drawn.append(dict.fromkeys(options.layers, flat))
    return {name: np.stack([maps[name] for maps in drawn]) for name in options.layers}


class _Chance:
    """The probability of one city."""

    def __init__(self, model: CityModel, target: int, options: MeasureOptions) -> None:
        self._model, self._target, self._options = model, target, options

    @torch.no_grad()
    def __call__(self, pixels: Tensor) -> NDArray[np.float64]:
        found = []
        for batch in torch.split(pixels, self._options.batch_size):
            logits = self._model.logits(self._model.prepare(batch)).double()
            chances = torch.softmax(logits / self._model.contract.temperature, 1)
            found.append(chances[:, self._target].cpu().numpy())
        return np.concatenate(found)


@dataclass(frozen=True, slots=True)
class _Gathered:
    after: list[float]
    deletion: list[NDArray[np.float64]]
    insertion: list[NDArray[np.float64]]
    agreement: list[float]

    def add(self, image: Tensor, heat: Maps, chance: _Chance, steps: int) -> None:
        """Show the network an image without what the map calls unimportant, and step by step."""
        weights = torch.from_numpy(keep_top(heat[None]).astype(np.float32))
        self.after.extend(chance((image * weights[0].to(image))[None]).tolist())
        places = ranks(heat)
        shares = curve_shares(steps)
        gone = torch.from_numpy(np.stack([first_pixels(places, share) for share in shares]))
        gone = gone[:, None].to(image.device)
        blank = image.mean((1, 2), keepdim=True).expand_as(image)
        self.deletion.append(chance(torch.where(gone, blank, image)))
        self.insertion.append(chance(torch.where(gone, image, _blurred(image))))

    def result(self, method: str, layer: str, before: Sequence[float]) -> Faithfulness:
        """Return the means."""
        agreement = [a for a in self.agreement if not math.isnan(a)]
        return Faithfulness(
            method=method,
            layer=layer,
            drop=average_drop(before, self.after),
            deletion=tuple(np.mean(self.deletion, 0).tolist()),
            insertion=tuple(np.mean(self.insertion, 0).tolist()),
            redraw=float(np.mean(agreement)) if agreement else None,
        )


def _blurred(image: Tensor) -> Tensor:
    width = max(1.0, _BLUR_SHARE * image.shape[-1])
    # Odd, about two widths each way, and within the mirror that the blur needs at the edge.
    reach = min(2 * math.ceil(width), min(image.shape[-2:]) - 1)
    blurred: Tensor = gaussian_blur(image, [2 * reach + 1] * 2, [width, width])
    return blurred
