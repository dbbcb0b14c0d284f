"""What the layers of a change look like in QGIS."""

from collections.abc import Mapping

from geocity.core.change_cells import CHANGE_CLASSES
from geocity.core.classes import ClassTable, Color
from geocity.io.markup import node
from geocity.io.qml import (
    FillLook,
    categorized,
    field_aliases,
    single_symbol,
    temporal_field,
    vector_document,
)
from geocity.io.styles import change_polygons_qml

STATUS_COLORS: Mapping[str, Color] = {
    "first": (120, 120, 120),
    "kept": (253, 174, 97),
    "new": (166, 6, 40),
    "grown": (215, 25, 28),
    "shrunk": (116, 173, 209),
    "merged": (118, 42, 131),
    "split": (194, 165, 207),
    "gone": (44, 123, 182),
}
"""Growing is warm and shrinking cool, as in the layers of change; joining and parting violet."""

SETTLEMENT_FIELDS: Mapping[str, str] = {
    "settle_id": "Settlement",
    "date": "Date",
    "status": "What became of it",
    "area_m2": "Area (m²)",
    "prev_m2": "Area before (m²)",
    "change_m2": "Change (m²)",
    "parents": "Settlements before",
    "n_px": "Pixels",
}
"""The fields of settlements and what people read instead of their short names."""

_COMMON_AREA: Color = (90, 90, 90)


def change_layer_qml(kind: str) -> str:
    """Return the style of one layer of change: `growth`, `loss` or `persistent`."""
    return change_polygons_qml(ClassTable((CHANGE_CLASSES.by_name(kind),)))


def settlements_qml(*, with_pixels: bool) -> str:
    """Return the style of settlements by date, coloured by what became of them.

    Args:
        with_pixels: whether the field `n_px` is there.
    """
    aliases = {f: name for f, name in SETTLEMENT_FIELDS.items() if with_pixels or f != "n_px"}
    tip = (
        '<b>[% "settle_id" %]</b> [% "status" %], [% format_date("date", \'yyyy-MM-dd\') %]<br>'
        '[% format_number("area_m2", 0) %] m²'
    )
    return vector_document(
        categorized("status", [(s, s, _look(s, color)) for s, color in STATUS_COLORS.items()]),
        temporal_field("date"),
        field_aliases(aliases),
        node("previewExpression", text='"settle_id" || \' · \' || "status"'),
        node("mapTip", text=tip),
    )


def common_area_qml() -> str:
    """Return the style of the area that both dates show: an outline."""
    look = FillLook((0, 0, 0, 0), (*_COMMON_AREA, 255), outline_mm=0.4)
    return vector_document(single_symbol(look), temporal_field("to_date"))


def _look(status: str, color: Color) -> FillLook:
    # What is gone is an empty outline: nobody lives there any more.
    return FillLook(fill=(*color, 0 if status == "gone" else 110), outline=(*color, 255))
