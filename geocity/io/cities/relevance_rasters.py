"""Relevance on the map: cloud-optimised GeoTIFFs of what speaks for and against a city.

One float32 band a layer of the network, nodata NaN. The values of a band are divided by the 99th
percentile of their magnitudes, so that nearly all lie between -1 (speaks against the city) and 1
(speaks for it) and one style fits all; the divisor is kept in the tags. A style for QGIS lies
beside the raster.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from geocity.core.cities.heat import SIGNED_RAMP
from geocity.core.grid import Grid, Window, blocks
from geocity.io.cities.float_rasters import dress_numbers, float_cog, float_raster
from geocity.io.class_raster_sinks import rio_window
from geocity.io.class_tiles import BLOCK
from geocity.io.markup import node
from geocity.io.qml import color_ramp_shader, raster_document, raster_renderer
from geocity.io.staging import PathLike, staged

DIVISOR_TAG = "GEOCITY_RELEVANCE_DIVISORS"
"""JSON: by layer, what the raw relevance was divided by."""

_PERCENTILE = 99
_LOOKED_AT_PX = 1024
_SHOWN_ALPHA = 230
_TILED = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "interleave": "band"}


class RelevanceSink:
    """Takes relevance, window by window."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def write(self, relevance: NDArray[np.float32], window: Window) -> None:
        """Write relevance (layers, rows, cols) where the window says, NaN where there is none."""
        self._dataset.write(relevance, window=rio_window(window))


@contextlib.contextmanager
def create_relevance_raster(
    out: PathLike,
    grid: Grid,
    layers: Sequence[str],
    *,
    tags: Mapping[str, str],
    overwrite: bool = False,
) -> Iterator[RelevanceSink]:
    """Write a relevance raster as a stream; what is never written stays nodata.

    Args:
        out: the GeoTIFF to make.
        grid: where its pixels are.
        layers: of the network, one a band; the style shows the last one.
        tags: provenance, kept in the file.
        overwrite: replace what is there.

    Yields:
        The sink to write windows to.
    """
    with staged(out, overwrite=overwrite) as stage:
        scratch = stage.scratch(".tif")
        with rasterio.open(scratch, "w", **float_raster(grid, len(layers)), **_TILED) as dataset:
            yield RelevanceSink(dataset)
        divisors = _divide(scratch, grid, layers)
        with rasterio.open(scratch, "r+") as dataset:
            dress_numbers(dataset, layers, {**tags, DIVISOR_TAG: json.dumps(divisors)})
        float_cog(scratch, stage.path)
        style = relevance_qml(layers[-1], band=len(layers))
        stage.sidecar(".qml").write_text(style, encoding="utf-8")


def _divide(scratch: Path, grid: Grid, layers: Sequence[str]) -> dict[str, float]:
    """Bring every band to about -1 … 1, in place, and return the divisors."""
    with rasterio.open(scratch, "r+") as dataset:
        # A look at every n-th pixel is enough for a percentile.
        shape = tuple(min(_LOOKED_AT_PX, side) for side in grid.shape)
        seen = np.abs(dataset.read(out_shape=(len(layers), *shape)))
        divisors = np.array([_most(band) for band in seen], np.float32)
        for window in blocks(grid.shape, (BLOCK, 4 * BLOCK)):
            values = dataset.read(window=rio_window(window))
            dataset.write(values / divisors[:, None, None], window=rio_window(window))
    return {layer: float(divisor) for layer, divisor in zip(layers, divisors, strict=True)}


def _most(magnitudes: NDArray[np.float32]) -> float:
    known = magnitudes[np.isfinite(magnitudes)]
    limit = float(np.percentile(known, _PERCENTILE)) if known.size else 0.0
    return limit if limit > 0 else 1.0


def relevance_qml(layer: str, *, band: int = 1) -> str:
    """Return the style of relevance: blue speaks against, red for; what says nothing is clear.

    Args:
        layer: of the network, named in the legend.
        band: counted from 1.
    """
    ramp = [
        ((value + 1) / 2, (*color, round(_SHOWN_ALPHA * abs(value))))
        for value, color in SIGNED_RAMP
    ]
    shader = color_ramp_shader(ramp, f"{layer}: ")
    shader.set("minimumValue", "-1")
    shader.set("maximumValue", "1")
    for item, (value, _) in zip(shader.findall("item"), SIGNED_RAMP, strict=True):
        item.set("value", f"{value:g}")
        item.set("label", f"{value:+g}")
    renderer = raster_renderer("singlebandpseudocolor", band, node("rastershader", None, shader))
    renderer.set("classificationMin", "-1")
    renderer.set("classificationMax", "1")
    return raster_document(renderer, None)
