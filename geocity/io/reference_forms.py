"""How the points of a reference sample look in QGIS, and the form that an interpreter fills in."""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from geocity.core.classes import ClassTable
from geocity.io.markup import node
from geocity.io.qml import (
    QGIS_VERSION,
    FillLook,
    Rgba,
    field_aliases,
    options,
    rgba,
    settings,
    single_symbol,
    temporal_field,
    to_text,
    vector_document,
)

CANNOT_TELL = "cannot tell"
"""What an interpreter answers where the imagery does not show it."""

CONFIDENCE = ("high", "medium", "low")

POINT_FIELDS: Mapping[str, str] = {
    "point": "Point",
    "reference": "What is it?",
    "confidence": "How sure?",
    "note": "Note",
    "checked": "Looked at by a second person",
}
"""The fields of the points and what people read instead of their short names."""

_TO_DO: Rgba = (255, 221, 0, 255)
_GREY: Rgba = (128, 128, 128, 255)
_INK: Rgba = (17, 24, 39, 255)
_POINT_GEOMETRY = "0"


def sample_points_qml(classes: ClassTable) -> str:
    """Return the style and form of the points: a list of the classes to choose from.

    Args:
        classes: of the map; in the form by rising value.

    Returns:
        QML text.
    """
    answers = [(name, name) for name in (*classes.names, CANNOT_TELL)]
    attributes = {
        "version": QGIS_VERSION,
        "styleCategories": "AllStyleCategories",
        "labelsEnabled": 0,
    }
    widgets = {
        "fid": _widget("Hidden", []),
        "point": _widget("TextEdit", []),
        "reference": _widget("ValueMap", [_value_map(answers)]),
        "confidence": _widget("ValueMap", [_value_map([(c, c) for c in CONFIDENCE])]),
        "note": _widget("TextEdit", [_option("IsMultiline", "true", "bool")]),
        "checked": _widget(
            "CheckBox",
            [_option("CheckedState", "1"), _option("UncheckedState", "0")],
        ),
    }
    fields = [
        node("field", {"name": name, "configurationFlags": "None"}, widget)
        for name, widget in widgets.items()
    ]
    return to_text(
        node(
            "qgis",
            attributes,
            _answered(classes),
            temporal_field(None),
            node("fieldConfiguration", None, *fields),
            field_aliases(POINT_FIELDS),
            _constraints(),
            node("editorlayout", text="generatedlayout"),
            node("editable", None, node("field", {"name": "point", "editable": 0})),
            node(
                "previewExpression", text="\"point\" || ' · ' || coalesce(\"reference\", 'to do')"
            ),
            node("layerGeometryType", text=_POINT_GEOMETRY),
        )
    )


def sample_cells_qml() -> str:
    """Return the style of the outlines of the cells: the ground that an answer is about."""
    look = FillLook(fill=(0, 0, 0, 0), outline=_TO_DO, outline_mm=0.4)
    return vector_document(single_symbol(look), temporal_field(None))


def _widget(kind: str, values: Sequence[Element]) -> Element:
    content = node("Option", {"type": "Map"}, *values) if values else node("Option")
    return node("editWidget", {"type": kind}, node("config", None, content))


def _option(name: str, value: str, kind: str = "QString") -> Element:
    return node("Option", {"name": name, "value": value, "type": kind})


def _value_map(answers: Sequence[tuple[str, str]]) -> Element:
    return node(
        "Option",
        {"name": "map", "type": "List"},
        *(options({shown: stored}) for shown, stored in answers),
    )


def _constraints() -> Element:
    # A soft constraint: an unanswered point is marked in the form, and can still be saved.
    wanted = {
        "field": "reference",
        "constraints": 1,
        "notnull_strength": 2,
        "unique_strength": 0,
        "exp_strength": 0,
    }
    return node("constraints", None, node("constraint", wanted))


def _answered(classes: ClassTable) -> Element:
    """Return a renderer with the colour of the answer, and a bright ring where there is none."""
    looks = [(c.name, c.name, (*c.color, 255)) for c in classes]
    looks.append((CANNOT_TELL, CANNOT_TELL, _GREY))
    # A category without a value takes all that is left.
    looks.append(("", "to do", (0, 0, 0, 0)))
    categories = [
        node("category", {"render": "true", "value": value, "label": label, "symbol": index})
        for index, (value, label, _) in enumerate(looks)
    ]
    symbols = [
        _marker(str(index), color, _TO_DO if not value else _INK)
        for index, (value, _, color) in enumerate(looks)
    ]
    return node(
        "renderer-v2",
        {
            "type": "categorizedSymbol",
            "attr": "reference",
            "enableorderby": 0,
            "forceraster": 0,
            "referencescale": -1,
            "symbollevels": 0,
        },
        node("categories", None, *categories),
        node("symbols", None, *symbols),
    )


def _marker(name: str, fill: Rgba, outline: Rgba) -> Element:
    values = {
        "name": "circle",
        "color": rgba(fill),
        "outline_color": rgba(outline),
        "outline_style": "solid",
        "outline_width": "0.5",
        "outline_width_unit": "MM",
        "size": "2.6",
        "size_unit": "MM",
    }
    layer = node(
        "layer",
        {"class": "SimpleMarker", "enabled": 1, "locked": 0, "pass": 0},
        *settings(values),
    )
    return node(
        "symbol",
        {"type": "marker", "name": name, "alpha": 1, "clip_to_extent": 1, "force_rhr": 0},
        layer,
    )
