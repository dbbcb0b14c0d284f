"""The look and the story of a layer of class polygons, in a GeoPackage or beside other files."""

import datetime
from collections.abc import Mapping

from geocity.core.classes import ClassTable
from geocity.io.geopackage_styles import Provenance, embed_provenance, embed_style
from geocity.io.history import history, origin
from geocity.io.sld import polygons_sld
from geocity.io.staging import Stage
from geocity.io.styles import slum_polygons_qml
from geocity.io.vector_layers import Layer


def dress_polygons(
    stage: Stage,
    *,
    layer: Layer,
    classes: ClassTable,
    tags: Mapping[str, str],
    date: datetime.date | None,
) -> None:
    """Give a finished layer its style and provenance before it gets its name.

    Args:
        stage: the layer's temporary file.
        layer: what was written.
        classes: the classes that the layer may hold.
        tags: of the class raster; tell what was done before.
        date: the day the layer holds for.
    """
    qml = slum_polygons_qml(
        classes,
        with_probability="prob_mean" in layer.fields,
        date_field="date" if date is not None else None,
    )
    sld = polygons_sld(classes, layer.name)
    if stage.path.suffix.lower() != ".gpkg":
        stage.sidecar(".qml").write_text(qml, encoding="utf-8")
        return
    embed_style(stage.path, layer.name, qml, sld)
    embed_provenance(
        stage.path,
        layer.name,
        Provenance(
            title=layer.title,
            abstract=layer.description,
            history=(*origin(tags), *history(tags), "polygonize"),
            period=None if date is None else (date, date),
        ),
    )
