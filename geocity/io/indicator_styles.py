"""What the layer of indicators looks like in QGIS: units shaded by the share of slum."""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from geocity.core.indicator_rows import ALL_UNITS
from geocity.io.markup import node
from geocity.io.qml import (
    FillLook,
    Rgba,
    field_aliases,
    fill_symbol,
    temporal_field,
    vector_document,
)

INDICATOR_FIELDS: Mapping[str, str] = {
    "unit": "Unit",
    "date": "Date of the image",
    "unit_m2": "Area of the unit (m²)",
    "covered_m2": "Covered by imagery (m²)",
    "covered": "Share covered by imagery",
    "slum_m2": "Slum area (m²)",
    "slum_share": "Slum share of the covered area",
    "settlements": "Settlements",
    "largest_m2": "Largest settlement (m²)",
    "growth_m2": "Growth since the date before (m²)",
    "loss_m2": "Loss since the date before (m²)",
    "annual_rate": "Compound change a year",
    "slum_pop": "People in slums",
    "pop": "People",
    "pop_share": "Share of people in slums",
    "slum_low_m2": "Slum area, low end of 95 % (m²)",
    "slum_high_m2": "Slum area, high end of 95 % (m²)",
}
"""The fields of indicators and what people read instead of their short names."""

_STEPS: Sequence[tuple[float, float, str, Rgba]] = (
    (0.0, 0.01, "below 1 %", (254, 240, 242, 170)),
    (0.01, 0.05, "1 to 5 %", (252, 196, 208, 185)),
    (0.05, 0.15, "5 to 15 %", (245, 130, 158, 195)),
    (0.15, 0.3, "15 to 30 %", (230, 60, 110, 205)),
    (0.3, 1.0, "above 30 %", (165, 0, 60, 215)),
)
_OUTLINE: Rgba = (55, 65, 81, 255)


def indicators_qml(fields: Sequence[str]) -> str:
    """Return the style of the layer of indicators; the total is not drawn.

    Args:
        fields: of the layer, in order.

    Returns:
        QML text with legend, names of fields, map tip and temporal properties.
    """
    renderer = node(
        "renderer-v2",
        {
            "type": "RuleRenderer",
            "enableorderby": 0,
            "forceraster": 0,
            "referencescale": -1,
            "symbollevels": 0,
        },
        node("rules", {"key": "indicators"}, *_rules()),
        node("symbols", None, *_symbols()),
    )
    tip = (
        "<b>[% replace(replace(\"unit\", '&', '&amp;'), '<', '&lt;') %]</b>"
        " [% format_date(\"date\", 'yyyy-MM-dd') %]<br>"
        '[% format_number("slum_m2" / 10000, 2) %] ha of slum,'
        ' [% format_number("slum_share" * 100, 1) %] %'
    )
    return vector_document(
        renderer,
        temporal_field("date"),
        field_aliases({name: INDICATOR_FIELDS[name] for name in fields}),
        node("previewExpression", text="\"unit\" || ' · ' || format_date(\"date\", 'yyyy-MM-dd')"),
        node("mapTip", text=tip),
    )


def _rules() -> list[Element]:
    one_unit = f"\"unit\" <> '{ALL_UNITS}'"
    last = len(_STEPS) - 1
    rules = []
    for number, (low, high, label, _) in enumerate(_STEPS):
        upper = "<=" if number == last else "<"
        between = f'"slum_share" >= {low:g} AND "slum_share" {upper} {high:g}'
        rules.append(_rule(number, label, f"{one_unit} AND {between}"))
    rules.append(_rule(last + 1, "no imagery", f'{one_unit} AND "slum_share" IS NULL'))
    return rules


def _rule(number: int, label: str, which: str) -> Element:
    return node("rule", {"key": f"step{number}", "symbol": number, "label": label, "filter": which})


def _symbols() -> list[Element]:
    fills = [*(color for *_, color in _STEPS), (0, 0, 0, 0)]
    return [fill_symbol(str(number), FillLook(fill, _OUTLINE)) for number, fill in enumerate(fills)]
