"""Styled Layer Descriptors: the looks of `styles` for GeoServer, MapServer and others.

Version 1.0.0, the one that all of them read.
"""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from geocity.core.classes import ClassTable, Color
from geocity.io.markup import node
from geocity.io.qml import hex_color

_NAMESPACES = {
    "xmlns": "http://www.opengis.net/sld",
    "xmlns:ogc": "http://www.opengis.net/ogc",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "version": "1.0.0",
}


def polygons_sld(classes: ClassTable, name: str, *, field: str = "class_id") -> str:
    """Return the style of polygons coloured by class.

    Args:
        classes: one rule each.
        name: the name of the layer.
        field: what tells the classes apart: the class value in `class_id`, the name in any other.

    Returns:
        SLD text.
    """
    rules = []
    for c in classes:
        literal = str(c.value) if field == "class_id" else c.name
        equal = node(
            "ogc:PropertyIsEqualTo",
            None,
            node("ogc:PropertyName", text=field),
            node("ogc:Literal", text=literal),
        )
        rules.append(
            node(
                "Rule",
                None,
                node("Name", text=c.name),
                node("Title", text=c.name),
                node("ogc:Filter", None, equal),
                _polygon(c.color),
            )
        )
    return _document(name, rules)


def _polygon(color: Color) -> Element:
    fill = {"fill": hex_color(color), "fill-opacity": "0.35"}
    stroke = {"stroke": hex_color(color), "stroke-width": "1"}
    return node(
        "PolygonSymbolizer",
        None,
        node("Fill", None, *_parameters(fill)),
        node("Stroke", None, *_parameters(stroke)),
    )


def _parameters(values: dict[str, str]) -> list[Element]:
    return [node("CssParameter", {"name": k}, text=v) for k, v in values.items()]


def _document(name: str, rules: list[Element]) -> str:
    style = node("UserStyle", None, node("Name", text=name), node("FeatureTypeStyle", None, *rules))
    root = node(
        "StyledLayerDescriptor",
        _NAMESPACES,
        node("NamedLayer", None, node("Name", text=name), style),
    )
    ElementTree.indent(root)
    header = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return header + ElementTree.tostring(root, encoding="unicode") + "\n"
