"""What the provider knows of a command of geocity: its parameters, and how they are typed.

Needs no QGIS, so that a test can hold every table row against the command line itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping

OUTPUT_KINDS = ("raster out", "vector out", "file out", "folder out")
"""Kinds of parameters that name what a command writes."""

LIST_KINDS = ("rasters", "layers", "maps", "files", "dates", "texts")
"""Kinds whose values are lists; on the command line their flag is given once for each."""


@dataclass(frozen=True)
class Parameter:
    """One argument or option of a command.

    Attributes:
        flag: as typed, ``--cell-size``; empty for the inputs, which are typed without one.
        kind: which field QGIS shows; see `geocity_qgis.parameters`.
        label: what it is, beside the field.
        name: its name in QGIS; empty: the flag in capitals.
        default: as on the command line; nothing is typed where the value is the default.
        required: must be given.
        choices: of the kind ``choice``.
        advanced: folded away.
        low: smallest number.
        high: largest number.
        files: filter of the file dialog.
        parent: the parameter with the layer whose fields are offered.
        off: the flag that switches a switch off where it is on by default.
        help: what the label has no room for.
    """

    flag: str
    kind: str
    label: str
    name: str = ""
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    advanced: bool = False
    low: float | None = None
    high: float | None = None
    files: str = ""
    parent: str = ""
    off: str = ""
    help: str = ""

    @property
    def key(self) -> str:
        """Return the name in QGIS."""
        return self.name or self.flag[2:].replace("-", "_").upper()


@dataclass(frozen=True)
class Command:
    """One command of geocity as an algorithm of QGIS.

    Attributes:
        name: as typed, ``majority-filter``.
        title: its name in the toolbox.
        group: its folder in the toolbox.
        help: what it does and gives, in a few sentences; paragraphs part at empty lines.
        parameters: in the order of the dialog; the result comes last.
        left_out: options that QGIS does not offer, each with the reason.
        always: flags that are typed every time.
        tags: words by which the toolbox finds it.
        loads: what the switch "add to the project" adds; empty: there is no such switch.
    """

    name: str
    title: str
    group: str
    help: str
    parameters: tuple[Parameter, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    always: tuple[str, ...] = ("--overwrite",)
    tags: str = ""
    loads: str = ""

    @property
    def algorithm(self) -> str:
        """Return the name of the algorithm: QGIS wants letters only."""
        return self.name.replace("-", "")

    def arguments(self, values: Mapping[str, Any]) -> list[str]:
        """Return what is typed after ``geocity``.

        Args:
            values: by the parameters' names; None, or no entry, where nothing was chosen.
        """
        given: dict[str, Any] = {p.key: values.get(p.key) for p in self.parameters}
        typed = [self.name]
        for parameter in sorted(self.parameters, key=lambda p: p.flag != ""):
            typed += _typed(parameter, given[parameter.key])
        return typed + list(self.always)


def _typed(parameter: Parameter, value: Any) -> list[str]:
    if parameter.kind == "switch":
        if value is None or bool(value) == bool(parameter.default):
            return []
        return [parameter.flag if value else parameter.off]
    values = value if parameter.kind in LIST_KINDS else [value]
    texts = [_text(v) for v in values or [] if v not in (None, "")]
    if not parameter.flag:
        return texts
    if parameter.kind not in LIST_KINDS and value == parameter.default:
        return []
    return [part for text in texts for part in (parameter.flag, text)]


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
