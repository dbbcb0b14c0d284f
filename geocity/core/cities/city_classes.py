"""Cities as the classes of a raster, each with a colour that can be told from its neighbours'."""

import colorsys
from collections.abc import Sequence

from geocity.core.classes import NODATA, ClassTable, Color, LandClass

UNKNOWN_NAME = "unknown city"
UNKNOWN_COLOR: Color = (128, 128, 128)

MOST_CITIES = NODATA - 1
"""A class raster has room for so many, and for the unknown one."""


def city_color(position: int) -> Color:
    """Return the colour of a city by its position in the model.

    Hues step by the golden ratio and lightness by thirds, so that neighbours in the list differ.
    """
    hue = (0.58 + 0.618034 * position) % 1.0
    lightness = (0.45, 0.6, 0.33)[position % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.65)
    return round(red * 255), round(green * 255), round(blue * 255)


def city_classes(names: Sequence[str], *, with_unknown: bool) -> ClassTable:
    """Return the class table of a map of cities: class = position in the model.

    Args:
        names: of the cities, in the model's order.
        with_unknown: add a last class for a city that the model never saw.

    Raises:
        ValueError: if there are more cities than a class raster has values for.
    """
    if len(names) > MOST_CITIES:
        raise ValueError(f"a class raster has room for {MOST_CITIES} cities, got {len(names)}")
    classes = [LandClass(value, name, city_color(value)) for value, name in enumerate(names)]
    if with_unknown:
        classes.append(LandClass(len(names), UNKNOWN_NAME, UNKNOWN_COLOR))
    return ClassTable.of(classes)
