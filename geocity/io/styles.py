"""What geocity's layers look like in QGIS: one function for each kind of layer, each returns QML.

Colours come from the class table, so that raster, polygons, SLD and dashboard agree.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from geocity.core.classes import ClassTable
from geocity.io.markup import node
from geocity.io.qml import (
    QGIS_VERSION,
    Period,
    Rgba,
    hex_color,
    options,
    rgba,
    settings,
    temporal_range,
    to_text,
)

PROBABILITY_RAMP: tuple[tuple[float, Rgba], ...] = (
    (0.0, (0, 0, 4, 0)),
    (0.1, (22, 11, 57, 40)),
    (0.25, (87, 16, 110, 130)),
    (0.5, (188, 55, 84, 210)),
    (0.75, (249, 142, 9, 240)),
    (1.0, (252, 255, 164, 255)),
)
"""Matplotlib's perceptually even "inferno", fading out where the probability is low."""


def class_raster_qml(
    classes: ClassTable, *, see_through_background: bool = False, period: Period | None = None
) -> str:
    """Return the style of a class raster: a legend of exactly the classes.

    Args:
        classes: the classes of band 1.
        see_through_background: draw class 0 with no colour, to lie over imagery.
        period: when the map holds, for QGIS's temporal controller.

    Returns:
        QML text.
    """
    palette = node("colorPalette")
    for land_class in classes:
        hidden = see_through_background and land_class.value == 0
        palette.append(
            node(
                "paletteEntry",
                {
                    "value": land_class.value,
                    "color": hex_color(land_class.color),
                    "alpha": 0 if hidden else 255,
                    "label": land_class.name,
                },
            )
        )
    renderer = node("rasterrenderer", _renderer_attributes("paletted"), palette)
    return _raster_document(renderer, period)


def probability_qml(class_name: str, *, band: int = 1, period: Period | None = None) -> str:
    """Return the style of a probability raster: a continuous ramp from 0 to 1.

    QGIS applies the scale that the file stores before the style sees a value.

    Args:
        class_name: the class whose probability the band holds.
        band: the band, counted from 1.
        period: when the map holds, for QGIS's temporal controller.

    Returns:
        QML text.
    """
    shader = node(
        "colorrampshader",
        {
            "colorRampType": "INTERPOLATED",
            "classificationMode": 1,
            "clip": 0,
            "labelPrecision": 2,
            "minimumValue": 0,
            "maximumValue": 1,
        },
        _gradient(PROBABILITY_RAMP),
    )
    for value, color in PROBABILITY_RAMP:
        shader.append(
            node(
                "item",
                {
                    "value": value,
                    "color": hex_color(color),
                    "alpha": color[3],
                    "label": f"{value:.0%}",
                },
            )
        )
    shader.append(_ramp_legend(f"p({class_name}) = "))
    renderer = node(
        "rasterrenderer",
        {
            **_renderer_attributes("singlebandpseudocolor", band),
            "classificationMin": 0,
            "classificationMax": 1,
        },
        node("rastershader", None, shader),
    )
    return _raster_document(renderer, period)


def _renderer_attributes(kind: str, band: int = 1) -> dict[str, object]:
    return {"type": kind, "band": band, "opacity": 1, "alphaBand": -1, "nodataColor": ""}


def _raster_document(renderer: Element, period: Period | None) -> str:
    nearest = {"zoomedInResamplingMethod": "nearestNeighbour", "maxOversampling": 2}
    provider = node(
        "provider",
        None,
        node(
            "resampling",
            {**nearest, "zoomedOutResamplingMethod": "nearestNeighbour", "enabled": "false"},
        ),
    )
    return to_text(
        node(
            "qgis",
            {"version": QGIS_VERSION, "styleCategories": "AllStyleCategories"},
            temporal_range(period),
            node("pipe", None, provider, renderer),
            node("blendMode", text="0"),
        )
    )


def _gradient(ramp: Sequence[tuple[float, Rgba]]) -> Element:
    stops = ":".join(f"{value:g};{rgba(color)}" for value, color in ramp[1:-1])
    values = {
        "color1": rgba(ramp[0][1]),
        "color2": rgba(ramp[-1][1]),
        "discrete": "0",
        "rampType": "gradient",
        "stops": stops,
    }
    return node("colorramp", {"name": "[source]", "type": "gradient"}, *settings(values))


def _ramp_legend(prefix: str) -> Element:
    number = options({"decimals": "2", "show_trailing_zeros": "0"})
    return node(
        "rampLegendSettings",
        {
            "useContinuousLegend": 1,
            "orientation": 2,
            "direction": 0,
            "prefix": prefix,
            "suffix": "",
            "minimumLabel": "",
            "maximumLabel": "",
        },
        node("numericFormat", {"id": "basic"}, number),
    )
