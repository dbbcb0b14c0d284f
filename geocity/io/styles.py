"""What geocity's layers look like in QGIS: one function for each kind of layer, each returns QML.

Colours come from the class table, so that raster, polygons, SLD and dashboard agree.
"""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from geocity.core.classes import ClassTable, Color
from geocity.io.markup import node
from geocity.io.qml import (
    FillLook,
    Period,
    Rgba,
    categorized,
    color_ramp_shader,
    field_aliases,
    hex_color,
    raster_document,
    raster_renderer,
    single_symbol,
    temporal_field,
    text_labels,
    vector_document,
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

SPLIT_COLORS: Mapping[str, Color] = {
    "train": (69, 117, 180),
    "val": (253, 174, 97),
    "test": (215, 48, 39),
}
"""Told apart by people who see colours differently too."""

WARD_COLOR: Color = (55, 65, 81)

POLYGON_FIELDS: Mapping[str, str] = {
    "slum_id": "Settlement",
    "class_id": "Class value",
    "class": "Class",
    "area_m2": "Area (m²)",
    "perim_m": "Perimeter (m)",
    "prob_mean": "Mean probability",
    "prob_p10": "Probability that 90 % of its pixels exceed",
    "n_px": "Pixels",
    "date": "Date of the image",
    "source": "Image",
    "model": "Model",
}
"""The fields of slum polygons and what people read instead of their short names."""

CHANGE_FIELDS: Mapping[str, str] = {
    "change": "Change",
    "from_date": "From",
    "to_date": "To",
    "area_m2": "Area (m²)",
    "id_before": "Settlement before",
    "id_after": "Settlement after",
}
"""The fields of change polygons and what people read instead of their short names."""

_FILL_ALPHA = 90
"""Imagery stays readable under a polygon."""


def imagery_qml(
    bands: tuple[int, int, int] | tuple[int],
    limits: Sequence[tuple[float, float]],
    *,
    alpha_band: int | None = None,
    period: Period | None = None,
) -> str:
    """Return the style of imagery: three bands in colour, or one in grey.

    Args:
        bands: red, green and blue, or grey; counted from 1.
        limits: for each of them the values drawn darkest and brightest.
        alpha_band: the band that says what is transparent.
        period: when the image was the newest one, for QGIS's temporal controller.

    Returns:
        QML text.
    """
    channels = ("red", "green", "blue") if len(bands) == 3 else ("gray",)
    kind = "multibandcolor" if len(bands) == 3 else "singlebandgray"
    renderer = raster_renderer(kind, bands[0])
    renderer.set("alphaBand", str(alpha_band if alpha_band is not None else -1))
    del renderer.attrib["band"]
    for channel, band, (low, high) in zip(channels, bands, limits, strict=True):
        renderer.set(f"{channel}Band", str(band))
        stretch = {"minValue": f"{low:g}", "maxValue": f"{high:g}"}
        values = [node(key, text=value) for key, value in stretch.items()]
        algorithm = node("algorithm", text="StretchToMinimumMaximum")
        tag = f"{channel}ContrastEnhancement" if len(bands) == 3 else "contrastEnhancement"
        renderer.append(node(tag, None, *values, algorithm))
    if len(bands) == 1:
        renderer.set("gradient", "BlackToWhite")
    return raster_document(renderer, period)


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
        entry = {"value": land_class.value, "color": hex_color(land_class.color)}
        palette.append(
            node("paletteEntry", {**entry, "alpha": 0 if hidden else 255, "label": land_class.name})
        )
    return raster_document(raster_renderer("paletted", 1, palette), period)


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
    shader = node("rastershader", None, color_ramp_shader(PROBABILITY_RAMP, f"p({class_name}) = "))
    renderer = raster_renderer("singlebandpseudocolor", band, shader)
    renderer.set("classificationMin", "0")
    renderer.set("classificationMax", "1")
    return raster_document(renderer, period)


def slum_polygons_qml(
    classes: ClassTable, *, with_probability: bool, date_field: str | None
) -> str:
    """Return the style of the polygons made from a class raster, coloured by `class_id`.

    Args:
        classes: the classes that the layer holds; each becomes a row of the legend.
        with_probability: whether the fields `prob_mean` and `prob_p10` are there.
        date_field: the field with the date of the image; None if there is none.

    Returns:
        QML text with legend, names of fields, map tip and, with a date, temporal properties.
    """
    aliases = {
        field: title
        for field, title in POLYGON_FIELDS.items()
        if (with_probability or not field.startswith("prob_"))
        and (field != "date" or date_field is not None)
    }
    lines = [f"<b>{_shown('slum_id')}</b> {_shown('class')}", f"{_number('area_m2', 0)} m²"]
    if with_probability:
        lines.append(f"probability {_number('prob_mean', 2)}")
    if date_field is not None:
        lines.append(_day(date_field))
    return vector_document(
        categorized("class_id", [(str(c.value), c.name, _look(c.color)) for c in classes]),
        temporal_field(date_field),
        field_aliases(aliases),
        *_preview("\"slum_id\" || ' · ' || format_number(\"area_m2\", 0) || ' m²'", lines),
    )


def outlines_qml(color: Color) -> str:
    """Return the style of outlines of which nothing is known but where they are.

    Args:
        color: of all of them.

    Returns:
        QML text.
    """
    return vector_document(single_symbol(_look(color)), temporal_field(None))


def change_polygons_qml(changes: ClassTable) -> str:
    """Return the style of change polygons, coloured by the field `change`.

    Args:
        changes: kinds of change by name, with their colours.

    Returns:
        QML text.
    """
    lines = [
        f"<b>{_shown('change')}</b> {_number('area_m2', 0)} m²",
        f"{_day('from_date')} to {_day('to_date')}",
    ]
    return vector_document(
        categorized("change", [(c.name, c.name, _look(c.color, 150)) for c in changes]),
        temporal_field("to_date"),
        field_aliases(CHANGE_FIELDS),
        *_preview("\"change\" || ' · ' || format_number(\"area_m2\", 0) || ' m²'", lines),
    )


def wards_qml(name_field: str) -> str:
    """Return the style of wards or other units: an outline and the name.

    Args:
        name_field: the field with the names.

    Returns:
        QML text.
    """
    look = FillLook(fill=(0, 0, 0, 0), outline=(*WARD_COLOR, 255), outline_mm=0.5)
    return vector_document(
        single_symbol(look),
        temporal_field(None),
        *_preview(_field(name_field), [f"<b>{_shown(name_field)}</b>"]),
        labels=text_labels(name_field, (*WARD_COLOR, 255)),
    )


def chip_split_qml(field: str = "split") -> str:
    """Return the style of the outlines of chips, coloured by the part they belong to.

    Args:
        field: the field that says `train`, `val` or `test`.

    Returns:
        QML text.
    """
    categories = [(part, part, _look(color, 70)) for part, color in SPLIT_COLORS.items()]
    # A category without a value takes all that is left, such as chips dropped for the gap.
    other = ("", "left out", FillLook((128, 128, 128, 40), (128, 128, 128, 160), 0.2))
    return vector_document(
        categorized(field, [*categories, other]),
        temporal_field(None),
        *_preview(_field(field), [f"<b>{_shown(field)}</b>"]),
    )


def _look(color: Color, alpha: int = _FILL_ALPHA) -> FillLook:
    return FillLook(fill=(*color, alpha), outline=(*color, 255))


def _shown(field: str) -> str:
    """Return a map tip's reference to a text field; a name from data must not act as HTML."""
    return f"[% replace(replace({_field(field)}, '&', '&amp;'), '<', '&lt;') %]"


def _number(field: str, decimals: int) -> str:
    return f"[% format_number({_field(field)}, {decimals}) %]"


def _day(field: str) -> str:
    return f"[% format_date({_field(field)}, 'yyyy-MM-dd') %]"


def _field(name: str) -> str:
    """Return a field as QGIS expressions spell it."""
    quoted = name.replace('"', '""')
    return f'"{quoted}"'


def _preview(expression: str, lines: list[str]) -> list[Element]:
    """Return the name of a feature in lists and its map tip."""
    return [
        node("previewExpression", text=expression),
        node("mapTip", text="<br>".join(lines)),
    ]
