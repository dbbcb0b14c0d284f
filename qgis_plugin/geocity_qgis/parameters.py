"""Makes the parameters of an algorithm from the rows of the table."""

from __future__ import annotations

from typing import Any, Callable

from qgis.core import (
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
)

from geocity_qgis import names
from geocity_qgis.command import OUTPUT_KINDS, Parameter

_LAYER_LISTS = {
    "rasters": names.RASTERS,
    "layers": names.POLYGONS,
    "maps": names.MAP_LAYERS,
    "files": names.FILES,
}


def make(parameter: Parameter) -> QgsProcessingParameterDefinition:
    """Return the definition that QGIS makes a field of the dialog from."""
    # What has a default cannot be empty; that is simpler to read than "optional".
    optional = not parameter.required and parameter.default in (None, "")
    if parameter.kind in _LAYER_LISTS:
        made = QgsProcessingParameterMultipleLayers(
            parameter.key, parameter.label, _LAYER_LISTS[parameter.kind], None, optional
        )
    else:
        made = _MAKERS[parameter.kind](parameter, optional)
    if parameter.advanced:
        made.setFlags(made.flags() | names.ADVANCED)
    made.setHelp(parameter.help)
    return made


def _number(parameter: Parameter, optional: bool) -> Any:
    whole = parameter.kind == "integer"
    limits: dict[str, float] = {}
    if parameter.low is not None:
        limits["minValue"] = parameter.low
    if parameter.high is not None:
        limits["maxValue"] = parameter.high
    return QgsProcessingParameterNumber(
        parameter.key,
        parameter.label,
        names.INTEGER if whole else names.DOUBLE,
        parameter.default,
        optional,
        **limits,
    )


def _choice(parameter: Parameter, optional: bool) -> Any:
    return QgsProcessingParameterEnum(
        parameter.key,
        parameter.label,
        options=list(parameter.choices),
        defaultValue=parameter.default,
        optional=optional,
        usesStaticStrings=True,
    )


def _file(parameter: Parameter, optional: bool) -> Any:
    return QgsProcessingParameterFile(
        parameter.key, parameter.label, optional=optional, fileFilter=parameter.files
    )


def _folder(parameter: Parameter, optional: bool) -> Any:
    return QgsProcessingParameterFile(
        parameter.key, parameter.label, names.FOLDER, optional=optional
    )


def _text(parameter: Parameter, optional: bool) -> Any:
    return QgsProcessingParameterString(
        parameter.key, parameter.label, parameter.default, False, optional
    )


def _field(parameter: Parameter, optional: bool) -> Any:
    return QgsProcessingParameterField(
        parameter.key,
        parameter.label,
        None,
        parentLayerParameterName=parameter.parent,
        optional=optional,
    )


def _file_out(parameter: Parameter, optional: bool) -> Any:
    return QgsProcessingParameterFileDestination(
        parameter.key, parameter.label, parameter.files, None, optional, not optional
    )


_MAKERS: dict[str, Callable[[Parameter, bool], Any]] = {
    "raster": lambda p, optional: QgsProcessingParameterRasterLayer(p.key, p.label, None, optional),
    "polygons": lambda p, optional: QgsProcessingParameterFeatureSource(
        p.key, p.label, [names.POLYGONS], None, optional
    ),
    "file": _file,
    "folder": _folder,
    "text": _text,
    "texts": _text,
    "dates": _text,
    "date": lambda p, optional: QgsProcessingParameterDateTime(
        p.key, p.label, names.DATE, None, optional
    ),
    "integer": _number,
    "number": _number,
    "choice": _choice,
    "switch": lambda p, optional: QgsProcessingParameterBoolean(p.key, p.label, p.default),
    "field": _field,
    "extent": lambda p, optional: QgsProcessingParameterExtent(p.key, p.label, None, optional),
    "raster out": lambda p, optional: QgsProcessingParameterRasterDestination(
        p.key, p.label, None, optional, not optional
    ),
    "vector out": lambda p, optional: QgsProcessingParameterVectorDestination(
        p.key, p.label, names.POLYGONS, None, optional, not optional
    ),
    "file out": _file_out,
    "folder out": lambda p, optional: QgsProcessingParameterFolderDestination(
        p.key, p.label, None, optional, not optional
    ),
}

KINDS = frozenset(_MAKERS) | frozenset(_LAYER_LISTS)
"""Every kind that the table may use."""

DESTINATIONS = frozenset(OUTPUT_KINDS)
