"""A QGIS print layout: one A4 page with map, title, legend, scale bar, north arrow and sources."""

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from geocity.core.grid import Bounds
from geocity.io.markup import node
from geocity.io.qgis_places import corners
from geocity.io.qml import FillLook, fill_symbol

PAGE_MM = (297.0, 210.0)
_MARGIN_MM = 10.0
_MAP_TOP_MM = 32.0
_MAP_HEIGHT_MM = 168.0
_COLUMN_GAP_MM = 8.0
_NARROWEST_MAP, _WIDEST_MAP = 0.75, 1.2
"""Width to height of the map on the page; other shapes get ground around them."""
_BORDER = 0.02
"""Share of the map's size that stays free around what is shown."""
_FONT = "Open Sans"
_INK = (31, 41, 55)
_QUIET = (107, 114, 128)
_NORTH_ARROW = ":/images/north_arrows/layout_default_north_arrow.svg"

# Qt::Alignment
_TOP, _BOTTOM = 32, 64
# QgsLayoutItemRegistry::ItemType
_PAGE, _MAP, _PICTURE, _LABEL, _LEGEND, _SCALE_BAR = 65638, 65639, 65640, 65641, 65642, 65646


@dataclass(frozen=True, slots=True)
class LayoutText:
    """The words on the page.

    Attributes:
        title: one line.
        subtitle: one line: place, dates.
        note: sources, method and caution, a few sentences beside the map.
    """

    title: str
    subtitle: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Box:
    """Where an item stands on the page, in millimetres."""

    x: float
    y: float
    width: float
    height: float


def print_layout(
    text: LayoutText, bounds: Bounds, width_m: float, legend: Sequence[Element]
) -> Element:
    """Return a `<Layout>` for a QGIS project.

    Args:
        text: the words on the page.
        bounds: what the map shows, in the CRS of the project.
        width_m: how wide that is on the ground, in metres, for the scale bar.
        legend: `<layer-tree-layer>` elements of the layers to explain.

    Returns:
        The element.
    """
    shown = _framed(bounds)
    map_width = _MAP_HEIGHT_MM * (shown[2] - shown[0]) / (shown[3] - shown[1])
    column = _MARGIN_MM + map_width + _COLUMN_GAP_MM
    column_width = PAGE_MM[0] - _MARGIN_MM - column
    foot = _MAP_TOP_MM + _MAP_HEIGHT_MM
    map_id = _identity("map")
    metres_per_mm = width_m * (shown[2] - shown[0]) / (bounds[2] - bounds[0]) / map_width
    full = PAGE_MM[0] - 2 * _MARGIN_MM
    items = [
        _label("title", _Box(_MARGIN_MM, 9, full, 11), text.title, size=22, bold=True),
        _label("subtitle", _Box(_MARGIN_MM, 21, full, 8), text.subtitle, size=11),
        _map(_Box(_MARGIN_MM, _MAP_TOP_MM, map_width, _MAP_HEIGHT_MM), shown, map_id),
        _legend(_Box(column, _MAP_TOP_MM, column_width, 70), legend, map_id),
        _label("sources", _Box(column, foot - 96, column_width, 60), text.note, size=7.5, low=True),
        _north_arrow(_Box(column, foot - 32, 13, 15), map_id),
        _scale_bar(_Box(column, foot - 12, column_width, 12), map_id, metres_per_mm),
    ]
    layout = node("Layout", {"name": "Map", "units": "mm", "printResolution": 200})
    layout.append(node("PageCollection", None, _sheet(), _page()))
    for depth, item in enumerate(items, start=1):
        item.set("zValue", str(depth))
        layout.append(item)
    return layout


def scale_bar_segment(longest_m: float) -> float:
    """Return the longest round length (1, 2 or 5 times a power of ten) up to a length in metres."""
    if not longest_m > 0:
        raise ValueError(f"a scale bar needs a length above 0, got {longest_m}")
    power = 10.0 ** math.floor(math.log10(longest_m))
    return max(step * power for step in (1, 2, 5) if step * power <= longest_m * (1 + 1e-9))


def _framed(bounds: Bounds) -> Bounds:
    """Widen bounds by a border and to a shape that suits the page."""
    left, bottom, right, top = bounds
    width, height = (right - left) * (1 + 2 * _BORDER), (top - bottom) * (1 + 2 * _BORDER)
    aspect = min(max(width / height, _NARROWEST_MAP), _WIDEST_MAP)
    half_width, half_height = max(width, height * aspect) / 2, max(height, width / aspect) / 2
    x, y = (left + right) / 2, (bottom + top) / 2
    return x - half_width, y - half_height, x + half_width, y + half_height


def _identity(name: str) -> str:
    """Return a stable id, so that the same input gives the same file."""
    return f"{{{uuid.uuid5(uuid.NAMESPACE_URL, f'geocity/layout/{name}')}}}"


def _item(kind: int, name: str, box: _Box, *children: Element, **more: object) -> Element:
    place = f"{box.x:g},{box.y:g},mm"
    attributes = {
        "type": kind,
        "id": name,
        "uuid": _identity(name),
        "templateUuid": _identity(name),
        "position": place,
        "positionOnPage": place,
        "size": f"{box.width:g},{box.height:g},mm",
        "referencePoint": 0,
        "itemRotation": 0,
        "visibility": 1,
        "opacity": 1,
        "blendMode": 0,
        "frame": "false",
        "background": "false",
        "outlineWidthM": "0.3,mm",
        "frameJoinStyle": "miter",
        "positionLock": "false",
        "excludeFromExports": 0,
    }
    return node("LayoutItem", {**attributes, **more}, *children)


def _sheet() -> Element:
    return fill_symbol("", FillLook((255, 255, 255, 255), (255, 255, 255, 0), 0))


def _page() -> Element:
    return _item(_PAGE, "page", _Box(0, 0, *PAGE_MM), _sheet(), background="true")


def _color(tag: str, color: tuple[int, int, int]) -> Element:
    red, green, blue = color
    return node(tag, {"red": red, "green": green, "blue": blue, "alpha": 255})


def _font(tag: str, size: float, *, bold: bool = False) -> Element:
    weight = 75 if bold else 50
    return node(tag, {"description": f"{_FONT},{size:g},-1,5,{weight},0,0,0,0,0", "style": ""})


def _label(
    name: str,
    box: _Box,
    text: str,
    *,
    size: float,
    bold: bool = False,
    low: bool = False,
) -> Element:
    return _item(
        _LABEL,
        name,
        box,
        _font("LabelFont", size, bold=bold),
        _color("FontColor", _INK if bold else _QUIET),
        # QGIS would evaluate "[% … %]" as an expression; a file may be called anything.
        labelText=text.replace("[%", "[ %"),
        htmlState=0,
        halign=1,
        valign=_BOTTOM if low else _TOP,
        marginX=0,
        marginY=0,
    )


def _map(box: _Box, shown: Bounds, identity: str) -> Element:
    return _item(
        _MAP,
        "map",
        box,
        _color("FrameColor", _QUIET),
        _color("BackgroundColor", (255, 255, 255)),
        node("Extent", corners(shown)),
        node("LayerSet"),
        uuid=identity,
        templateUuid=identity,
        frame="true",
        background="true",
        followPreset="false",
        keepLayerSet="false",
        drawCanvasItems="true",
        mapRotation=0,
    )


def _legend(box: _Box, layers: Sequence[Element], map_id: str) -> Element:
    sizes = {"title": 13.0, "group": 11.0, "subgroup": 10.0, "symbolLabel": 9.5}
    margins: dict[str, dict[str, float]] = {
        "title": {"marginBottom": 2.5},
        "subgroup": {"marginTop": 3},
        "symbol": {"marginTop": 2},
        "symbolLabel": {"marginTop": 2, "marginLeft": 2},
    }
    styles = node("styles")
    for name in ("title", "group", "subgroup", "symbol", "symbolLabel"):
        style = node("style", {"name": name, "alignment": 1, **margins.get(name, {})})
        style.append(_font("styleFont", sizes.get(name, 9.5), bold=name in ("title", "subgroup")))
        styles.append(style)
    return _item(
        _LEGEND,
        "legend",
        box,
        styles,
        node("layer-tree-group", None, node("customproperties", None, node("Option")), *layers),
        title="Legend",
        map_uuid=map_id,
        fontColor="#1f2937",
        resizeToContents=1,
        columnCount=1,
        symbolWidth=7,
        symbolHeight=4,
        boxSpace=0,
        titleAlignment=1,
        symbolAlignment=1,
        wrapChar="",
    )


def _north_arrow(box: _Box, map_id: str) -> Element:
    return _item(
        _PICTURE,
        "north arrow",
        box,
        file=_NORTH_ARROW,
        mode=2,
        mapUuid=map_id,
        northMode=0,
        northOffset=0,
        resizeMode=0,
        anchorPoint=0,
        pictureRotation=0,
        svgFillColor="31,41,55,255",
        svgBorderColor="31,41,55,255",
        svgBorderWidth=0.2,
    )


def _scale_bar(box: _Box, map_id: str, metres_per_mm: float) -> Element:
    segment_m = scale_bar_segment(metres_per_mm * (box.width - 20) / 2)
    kilometres = segment_m >= 1000
    text = {"fontFamily": _FONT, "fontSize": 9, "fontSizeUnit": "Point", "fontWeight": 50}
    return _item(
        _SCALE_BAR,
        "scale bar",
        box,
        node("text-style", {**text, "textColor": "31,41,55,255", "textOpacity": 1}),
        node("fillSymbol1", None, fill_symbol("", FillLook((*_INK, 255), (*_INK, 255), 0.2))),
        node("fillSymbol2", None, fill_symbol("", FillLook((255,) * 4, (*_INK, 255), 0.2))),
        style="Single Box",
        mapUuid=map_id,
        unitType="km" if kilometres else "meters",  # as QGIS spells them
        unitLabel="km" if kilometres else "m",
        numMapUnitsPerScaleBarUnit=1,
        numUnitsPerSegment=f"{segment_m / (1000 if kilometres else 1):g}",
        numSegments=2,
        numSegmentsLeft=0,
        segmentSizeMode=0,
        segmentMillimeters=f"{segment_m / metres_per_mm:g}",
        height=2.5,
        labelBarSpace=1.5,
        boxContentSpace=0,
        alignment=0,
        labelHorizontalPlacement=0,
        labelVerticalPlacement=0,
        outlineWidth=0.2,
    )
