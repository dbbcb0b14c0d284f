"""How a job tells how far it is, without knowing who listens."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int, str], None]
"""Called as ``progress(done, total, stage)`` with whole numbers of the stage's own unit."""


def silent(done: int, total: int, stage: str) -> None:
    """Report to nobody."""
