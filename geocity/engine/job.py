"""What a tool says of its work so that any process can do a piece of it."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from geocity.core.grid import Grid
from geocity.core.progress import Progress
from geocity.engine.plan import Part
from geocity.engine.store import PartStore
from geocity.io.source_files import file_facts

__all__ = ["Job", "file_facts", "fingerprint", "kept", "let_go"]

T = TypeVar("T")


class Job(Protocol):
    """A piece of work, as values and absolute paths: it travels to the process that does it.

    Make it a frozen dataclass that can be pickled. It opens its files in `run`; what is costly to
    open (a model) it gets through `kept`.
    """

    @property
    def stage(self) -> str:
        """Return what the work is called while it goes on, for example ``Classifying``."""

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Compute the parts of a span and save each; yield it once it is saved.

        Args:
            span: parts that form a rectangle, in reading order.
            store: where they are saved.
            hear: may be told how far the span is.
        """


def fingerprint(*pieces: object) -> str:
    """Return a hash of everything that a result depends on.

    Args:
        pieces: numbers, texts, sequences, mappings, paths, grids, dataclasses.

    Raises:
        TypeError: for anything whose text may not tell all of it.
    """
    text = json.dumps(pieces, default=_plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> Any:
    if isinstance(value, Grid):
        return [value.crs.to_wkt(), list(value.transform), value.shape]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"a {type(value).__name__} cannot be part of a fingerprint")


_kept: dict[str, Any] = {}


def kept(key: str, make: Callable[[], T]) -> T:
    """Return a costly thing, made once per process and kept until another one is asked for.

    Args:
        key: names it; a forked process does not share what its parent made.
        make: makes it.
    """
    own = f"{os.getpid()} {key}"
    if own not in _kept:
        let_go()
        _kept[own] = make()
    value: T = _kept[own]
    return value


def let_go() -> None:
    """Close what this process keeps."""
    for key in list(_kept):
        value = _kept.pop(key)
        if key.startswith(f"{os.getpid()} ") and hasattr(value, "close"):
            value.close()
