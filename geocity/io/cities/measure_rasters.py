"""Measures on the map at patch stride: probability, entropy, likeness, as GeoTIFFs with a style."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RioWindow

from geocity.core.grid import Grid
from geocity.io.cities.float_rasters import dress_numbers, float_cog, float_raster
from geocity.io.markup import node
from geocity.io.qml import Rgba, color_ramp_shader, raster_document, raster_renderer
from geocity.io.staging import PathLike, staged

VIRIDIS: tuple[tuple[float, Rgba], ...] = (
    (0.0, (68, 1, 84, 255)),
    (0.25, (59, 82, 139, 255)),
    (0.5, (33, 145, 140, 255)),
    (0.75, (94, 201, 98, 255)),
    (1.0, (253, 231, 37, 255)),
)
"""Matplotlib's perceptually even "viridis"."""


class MeasureSink:
    """Takes the rows of a raster one by one."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def write_row(self, row: int, values: NDArray[np.floating]) -> None:
        """Write a row (cols,), NaN where there is none."""
        window = RioWindow(0, row, len(values), 1)
        self._dataset.write(values.astype(np.float32)[None], 1, window=window)


@contextlib.contextmanager
def create_measure_raster(
    out: PathLike, grid: Grid, name: str, limits: tuple[float, float], tags: Mapping[str, str]
) -> Iterator[MeasureSink]:
    """Write a cloud-optimised GeoTIFF of one float32 band row by row, with a QGIS style beside it.

    Args:
        out: the GeoTIFF to make.
        grid: where its pixels are.
        name: of the measure.
        limits: values drawn darkest and brightest.
        tags: provenance, kept in the file.

    Yields:
        The sink to write rows to.
    """
    with staged(out) as stage:
        scratch = stage.scratch(".tif")
        with rasterio.open(scratch, "w", **float_raster(grid, 1)) as dataset:
            dress_numbers(dataset, [name], tags)
            yield MeasureSink(dataset)
        float_cog(scratch, stage.path)
        stage.sidecar(".qml").write_text(measure_qml(name, limits), encoding="utf-8")


def measure_qml(name: str, limits: tuple[float, float]) -> str:
    """Return the style of a measure: an even ramp between two values.

    Args:
        name: shown in the legend.
        limits: values drawn darkest and brightest.
    """
    low, high = limits
    shader = color_ramp_shader(VIRIDIS, f"{name} = ")
    shader.set("minimumValue", f"{low:g}")
    shader.set("maximumValue", f"{high:g}")
    for item, (share, _) in zip(shader.findall("item"), VIRIDIS, strict=True):
        value = low + share * (high - low)
        item.set("value", f"{value:g}")
        item.set("label", f"{name} = {value:g}")
    renderer = raster_renderer("singlebandpseudocolor", 1, node("rastershader", None, shader))
    renderer.set("classificationMin", f"{low:g}")
    renderer.set("classificationMax", f"{high:g}")
    return raster_document(renderer, None)
