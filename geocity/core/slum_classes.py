"""Which of the classes of a map means slum."""

from collections.abc import Mapping

from geocity.core.classes import BACKGROUND

SLUM_WORDS = ("slum", "slums", "informal settlement", "informal settlements", "informal")


def choose_slum_class(classes: Mapping[int, str], wanted: str | None = None) -> int:
    """Return the value of the class that means slum.

    Args:
        classes: names by value.
        wanted: the name or the value that somebody asked for.

    Returns:
        The wanted class; else the one that is called so; else the only one beside background (0).

    Raises:
        ValueError: if there is no such class, or several could be it.

    Example:
        >>> choose_slum_class({0: "background", 1: "roads", 6: "Informal settlement"})
        6
    """
    there = ", ".join(f"{value} ({name})" for value, name in classes.items())
    if wanted is not None:
        for value, name in classes.items():
            if wanted.strip().casefold() in (name.casefold(), str(value)):
                return value
        raise ValueError(f"no class {wanted!r}, only {there}")
    for value, name in classes.items():
        if name.casefold().replace("_", " ") in SLUM_WORDS:
            return value
    others = [value for value in classes if value != BACKGROUND]
    if len(others) == 1:
        return others[0]
    raise ValueError(f"the classes {there}, and none of them is called slum")
