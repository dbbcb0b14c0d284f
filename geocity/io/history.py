"""What was done to a raster, kept in its own tags from tool to tool."""

from collections.abc import Mapping

HISTORY_TAG = "GEOCITY_HISTORY"
"""One line a step, the oldest first."""

_ORIGIN = {
    "GEOCITY_COMMAND": "command",
    "GEOCITY_SOURCE_SHA256": "SHA-256 of the scene",
    "GEOCITY_MODEL_SHA256": "SHA-256 of the model's weights",
    "GEOCITY_ENGINE": "run by",
    "GEOCITY_VERSION": "geocity",
}

# The writer of the next file says these anew.
_OF_THE_FILE = ("AREA_OR_POINT", "TIFFTAG_SOFTWARE", "TIFFTAG_DATETIME")


def history(tags: Mapping[str, str]) -> list[str]:
    """Return the steps that the tags of a raster tell of, the oldest first."""
    return [line for line in tags.get(HISTORY_TAG, "").splitlines() if line]


def origin(tags: Mapping[str, str]) -> list[str]:
    """Return what the tags of a classified raster tell of its first step, one line each.

    Example:
        >>> origin({"GEOCITY_VERSION": "0.1.0", "AREA_OR_POINT": "Area"})
        ['geocity: 0.1.0']
    """
    return [f"{name}: {tags[tag]}" for tag, name in _ORIGIN.items() if tag in tags]


def with_step(tags: Mapping[str, str], step: str) -> dict[str, str]:
    """Return the tags for the result of one more step on a raster.

    Args:
        tags: of the raster that went in; all that is said of its content is passed on.
        step: what was done, one line.
    """
    kept = {key: value for key, value in tags.items() if key not in _OF_THE_FILE}
    return {**kept, HISTORY_TAG: "\n".join([*history(tags), step])}
