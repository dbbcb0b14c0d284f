"""Layers of a QGIS project, made from the files that geocity reads and writes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from rasterio.enums import ColorInterp, MaskFlags

from geocity.core.grid import Grid, Window
from geocity.errors import InputError, MissingCRSError
from geocity.io import styles
from geocity.io.class_rasters import open_class_raster, open_probability_raster
from geocity.io.datasets import open_dataset
from geocity.io.geopackage_styles import read_styles
from geocity.io.projects import ProjectLayer
from geocity.io.qml import Period
from geocity.io.rasters import Scene, open_scene
from geocity.io.staging import PathLike

POLYGONS, CLASS_MAPS, PROBABILITY, IMAGERY = "Polygons", "Class maps", "Probability", "Imagery"
"""The groups of a project, top to bottom."""

_SAMPLES = 4
_SAMPLE_PX = 256
_DARKEST, _BRIGHTEST = 2, 98
"""Percentiles that the display is stretched between."""

_COLORS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


def imagery_layer(
    path: PathLike, name: str, *, period: Period | None = None, visible: bool = True
) -> ProjectLayer:
    """Return a scene in natural colours; uint8 as it is, other types stretched.

    Bands come from what the file says of red, green and blue, else the first three; a scene of one
    or two bands is grey. Transparent and masked pixels are not drawn.

    Raises:
        InputError: if the scene cannot be read.
    """
    with open_scene(path) as scene:
        positions, bands, alpha = _display_bands(scene)
        limits = [(0.0, 255.0)] * len(bands)
        if scene.dtype != np.uint8:
            limits = _limits(scene, positions)
        chosen = (bands[0], bands[1], bands[2]) if len(bands) == 3 else (bands[0],)
        qml = styles.imagery_qml(chosen, limits, alpha_band=alpha)
        layer = _raster(path, name, IMAGERY, scene.grid, qml)
    return replace(layer, period=period, visible=visible, in_legend=False)


def class_raster_layer(
    path: PathLike, name: str, *, period: Period | None = None, visible: bool = True
) -> ProjectLayer:
    """Return a class raster that lets imagery show where there is background.

    Raises:
        InputError: if the raster cannot be read.
    """
    with open_class_raster(path) as raster:
        qml = styles.class_raster_qml(raster.classes, see_through_background=True)
        layer = _raster(path, name, CLASS_MAPS, raster.grid, qml)
    return replace(layer, period=period, visible=visible)


def probability_layer(
    path: PathLike, name: str, *, period: Period | None = None, visible: bool = True
) -> ProjectLayer:
    """Return the first band of a probability raster.

    Raises:
        InputError: if the raster cannot be read.
    """
    with open_probability_raster(path) as raster:
        qml = styles.probability_qml(raster.class_names[0])
        layer = _raster(path, name, PROBABILITY, raster.grid, qml)
    return replace(layer, period=period, visible=visible)


def polygon_layer(
    path: PathLike,
    layer: str | None,
    name: str,
    *,
    group: str = POLYGONS,
    qml: str | None = None,
    period: Period | None = None,
    visible: bool = True,
) -> ProjectLayer:
    """Return a layer of polygons, by default with the style that its GeoPackage carries inside.

    Args:
        path: the file.
        layer: which layer of it; None for the only one.
        name: what people read in the legend.
        group: the group it stands in.
        qml: the style; None takes the one inside the GeoPackage.
        period: the time it holds for; None keeps what the style says.
        visible: switched on when the project opens.

    Raises:
        InputError: if there is no such layer, or it has no style.
        MissingCRSError: if it has no coordinate reference system.
    """
    try:
        about = pyogrio.read_info(path, layer=layer, force_total_bounds=True)
    except (DataSourceError, DataLayerError) as error:
        raise InputError(f"{path} has no layer {layer!r} that can be read: {error}.") from error
    if about["crs"] is None:
        raise MissingCRSError(f"Layer {layer} of {path} has no coordinate reference system.")
    layer = str(about["layer_name"])
    if qml is None:
        qml = read_styles(path).get(layer)
    if qml is None:
        raise InputError(f"Layer {layer} of {path} carries no style; write it with geocity.")
    extent = about["total_bounds"]
    empty = extent is None or about["features"] == 0 or not np.isfinite(extent).all()
    left, bottom, right, top = (0.0, 0.0, 0.0, 0.0) if empty else (float(v) for v in extent)
    return ProjectLayer(
        path=Path(path),
        name=name,
        group=group,
        kind="vector",
        crs=CRS.from_user_input(about["crs"]),
        bounds=None if empty else (left, bottom, right, top),
        qml=qml,
        layer=layer if Path(path).suffix.lower() == ".gpkg" else None,
        period=period,
        visible=visible,
    )


def _raster(path: PathLike, name: str, group: str, grid: Grid, qml: str) -> ProjectLayer:
    return ProjectLayer(
        path=Path(path),
        name=name,
        group=group,
        kind="raster",
        crs=grid.crs,
        bounds=grid.bounds,
        qml=qml,
    )


def _display_bands(scene: Scene) -> tuple[list[int], list[int], int | None]:
    """Return the bands to show, as the scene and as QGIS count them, and the one that hides."""
    with open_dataset(str(scene.path)) as source:
        meanings = list(source.colorinterp)
        flags = source.mask_flag_enums[0]
    numbers = [n for n, m in enumerate(meanings, start=1) if m is not ColorInterp.alpha]
    alpha = next((n for n, m in enumerate(meanings, start=1) if m is ColorInterp.alpha), None)
    if alpha is None and flags == [MaskFlags.per_dataset]:
        # QGIS shows the mask of a whole file as one band more.
        alpha = len(meanings) + 1
    chosen = numbers[:3] if len(numbers) >= 3 else numbers[:1]
    if all(color in meanings for color in _COLORS):
        chosen = [meanings.index(color) + 1 for color in _COLORS]
    return [numbers.index(n) for n in chosen], chosen, alpha


def _limits(scene: Scene, positions: Sequence[int]) -> list[tuple[float, float]]:
    """Return the 2nd and 98th percentile of each band, from windows spread over the scene."""
    rows, cols = scene.grid.shape
    samples: list[NDArray[Any]] = []
    for row in np.linspace(0, max(rows - _SAMPLE_PX, 0), _SAMPLES).astype(int):
        for col in np.linspace(0, max(cols - _SAMPLE_PX, 0), _SAMPLES).astype(int):
            window = Window(int(row), int(col), _SAMPLE_PX, _SAMPLE_PX)
            inside = window.intersect(scene.grid.window)
            if inside is not None:
                pixels, valid = scene.read(inside, positions)
                samples.append(pixels[:, valid])
    found = np.concatenate(samples, axis=1)
    if not found.shape[1]:
        return [(0.0, 1.0)] * len(positions)
    lows, highs = np.percentile(found, (_DARKEST, _BRIGHTEST), axis=1)
    # A flat band would divide by zero.
    highs = np.maximum(highs, lows + 1e-6)
    return [(float(low), float(high)) for low, high in zip(lows, highs, strict=True)]
