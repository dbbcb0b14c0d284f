"""The grammar of QGIS's layer styles (QML): elements, symbols, fields, time.

What a layer looks like is decided in `styles`; here stand the pieces that QGIS 3 expects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from geocity.io.markup import node

DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
QGIS_VERSION = "3.22.0"
"""The oldest QGIS that reads the files as they are; newer ones upgrade them."""

Rgba = tuple[int, int, int, int]
"""(red, green, blue, alpha), 0 to 255."""
Period = tuple[date, date]
"""First and last day."""
Ramp = Sequence[tuple[float, Rgba]]
"""(value, colour), values rising."""

_POLYGON_GEOMETRY = "2"


@dataclass(frozen=True, slots=True)
class FillLook:
    """How a polygon is drawn: colours and outline width in millimetres."""

    fill: Rgba
    outline: Rgba
    outline_mm: float = 0.3


def to_text(root: Element) -> str:
    """Return a whole QML or QGS document."""
    ElementTree.indent(root)
    return DOCTYPE + ElementTree.tostring(root, encoding="unicode") + "\n"


def options(values: Mapping[str, str]) -> Element:
    """Return a QGIS `<Option type="Map">` of texts."""
    return node(
        "Option",
        {"type": "Map"},
        *(node("Option", {"name": k, "value": v, "type": "QString"}) for k, v in values.items()),
    )


def settings(values: Mapping[str, str]) -> list[Element]:
    """Return settings both as `<Option>` (QGIS 3.18 on) and as `<prop>` (before)."""
    return [options(values), *(node("prop", {"k": k, "v": v}) for k, v in values.items())]


def rgba(color: Rgba) -> str:
    """Return a colour as QGIS writes it: "230,0,77,255"."""
    return ",".join(str(level) for level in color)


def hex_color(color: Sequence[int]) -> str:
    """Return "#e6004d" of the first three levels."""
    red, green, blue = color[:3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def fill_symbol(name: str, look: FillLook) -> Element:
    """Return a simple fill symbol."""
    values = {
        "border_width_map_unit_scale": "3x:0,0,0,0,0,0",
        "color": rgba(look.fill),
        "joinstyle": "miter",
        "offset": "0,0",
        "offset_map_unit_scale": "3x:0,0,0,0,0,0",
        "offset_unit": "MM",
        "outline_color": rgba(look.outline),
        "outline_style": "solid" if look.outline_mm > 0 else "no",
        "outline_width": f"{look.outline_mm:g}",
        "outline_width_unit": "MM",
        "style": "solid" if look.fill[3] > 0 else "no",
    }
    layer = node(
        "layer",
        {"class": "SimpleFill", "enabled": 1, "locked": 0, "pass": 0},
        *settings(values),
    )
    return node(
        "symbol",
        {"type": "fill", "name": name, "alpha": 1, "clip_to_extent": 1, "force_rhr": 0},
        layer,
    )


def categorized(field: str, categories: Sequence[tuple[str, str, FillLook]]) -> Element:
    """Return a renderer with one look for each (value, label, look) of a field."""
    return node(
        "renderer-v2",
        {
            "type": "categorizedSymbol",
            "attr": field,
            "enableorderby": 0,
            "forceraster": 0,
            "referencescale": -1,
            "symbollevels": 0,
        },
        node(
            "categories",
            None,
            *(
                node("category", {"render": "true", "value": v, "label": label, "symbol": i})
                for i, (v, label, _) in enumerate(categories)
            ),
        ),
        node("symbols", None, *(fill_symbol(str(i), c[2]) for i, c in enumerate(categories))),
    )


def single_symbol(look: FillLook) -> Element:
    """Return a renderer with one look for all."""
    return node(
        "renderer-v2",
        {"type": "singleSymbol", "enableorderby": 0, "forceraster": 0, "symbollevels": 0},
        node("symbols", None, fill_symbol("0", look)),
    )


def temporal_range(period: Period | None) -> Element:
    """Return the time of a layer, raster or vector, that holds as a whole for a period."""
    start, end = (
        (f"{period[0].isoformat()}T00:00:00Z", f"{period[1].isoformat()}T23:59:59Z")
        if period
        else ("", "")
    )
    return node(
        "temporal",
        {"enabled": int(period is not None), "mode": 0, "fetchMode": 0},
        node("fixedRange", None, node("start", text=start), node("end", text=end)),
    )


def temporal_field(field: str | None) -> Element:
    """Return the time of a vector layer whose features each carry a date."""
    return node(
        "temporal",
        {
            "enabled": int(field is not None),
            "mode": 1,
            "startField": field or "",
            "endField": "",
            "durationField": "",
            "startExpression": "",
            "endExpression": "",
            "fixedDuration": 0,
            "durationUnit": "min",
            "accumulate": 0,
            "limitMode": 0,
        },
    )


def field_aliases(aliases: Mapping[str, str]) -> Element:
    """Return what people read instead of the short names of fields."""
    return node(
        "aliases",
        None,
        *(
            node("alias", {"field": field, "index": index, "name": name})
            for index, (field, name) in enumerate(aliases.items())
        ),
    )


def raster_document(renderer: Element, period: Period | None) -> str:
    """Return the QML of a raster drawn pixel by pixel, with no smoothing that invents values."""
    resampling = {
        "zoomedInResamplingMethod": "nearestNeighbour",
        "zoomedOutResamplingMethod": "nearestNeighbour",
        "maxOversampling": 2,
        "enabled": "false",
    }
    provider = node("provider", None, node("resampling", resampling))
    return to_text(
        node(
            "qgis",
            {"version": QGIS_VERSION, "styleCategories": "AllStyleCategories"},
            temporal_range(period),
            node("pipe", None, provider, renderer),
            node("blendMode", text="0"),
        )
    )


def raster_renderer(kind: str, band: int, *children: Element) -> Element:
    """Return a raster renderer of one band."""
    attributes = {"type": kind, "band": band, "opacity": 1, "alphaBand": -1, "nodataColor": ""}
    return node("rasterrenderer", attributes, *children)


def color_ramp_shader(ramp: Ramp, prefix: str) -> Element:
    """Return an interpolated ramp from 0 to 1 with a continuous legend.

    Args:
        ramp: (value, colour) from 0 to 1, rising.
        prefix: what stands before the numbers of the legend.
    """
    gradient = {
        "color1": rgba(ramp[0][1]),
        "color2": rgba(ramp[-1][1]),
        "discrete": "0",
        "rampType": "gradient",
        "stops": ":".join(f"{value:g};{rgba(color)}" for value, color in ramp[1:-1]),
    }
    legend = {
        "useContinuousLegend": 1,
        "orientation": 2,
        "direction": 0,
        "prefix": prefix,
        "suffix": "",
        "minimumLabel": "",
        "maximumLabel": "",
    }
    number = options({"decimals": "2", "show_trailing_zeros": "0"})
    return node(
        "colorrampshader",
        {
            "colorRampType": "INTERPOLATED",
            "classificationMode": 1,
            "clip": 0,
            "labelPrecision": 2,
            "minimumValue": 0,
            "maximumValue": 1,
        },
        node("colorramp", {"name": "[source]", "type": "gradient"}, *settings(gradient)),
        *(_ramp_item(value, color) for value, color in ramp),
        node("rampLegendSettings", legend, node("numericFormat", {"id": "basic"}, number)),
    )


def _ramp_item(value: float, color: Rgba) -> Element:
    attributes = {"value": value, "color": hex_color(color), "alpha": color[3]}
    return node("item", {**attributes, "label": f"{value:.0%}"})


def vector_document(renderer: Element, *children: Element, labels: Element | None = None) -> str:
    """Return the QML of a polygon layer.

    Args:
        renderer: how the polygons are drawn.
        children: time, aliases, map tip and whatever else.
        labels: the text drawn on the polygons.
    """
    attributes = {
        "version": QGIS_VERSION,
        "styleCategories": "AllStyleCategories",
        "labelsEnabled": int(labels is not None),
        "simplifyDrawingHints": 1,
        "simplifyDrawingTol": 1,
        "simplifyLocal": 1,
    }
    parts = [renderer, *([] if labels is None else [labels]), *children]
    return to_text(
        node("qgis", attributes, *parts, node("layerGeometryType", text=_POLYGON_GEOMETRY))
    )


def text_labels(field: str, color: Rgba) -> Element:
    """Return labels of a field, with a white halo, one inside each polygon."""
    style = {
        "fieldName": field,
        "isExpression": 0,
        "fontFamily": "Open Sans",
        "fontSize": 9,
        "fontSizeUnit": "Point",
        "fontWeight": 63,
        "textColor": rgba(color),
        "textOpacity": 1,
    }
    halo = {
        "bufferDraw": 1,
        "bufferSize": 0.8,
        "bufferSizeUnits": "MM",
        "bufferColor": "255,255,255,230",
        "bufferOpacity": 1,
        "bufferJoinStyle": 128,
    }
    return node(
        "labeling",
        {"type": "simple"},
        node(
            "settings",
            {"calloutType": "simple"},
            node("text-style", style, node("text-buffer", halo)),
            node("placement", {"placement": 1, "centroidInside": 1, "centroidWhole": 1}),
            node("rendering", {"drawLabels": 1, "obstacle": 0}),
        ),
    )
