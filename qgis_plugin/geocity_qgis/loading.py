"""Sees to it that results come into QGIS with the styles that geocity wrote."""

from __future__ import annotations

import os
from collections import deque
from typing import Any, Sequence

from qgis.core import (
    QgsDataProvider,
    QgsProcessingContext,
    QgsProcessingLayerPostProcessorInterface,
    QgsVectorLayer,
)

CHANGE_LAYERS = ("growth", "loss", "persistent", "settlements")
"""What is shown of a change; the rest of the file is for tables and checks."""


class StyleLoader(QgsProcessingLayerPostProcessorInterface):
    """Gives a layer the style beside it or inside it; Processing does not."""

    def postProcessLayer(self, layer: Any, context: Any, feedback: Any) -> None:
        """Load the default style, with its legend, aliases and dates."""
        layer.loadDefaultStyle()
        layer.triggerRepaint()


_LOADERS: deque[StyleLoader] = deque(maxlen=256)
# QGIS keeps a pointer to a loader beyond the life of the algorithm, and does not own it.


def style_results(context: QgsProcessingContext) -> None:
    """Have every result that will be shown loaded with its style."""
    for source in context.layersToLoadOnCompletion():
        _LOADERS.append(StyleLoader())
        context.layerToLoadOnCompletionDetails(source).setPostProcessor(_LOADERS[-1])


def load(context: QgsProcessingContext, source: str, name: str, output: str) -> None:
    """Have a layer shown that is no parameter of the algorithm."""
    project = context.project()
    if project is not None:
        details = QgsProcessingContext.LayerDetails(name, project, output)
        details.forceName = True
        context.addLayerToLoadOnCompletion(source, details)


def load_layers_of(context: QgsProcessingContext, path: str, wanted: Sequence[str]) -> None:
    """Show the layers of a change instead of its first one."""
    if not context.willLoadLayerOnCompletion(path):
        return
    kept = context.layersToLoadOnCompletion()
    former = kept.pop(path)
    context.setLayersToLoadOnCompletion(kept)
    there = layer_names(path)
    for name in wanted:
        if name in there:
            details = QgsProcessingContext.LayerDetails(name, former.project, former.outputName)
            details.forceName = True
            context.addLayerToLoadOnCompletion(f"{path}|layername={name}", details)


def layer_names(path: str) -> list[str]:
    """Return the names of the layers with geometries in a file of polygons."""
    whole = QgsVectorLayer(path, "", "ogr")
    if not whole.isValid():
        return []
    parts = [
        entry.split(QgsDataProvider.sublayerSeparator())
        for entry in whole.dataProvider().subLayers()
    ]
    # An entry holds number, name, count, geometry type and column.
    return [part[1] for part in parts if len(part) > 3 and part[3] not in ("", "None")]


def newest_outlines(folder: str) -> str:
    """Return the outlines that `geocity map` has just written into a folder."""
    paths = [os.path.join(folder, name) for name in ("slums.gpkg", "polygons.gpkg")]
    return max(filter(os.path.isfile, paths), key=os.path.getmtime, default="")


def load_map(context: QgsProcessingContext, folder: str, outlines: str) -> None:
    """Show the layers of outlines and their class rasters; the folder may hold older ones too."""
    layers = layer_names(outlines)
    for layer in layers:
        raster = f"classes_{layer.split('_', 1)[-1]}"
        path = os.path.join(folder, f"{raster}.tif")
        if os.path.isfile(path):
            load(context, path, raster, "OUT")
    for layer in layers:
        load(context, f"{outlines}|layername={layer}", layer, "OUT")
