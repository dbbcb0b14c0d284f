import datetime
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from hypothesis import given
from hypothesis import strategies as st

from geocity.core.classes import ClassTable, LandClass
from geocity.io import sld, styles
from geocity.io.markup import node, printable
from geocity.io.qml import hex_color

SLUMS = ClassTable.named(["background", "slum", "formal"])


def parsed(text: str) -> Element:
    assert text.startswith("<!DOCTYPE qgis")
    return ElementTree.fromstring(text)


@given(st.text(min_size=1, max_size=30))
def test_any_name_survives(name: str) -> None:
    classes = ClassTable((LandClass(1, name, (1, 2, 3)),))
    raster = parsed(styles.class_raster_qml(classes)).find(".//paletteEntry")
    assert raster is not None
    assert raster.get("label") == printable(name)
    polygons = parsed(styles.slum_polygons_qml(classes, with_probability=True, date_field=None))
    category = polygons.find(".//category")
    assert category is not None
    assert category.get("label") == printable(name)
    parsed(styles.wards_qml(name))
    ElementTree.fromstring(sld.polygons_sld(classes, name))


def test_unprintable_characters_do_not_break_the_document() -> None:
    element = node("a", {"b": "\x00\x1f\ud800\ufffe"}, text="line\nbreak \x07 \U0001f30d")
    again = ElementTree.fromstring(ElementTree.tostring(element, encoding="unicode"))
    assert again.get("b") == "\N{REPLACEMENT CHARACTER}" * 4
    assert again.text == "line\nbreak \N{REPLACEMENT CHARACTER} \U0001f30d"


def test_colours_agree_everywhere() -> None:
    expected = [hex_color(c.color) for c in SLUMS]
    palette = parsed(styles.class_raster_qml(SLUMS)).findall(".//paletteEntry")
    assert [entry.get("color") for entry in palette] == expected
    assert [entry.get("alpha") for entry in palette] == ["255"] * 3
    polygons = ElementTree.fromstring(sld.polygons_sld(SLUMS, "slums"))
    fills = [
        p.text
        for p in polygons.iter("{http://www.opengis.net/sld}CssParameter")
        if p.get("name") == "fill"
    ]
    assert fills == expected
    qml = parsed(styles.slum_polygons_qml(SLUMS, with_probability=False, date_field=None))
    outlines = [p.get("v") for p in qml.iter("prop") if p.get("k") == "outline_color"]
    assert outlines == [",".join(map(str, (*c.color, 255))) for c in SLUMS]


def test_symbols_say_everything_to_old_and_new_versions() -> None:
    qml = parsed(styles.slum_polygons_qml(SLUMS, with_probability=False, date_field=None))
    for layer in qml.iter("layer"):
        new = {o.get("name"): o.get("value") for o in layer.findall("Option/Option")}
        old = {p.get("k"): p.get("v") for p in layer.findall("prop")}
        assert new == old
        assert new


def test_background_can_be_seen_through() -> None:
    palette = parsed(styles.class_raster_qml(SLUMS, see_through_background=True))
    assert [e.get("alpha") for e in palette.findall(".//paletteEntry")] == ["0", "255", "255"]


def test_a_period_switches_time_on() -> None:
    period = (datetime.date(2015, 1, 1), datetime.date(2024, 12, 31))
    for text in (
        styles.class_raster_qml(SLUMS, period=period),
        styles.probability_qml("slum", period=period),
    ):
        temporal = parsed(text).find("temporal")
        assert temporal is not None
        assert temporal.get("enabled") == "1"
        assert temporal.findtext("fixedRange/start") == "2015-01-01T00:00:00Z"
        assert temporal.findtext("fixedRange/end") == "2024-12-31T23:59:59Z"


def test_fields_that_are_not_there_have_no_alias() -> None:
    plain = styles.slum_polygons_qml(SLUMS, with_probability=False, date_field=None)
    fields = {a.get("field") for a in parsed(plain).iter("alias")}
    assert fields == set(styles.POLYGON_FIELDS) - {"prob_mean", "prob_p10", "date"}
    assert "prob_" not in plain


def test_field_names_fit_a_shapefile() -> None:
    assert all(len(f) <= 10 for f in (*styles.POLYGON_FIELDS, *styles.CHANGE_FIELDS))


def test_probability_of_any_band() -> None:
    renderer = parsed(styles.probability_qml("slum", band=3)).find(".//rasterrenderer")
    assert renderer is not None
    assert renderer.get("band") == "3"
