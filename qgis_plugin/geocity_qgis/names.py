"""Names of QGIS that moved: scoped enums since QGIS 3.36, as properties of classes before."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    Qgis,
    QgsProcessing,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
)


def _value(scope: str, member: str, owner: Any, former: str) -> Any:
    value = getattr(getattr(Qgis, scope, None), member, None)
    return getattr(owner, former) if value is None else value


ADVANCED = _value(
    "ProcessingParameterFlag", "Advanced", QgsProcessingParameterDefinition, "FlagAdvanced"
)
INTEGER = _value(
    "ProcessingNumberParameterType", "Integer", QgsProcessingParameterNumber, "Integer"
)
DOUBLE = _value("ProcessingNumberParameterType", "Double", QgsProcessingParameterNumber, "Double")
FOLDER = _value("ProcessingFileParameterBehavior", "Folder", QgsProcessingParameterFile, "Folder")
DATE = _value("ProcessingDateTimeParameterDataType", "Date", QgsProcessingParameterDateTime, "Date")
POLYGONS = _value("ProcessingSourceType", "VectorPolygon", QgsProcessing, "TypeVectorPolygon")
RASTERS = _value("ProcessingSourceType", "Raster", QgsProcessing, "TypeRaster")
MAP_LAYERS = _value("ProcessingSourceType", "MapLayer", QgsProcessing, "TypeMapLayer")
FILES = _value("ProcessingSourceType", "File", QgsProcessing, "TypeFile")
