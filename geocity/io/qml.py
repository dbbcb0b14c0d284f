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
