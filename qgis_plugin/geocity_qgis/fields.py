"""Words for the tables of commands: kinds of parameters, and parameters that several share."""

from __future__ import annotations

from typing import Any, Sequence

from geocity_qgis.command import Parameter

MAPPING = "Mapping"
MONITORING = "Monitoring"

MODEL_FILES = "geocity models (*.geocity);;All files (*.*)"
REPLACED = "QGIS asks before a file is replaced; then it is replaced."
IN_TERMINAL = "Meant for the terminal."
PART_OPTIONS = {
    "--scheduler": "A cluster is used from the terminal.",
    "--resume": "A run always goes on where a former one was stopped.",
    "--part-range": "Machines that share a folder are told apart in the terminal.",
}
ONE_PROCESS = {**PART_OPTIONS, "--workers": "Several processes are used from the terminal."}


def integer(flag: str, label: str, **more: Any) -> Parameter:
    """Return a whole number."""
    return Parameter(flag, "integer", label, **more)


def number(flag: str, label: str, **more: Any) -> Parameter:
    """Return a number."""
    return Parameter(flag, "number", label, **more)


def text(flag: str, label: str, **more: Any) -> Parameter:
    """Return a text."""
    return Parameter(flag, "text", label, **more)


def choice(flag: str, label: str, choices: Sequence[str], **more: Any) -> Parameter:
    """Return a choice; none is chosen unless a default is given."""
    return Parameter(flag, "choice", label, choices=tuple(choices), **more)


def switch(flag: str, label: str, **more: Any) -> Parameter:
    """Return a switch, which is off unless something else is said."""
    return Parameter(flag, "switch", label, **{"default": False, **more})


def scenes(label: str = "Scenes") -> Parameter:
    """Return the inputs of commands that take several scenes."""
    return Parameter("", "rasters", label, name="SCENES", required=True)


def model(*, required: bool = True, label: str = "Model", advanced: bool = False) -> Parameter:
    """Return the model file."""
    return Parameter(
        "--model", "file", label, required=required, files=MODEL_FILES, advanced=advanced
    )


def device() -> Parameter:
    """Return the choice of a device."""
    return choice(
        "--device", "Where to compute", ("auto", "cpu", "cuda"), default="auto", advanced=True
    )


def engine() -> Parameter:
    """Return the choice of an engine."""
    return choice(
        "--engine",
        "What runs the model",
        ("auto", "openvino", "torch"),
        default="auto",
        advanced=True,
    )


def tile_size() -> Parameter:
    """Return the side of a tile."""
    return integer(
        "--tile-size",
        "Side of a tile in pixels",
        low=1,
        advanced=True,
        help="Empty: 1024. Smaller tiles need less memory.",
    )


def batch_size() -> Parameter:
    """Return the number of tiles at a time."""
    return integer(
        "--batch-size",
        "Tiles at a time",
        low=1,
        advanced=True,
        help="Empty: 1, and 8 on a graphics card.",
    )


def threshold() -> Parameter:
    """Return the lowest probability."""
    return number(
        "--threshold",
        "Lowest probability of a class",
        low=0,
        high=1,
        help="What is less sure becomes background. Empty: the most probable class counts.",
    )


def aoi() -> Parameter:
    """Return the area of interest."""
    return Parameter("--aoi", "polygons", "Polygons to stay within")


def dates(label: str, flag: str = "--date") -> Parameter:
    """Return days, one a layer."""
    return Parameter(
        flag,
        "dates",
        f"{label}, as 2015-02-14, 2025-02-09",
        help="In the order of the layers. Empty: the layers say it themselves.",
    )


def slum_class() -> Parameter:
    """Return the class to follow."""
    return text(
        "--slum-class",
        "Class that means slum",
        advanced=True,
        help="Its name or value, where there are several. Empty: the one called so.",
    )


def unit_field() -> Parameter:
    """Return the field with the names of units."""
    return Parameter(
        "--unit-field",
        "field",
        "Field with the names of the wards",
        parent="UNITS",
        help="Empty: the one called ward, name and the like.",
    )


def assessments() -> Parameter:
    """Return assessments of maps."""
    return Parameter(
        "--assessment",
        "files",
        "Assessments of the maps",
        advanced=True,
        help="What `geocity assess estimate` wrote (assessment.json), one a date.",
    )


def passes(*, can_be_none: bool) -> Parameter:
    """Return how often to filter."""
    more = " 0 leaves the filter out." if can_be_none else ""
    return text(
        "--passes",
        "Passes of the majority filter",
        default="1",
        help=f"A number, or stable: until nothing changes.{more}",
    )


def workers() -> Parameter:
    """Return the number of processes."""
    return integer(
        "--workers",
        "Processes on this machine",
        default=1,
        low=1,
        advanced=True,
        help="Each needs memory of its own.",
    )
