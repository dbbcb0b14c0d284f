"""What pixel values mean: classes, their names and their colours."""

import colorsys
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NODATA = 255
"""The value that means "no class here" in every class raster and label."""

BACKGROUND = 0
"""The value that means "nothing that was looked for" where a map has such a class."""

Color = tuple[int, int, int]
"""(red, green, blue), 0 to 255."""

BACKGROUND_COLOR: Color = (226, 226, 220)
SLUM_COLOR: Color = (230, 0, 77)


@dataclass(frozen=True, slots=True)
class LandClass:
    """One class.

    Attributes:
        value: the pixel value, 0 to 254.
        name: what a person calls it.
        color: (red, green, blue), 0 to 255.
    """

    value: int
    name: str
    color: Color

    def __post_init__(self) -> None:
        if not 0 <= self.value < NODATA:
            raise ValueError(f"a class value must be between 0 and 254, got {self.value}")
        if len(self.color) != 3 or not all(0 <= c <= 255 for c in self.color):
            raise ValueError(f"a colour must be three numbers from 0 to 255, got {self.color}")


@dataclass(frozen=True, slots=True)
class ClassTable:
    """The classes of a raster or a model, by rising value."""

    classes: tuple[LandClass, ...]

    def __post_init__(self) -> None:
        values = [c.value for c in self.classes]
        if not values:
            raise ValueError("a class table needs at least one class")
        if values != sorted(set(values)):
            raise ValueError(f"class values must be unique and rising, got {values}")

    @classmethod
    def of(cls, classes: Sequence[LandClass]) -> "ClassTable":
        """Make a table of classes in any order."""
        return cls(tuple(sorted(classes, key=lambda c: c.value)))

    @classmethod
    def named(cls, names: Sequence[str]) -> "ClassTable":
        """Make a table of classes 0, 1, 2 … with the house colours.

        Example:
            >>> ClassTable.named(["background", "slum"]).names
            ('background', 'slum')
        """
        return cls(
            tuple(LandClass(value, name, default_color(value)) for value, name in enumerate(names))
        )

    def __iter__(self) -> Iterator[LandClass]:
        return iter(self.classes)

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def values(self) -> tuple[int, ...]:
        """Return the pixel values, rising."""
        return tuple(c.value for c in self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names in the order of the values."""
        return tuple(c.name for c in self.classes)

    def by_value(self, value: int) -> LandClass:
        """Return the class of a pixel value.

        Raises:
            KeyError: if no class has it.
        """
        for land_class in self.classes:
            if land_class.value == value:
                return land_class
        raise KeyError(value)

    def by_name(self, name: str) -> LandClass:
        """Return the class of a name, whatever its case.

        Raises:
            KeyError: if no class has it.
        """
        for land_class in self.classes:
            if land_class.name.casefold() == name.casefold():
                return land_class
        raise KeyError(name)

    def colormap(self) -> dict[int, tuple[int, int, int, int]]:
        """Return a GDAL colour table: opaque classes, transparent nodata."""
        table = {c.value: (*c.color, 255) for c in self.classes}
        return {**table, NODATA: (0, 0, 0, 0)}

    def to_json(self) -> str:
        """Return the table as JSON: a list of {value, name, color}."""
        return json.dumps(
            [{"value": c.value, "name": c.name, "color": list(c.color)} for c in self.classes],
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> "ClassTable":
        """Read what `to_json` wrote.

        Raises:
            ValueError: if the text is not a list of {value, name, color}.
        """
        try:
            items = json.loads(text)
            return cls.of(
                [LandClass(int(i["value"]), str(i["name"]), _color(i["color"])) for i in items]
            )
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"not a class table: {text[:80]!r}") from error


def _color(value: Sequence[int]) -> Color:
    red, green, blue = (int(v) for v in value)
    return red, green, blue


def default_color(value: int) -> Color:
    """Return the house colour of a class value: pale background, crimson slum, then spread hues."""
    if value == 0:
        return BACKGROUND_COLOR
    if value == 1:
        return SLUM_COLOR
    # The golden ratio spreads hues evenly however many classes there are.
    hue = (0.55 + 0.618034 * (value - 2)) % 1.0
    red, green, blue = colorsys.hls_to_rgb(hue, 0.45, 0.6)
    return round(red * 255), round(green * 255), round(blue * 255)
