"""GDAL's sidecar for what a GeoTIFF cannot hold: class names, an attribute table, statistics.

GDAL calls it PAM and keeps it beside the raster as `<name>.tif.aux.xml`. QGIS takes the labels of a
legend from its category names; ArcGIS and QGIS read the raster attribute table. rasterio cannot
write either, so the text is made here.
"""

import math
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from geocity.core.classes import NODATA, ClassTable, Color, LandClass, default_color
from geocity.io.markup import node

# GDALRATFieldType
_INTEGER, _REAL, _STRING = 0, 1, 2
# GDALRATFieldUsage
_PIXEL_COUNT, _NAME, _MIN_MAX, _RED, _GREEN, _BLUE = 1, 2, 5, 6, 7, 8
_LARGEST_INT32 = 2**31 - 1


def class_raster_pam(classes: ClassTable, counts: Mapping[int, int] | None) -> str:
    """Return the text of the `.tif.aux.xml` of a class raster.

    Args:
        classes: the classes of band 1.
        counts: pixels per value, nodata (255) included if known; None leaves counts and statistics
            out.

    Returns:
        XML with category names, a thematic attribute table and, with counts, statistics.
    """
    by_value = {c.value: c.name for c in classes}
    # GDAL numbers categories by position, so that values without a class need an empty one.
    names = [
        node("Category", text=by_value.get(value, "")) for value in range(classes.values[-1] + 1)
    ]
    band = node("PAMRasterBand", {"band": 1}, node("CategoryNames", None, *names))
    band.append(_attribute_table(classes, counts))
    if counts is not None:
        band.append(_statistics(counts))
    root = node("PAMDataset", None, band)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def read_category_names(text: str) -> dict[int, str]:
    """Return the category names of band 1 by pixel value; empty if there are none."""
    band = _first_band(text)
    if band is None:
        return {}
    categories = band.findall("CategoryNames/Category")
    return {value: c.text for value, c in enumerate(categories) if c.text}


def class_table_from_pam(text: str) -> ClassTable | None:
    """Read the classes of band 1: from its attribute table, else from its category names.

    Rows whose value cannot be a class (below 0, or 255 and above) and rows without a name are left
    out. Classes without a colour get the house colour.

    Args:
        text: what stands in a `.aux.xml`.

    Returns:
        The classes, or None if the text names none or is not XML.
    """
    band = _first_band(text)
    if band is None:
        return None
    names = read_category_names(text)
    colors: dict[int, Color] = {}
    table = band.find("GDALRasterAttributeTable")
    if table is not None:
        for value, name, color in _attribute_rows(table):
            if name:
                names[value] = name
            if color is not None:
                colors[value] = color
    classes = [
        LandClass(value, name, colors.get(value, default_color(value)))
        for value, name in names.items()
        if 0 <= value < NODATA
    ]
    return ClassTable.of(classes) if classes else None


def _first_band(text: str) -> Element | None:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        # GDAL ignores a damaged sidecar too: the raster itself is whole.
        return None
    for band in root.iter("PAMRasterBand"):
        if band.get("band") == "1":
            return band
    return None


def class_statistics(counts: Mapping[int, int]) -> dict[str, str]:
    """Return what GDAL tells of a band's values, out of the pixels of each value.

    Args:
        counts: pixels of each value; of nodata too where their share of all shall be told.

    Returns:
        Texts by GDAL's names, ``STATISTICS_MEAN`` and so on; none where all is nodata.
    """
    valid = {value: count for value, count in counts.items() if value != NODATA and count > 0}
    total = sum(valid.values())
    if total == 0:
        return {}
    mean = sum(value * count for value, count in valid.items()) / total
    variance = sum((value - mean) ** 2 * count for value, count in valid.items()) / total
    statistics = {
        "STATISTICS_MAXIMUM": str(max(valid)),
        "STATISTICS_MEAN": repr(mean),
        "STATISTICS_MINIMUM": str(min(valid)),
        "STATISTICS_STDDEV": repr(math.sqrt(variance)),
    }
    if NODATA in counts:
        share = 100 * total / (total + counts[NODATA])
        statistics["STATISTICS_VALID_PERCENT"] = f"{share:.4g}"
    return statistics


def _statistics(counts: Mapping[int, int]) -> Element:
    told = class_statistics(counts).items()
    return node("Metadata", None, *(node("MDI", {"key": key}, text=text) for key, text in told))


def _attribute_table(classes: ClassTable, counts: Mapping[int, int] | None) -> Element:
    columns: list[tuple[str, int, int, list[str]]] = [
        ("Value", _INTEGER, _MIN_MAX, [str(c.value) for c in classes])
    ]
    if counts is not None:
        column = [counts.get(c.value, 0) for c in classes]
        kind = _INTEGER if max(column) <= _LARGEST_INT32 else _REAL
        columns.append(("Count", kind, _PIXEL_COUNT, [str(count) for count in column]))
    columns.append(("Class", _STRING, _NAME, list(classes.names)))
    channels = [("Red", _RED), ("Green", _GREEN), ("Blue", _BLUE)]
    for channel, (name, usage) in enumerate(channels):
        columns.append((name, _INTEGER, usage, [str(c.color[channel]) for c in classes]))
    table = node("GDALRasterAttributeTable", {"tableType": "thematic"})
    for index, (name, kind, usage, _) in enumerate(columns):
        fields = [("Name", name), ("Type", str(kind)), ("Usage", str(usage))]
        table.append(
            node("FieldDefn", {"index": index}, *(node(tag, text=text) for tag, text in fields))
        )
    for index in range(len(classes)):
        cells = [node("F", text=column[3][index]) for column in columns]
        table.append(node("Row", {"index": index}, *cells))
    return table


def _attribute_rows(table: Element) -> Iterator[tuple[int, str, Color | None]]:
    """Yield (value, name or "", colour or None) of each row that has a readable value."""
    columns = {
        int(definition.findtext("Usage", "-1")): position
        for position, definition in enumerate(table.findall("FieldDefn"))
    }
    titles = {
        definition.findtext("Name", "").casefold(): position
        for position, definition in enumerate(table.findall("FieldDefn"))
    }
    value_column = columns.get(_MIN_MAX, titles.get("value"))
    name_column = columns.get(_NAME)
    color_columns = [columns[u] for u in (_RED, _GREEN, _BLUE) if u in columns]
    if value_column is None:
        return
    for row in table.findall("Row"):
        cells = [(cell.text or "") for cell in row.findall("F")]
        value = _whole_number(cells, value_column)
        if value is None:
            continue
        name = cells[name_column] if name_column is not None and name_column < len(cells) else ""
        yield value, name, _row_color(cells, color_columns)


def _row_color(cells: list[str], columns: list[int]) -> Color | None:
    levels = [_whole_number(cells, column) for column in columns]
    known = [level for level in levels if level is not None and 0 <= level <= 255]
    if len(known) != 3:
        return None
    return known[0], known[1], known[2]


def _whole_number(cells: list[str], column: int) -> int | None:
    try:
        number = float(cells[column])
    except (IndexError, ValueError):
        return None
    return int(number) if number.is_integer() else None
