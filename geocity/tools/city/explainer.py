"""A loaded model that explains itself: what patches and whole images have in common."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.contract import CityContract
from geocity.core.cities.salience import SalienceTally
from geocity.errors import BandMismatchError, InputError
from geocity.io.cities.ground_cover import GroundCover, PolygonCover, RasterCover
from geocity.io.figures.cities_relevance import Look
from geocity.tools.city.explain_options import ExplainOptions

if TYPE_CHECKING:
    from torch import Tensor

    from geocity.models.cities.inference import CityModel
    from geocity.models.relevance import Start

logger = logging.getLogger(__name__)

PREDICTED = "predicted"

_TITLES = {
    "relevance-cam": "Relevance-CAM",
    "grad-cam": "Grad-CAM",
    "grad-cam++": "Grad-CAM++",
    "layer-cam": "LayerCAM",
    "xgrad-cam": "XGrad-CAM",
    "hires-cam": "HiResCAM",
}


@dataclass(frozen=True, eq=False)
class Explainer:
    """A model and how it is explained.

    Attributes:
        model: loaded.
        options: how.
        layers: names of modules.
        target: position of the city that is explained everywhere; None: each patch's own.
        cover: what is on the ground, if known.
        tally: gathers what is salient.
    """

    model: "CityModel"
    options: ExplainOptions
    layers: tuple[str, ...]
    target: int | None
    cover: GroundCover | None
    tally: SalienceTally | None

    @property
    def contract(self) -> CityContract:
        """Return what the model expects and gives."""
        return self.model.contract

    @property
    def start(self) -> "Start":
        """Return the start of the relevance."""
        return cast("Start", self.options.start)

    @cached_property
    def look(self) -> Look:
        """Return what all sheets share."""
        return Look(self.layers, title_of(self.options.method), self.options.signed)

    def probabilities(self, pixels: "Tensor") -> NDArray[np.float64]:
        """Return calibrated probabilities (patches, cities) of pixels from 0 to 255."""
        import torch

        with torch.inference_mode():
            logits = self.model.logits(self.model.prepare(pixels)).double()
        chances = torch.softmax(logits / self.contract.temperature, 1)
        return np.asarray(chances.cpu().numpy())

    def maps(
        self, pixels: "Tensor", targets: Sequence[int], method: str | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Return what speaks for a city in each patch, by layer: (patches, input_px, input_px)."""
        from geocity.models.cities.cams import heat_maps

        found = heat_maps(
            self.model.network,
            self.model.prepare(pixels),
            self.layers,
            targets,
            method=method or self.options.method,
            start=self.start,
        )
        return {name: maps.numpy() for name, maps in found.items()}


def title_of(method: str) -> str:
    """Return a method's name as people write it."""
    return _TITLES[method]


def make_explainer(model: "CityModel", options: ExplainOptions) -> Explainer:
    """Check options against a model.

    Raises:
        InputError: if the model has no such layer or city, or the ground cannot be read.
        BandMismatchError: if the model takes other bands than red, green and blue.
    """
    contract = model.contract
    if len(contract.bands) != 3:
        raise BandMismatchError(
            f"The model takes {len(contract.bands)} bands ({', '.join(contract.bands)}); "
            "explanations are made for models of red, green and blue."
        )
    cover = _cover(options)
    tally = None if cover is None else SalienceTally(cover.names, options.seed)
    target = _target(contract, options.target)
    return Explainer(model, options, _layers(model, options.layers), target, cover, tally)


def _layers(model: "CityModel", asked: Sequence[str]) -> tuple[str, ...]:
    modules = [name for name, _ in model.network.named_modules() if name]
    layers = []
    for name in asked:
        if name.isdecimal() and model.stages:
            if not 1 <= int(name) <= len(model.stages):
                raise InputError(
                    f"Layer {name} was asked for; a ResNet has the layers 1 to {len(model.stages)}."
                )
            layers.append(model.stages[int(name) - 1])
        elif name in modules:
            layers.append(name)
        else:
            raise InputError(
                f"The model's {model.contract.backbone} has no layer {name}; name modules of it "
                f"(--layers), such as {', '.join(_examples(modules))}."
            )
    order = {name: place for place, name in enumerate(modules)}
    return tuple(sorted(layers, key=order.__getitem__))


def _examples(modules: Sequence[str]) -> list[str]:
    """Return the names that most likely are stages: the parts of the largest part."""
    shallow = [name for name in modules if name.count(".") <= 1]
    return [name for name in shallow if "stage" in name or "layer" in name][:4] or shallow[:4]


def _target(contract: CityContract, asked: str | None) -> int | None:
    if asked is None or asked == PREDICTED:
        return None
    wanted = asked.casefold()
    for position, names in enumerate(contract.cities):
        if wanted in (name.casefold() for name in names):
            return position
    raise InputError(
        f"The model knows no city {asked!r}; name one of {', '.join(contract.names[:20])}, "
        f"or {PREDICTED}."
    )


def _cover(options: ExplainOptions) -> GroundCover | None:
    if options.classes:
        return RasterCover(options.classes)
    if options.polygons is not None:
        return PolygonCover(options.polygons, options.class_field)
    return None


def picture_of(pixels: Any) -> NDArray[np.uint8]:
    """Return a patch (3, rows, cols), 0 to 255, as a picture (rows, cols, 3)."""
    picture = np.moveaxis(np.asarray(pixels), 0, -1).round().clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(picture)
