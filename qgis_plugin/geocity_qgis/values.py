"""Turns what was chosen in QGIS into what is typed on a command line: paths, numbers, texts."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from qgis.core import (
    NULL,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingUtils,
    QgsProviderRegistry,
    QgsRasterLayer,
    QgsVectorLayer,
)

from geocity_qgis.command import Command, Parameter

_VECTOR_FORMATS = ["gpkg", "shp", "geojson", "fgb"]
_TAKES_LAYER_NAMES = {
    ("change", "MAPS"),
    ("indicators", "SLUMS"),
    ("indicators", "UNITS"),
    ("dashboard", "SLUMS"),
    ("dashboard", "UNITS"),
}
"""Inputs for which geocity understands ``FILE|layername=NAME``."""


class Values:
    """Reads the parameters of one run.

    Args:
        algorithm: whose parameters they are.
        parameters: as QGIS hands them over.
        context: where layers are looked up.
        feedback: told when a layer must be written to a file first.
    """

    def __init__(
        self,
        algorithm: QgsProcessingAlgorithm,
        parameters: Mapping[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> None:
        self._algorithm = algorithm
        self._parameters = parameters
        self._context = context
        self._feedback = feedback

    def read(self, command: Command) -> dict[str, Any]:
        """Return plain values by the parameters' names; None where nothing was chosen."""
        return {
            parameter.key: self._one(command, parameter) if self._chosen(parameter.key) else None
            for parameter in command.parameters
        }

    def flag(self, name: str) -> bool:
        """Return whether a switch is on."""
        return bool(self._algorithm.parameterAsBool(self._parameters, name, self._context))

    def _chosen(self, name: str) -> bool:
        definition = self._algorithm.parameterDefinition(name)
        value = self._parameters.get(name, definition.defaultValue())
        return not _is_null(value) and value not in ("", [])

    def _one(self, command: Command, parameter: Parameter) -> Any:
        if parameter.kind in ("polygons", "layers", "maps"):
            named = (command.name, parameter.key) in _TAKES_LAYER_NAMES
            if parameter.kind == "polygons":
                return self._polygons(parameter.key, named)
            return [self._layer(layer, named) for layer in self._layers(parameter)]
        if parameter.kind == "rasters":
            return [_raster_path(layer) for layer in self._layers(parameter)]
        if parameter.kind == "extent":
            return self._box(parameter)
        return _READERS[parameter.kind](
            self._algorithm, self._parameters, parameter.key, self._context
        )

    def _layers(self, parameter: Parameter) -> list[Any]:
        layers = self._algorithm.parameterAsLayerList(
            self._parameters, parameter.key, self._context
        )
        chosen = self._parameters.get(parameter.key)
        if isinstance(chosen, (list, tuple)) and len(chosen) != len(layers or []):
            raise QgsProcessingException(
                f"{parameter.label}: {len(chosen)} were chosen and {len(layers or [])} of them can "
                f"be opened: {', '.join(str(one) for one in chosen)}."
            )
        return list(layers or [])

    def _layer(self, layer: Any, named: bool) -> str:
        if isinstance(layer, QgsRasterLayer):
            return _raster_path(layer)
        if not isinstance(layer, QgsVectorLayer):
            raise QgsProcessingException(
                f"The layer {layer.name()} is neither a raster nor outlines; choose another."
            )
        if named:
            return _named(*self._convert_named(layer))
        path: str = QgsProcessingUtils.convertToCompatibleFormat(
            layer, False, "layer", _VECTOR_FORMATS, "gpkg", self._context, self._feedback
        )
        return path

    def _convert_named(self, layer: QgsVectorLayer) -> Any:
        return QgsProcessingUtils.convertToCompatibleFormatAndLayerName(
            layer, False, "layer", _VECTOR_FORMATS, "gpkg", self._context, self._feedback
        )

    def _polygons(self, name: str, named: bool) -> str:
        given = (self._parameters, name, self._context, _VECTOR_FORMATS, "gpkg", self._feedback)
        if named:
            return _named(*self._algorithm.parameterAsCompatibleSourceLayerPathAndLayerName(*given))
        path: str = self._algorithm.parameterAsCompatibleSourceLayerPath(*given)
        return path

    def _box(self, parameter: Parameter) -> str:
        scene = self._algorithm.parameterAsRasterLayer(
            self._parameters, parameter.parent, self._context
        )
        box = self._algorithm.parameterAsExtent(
            self._parameters, parameter.key, self._context, scene.crs()
        )
        return ",".join(
            repr(edge) for edge in (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())
        )


def _is_null(value: Any) -> bool:
    # A model hands NULL where nothing was chosen.
    return value is None or value == NULL


def _named(path: str, layer: str) -> str:
    return f"{path}|layername={layer}" if layer else path


def _raster_path(layer: QgsRasterLayer) -> str:
    """Return what GDAL opens a raster layer by."""
    if layer.providerType() != "gdal":
        raise QgsProcessingException(
            f"The layer {layer.name()} comes from {layer.providerType()}, not from a file; export "
            "it as a GeoTIFF and choose that."
        )
    parts = QgsProviderRegistry.instance().decodeUri("gdal", layer.source())
    if parts.get("layerName") or not parts.get("path"):
        return str(layer.source())  # NETCDF:"file":variable and the like
    return str(parts.get("vsiPrefix") or "") + str(parts["path"])


def _raster(algorithm: Any, parameters: Any, name: str, context: Any) -> str:
    layer = algorithm.parameterAsRasterLayer(parameters, name, context)
    if layer is None:
        raise QgsProcessingException(algorithm.invalidRasterError(parameters, name))
    return _raster_path(layer)


def _split(algorithm: Any, parameters: Any, name: str, context: Any) -> list[str]:
    text = algorithm.parameterAsString(parameters, name, context)
    return [part.strip() for part in text.split(",") if part.strip()]


def _date(algorithm: Any, parameters: Any, name: str, context: Any) -> str:
    return str(algorithm.parameterAsDateTime(parameters, name, context).toString("yyyy-MM-dd"))


def _field(algorithm: Any, parameters: Any, name: str, context: Any) -> str:
    fields = algorithm.parameterAsFields(parameters, name, context)
    return str(fields[0]) if fields else ""


_READERS: dict[str, Callable[..., Any]] = {
    "raster": _raster,
    "dates": _split,
    "texts": _split,
    "date": _date,
    "field": _field,
    "file": QgsProcessingAlgorithm.parameterAsFile,
    "folder": QgsProcessingAlgorithm.parameterAsFile,
    "files": QgsProcessingAlgorithm.parameterAsFileList,
    "text": QgsProcessingAlgorithm.parameterAsString,
    "integer": QgsProcessingAlgorithm.parameterAsInt,
    "number": QgsProcessingAlgorithm.parameterAsDouble,
    "choice": QgsProcessingAlgorithm.parameterAsEnumString,
    "switch": QgsProcessingAlgorithm.parameterAsBool,
    "raster out": QgsProcessingAlgorithm.parameterAsOutputLayer,
    "vector out": QgsProcessingAlgorithm.parameterAsOutputLayer,
    "file out": QgsProcessingAlgorithm.parameterAsFileOutput,
    "folder out": QgsProcessingAlgorithm.parameterAsString,
}
