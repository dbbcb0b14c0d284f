"""What is found about inputs before work starts, each with a level and with what to do."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "note", "warning", "error"]
LEVELS: tuple[Level, ...] = ("ok", "note", "warning", "error")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: ``ok`` fits, ``note`` good to know, ``warning`` works but may disappoint, ``error``
            work would be refused.
        subject: what it is about, for example the name of a file.
        topic: what was looked at, one or two words.
        found: what was found, a clause without a full stop.
        advice: what to do about it; empty for ``ok``.
    """

    level: Level
    subject: str
    topic: str
    found: str
    advice: str = ""

    @property
    def sentence(self) -> str:
        """Return the finding as one sentence."""
        rest = f"; {self.advice}" if self.advice else ""
        return f"{self.subject} {self.found}{rest}."

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def worst(findings: Iterable[Finding]) -> Level:
    """Return the gravest level; ``ok`` where nothing was found.

    Example:
        >>> worst([Finding("note", "a.tif", "bands", "has 3 bands")])
        'note'
    """
    return max((f.level for f in findings), key=LEVELS.index, default="ok")
