"""Paths on other machines: read when the user names one, never because a file does.

A VRT, a layer or a web map description may name addresses. Opening it would tell a stranger who
looks at it, and when, and would let a file fetch from inside the user's network.
"""

import dataclasses
import functools
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_NETWORK = re.compile(
    r"/vsi(curl|s3|gs|az|adls|oss|swift|hdfs|webhdfs)(_streaming)?[/?]|(?<![a-z])(https?|ftps?|s3|gs|az):/",
    re.IGNORECASE,
)
_SWALLOWED = re.compile(r"(?<![a-z])(https?|ftps?|s3|gs|az):/(?!/)", re.IGNORECASE)

_SHUT_DOOR = "127.0.0.1:1"
_OFFLINE: Mapping[str, str] = {
    # No file system of GDAL's that asks another machine opens any other name than this one.
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "/vsicurl/nothing",
    # What asks by other ways is told to go by a door that is shut.
    "GDAL_HTTP_PROXY": f"http://{_SHUT_DOOR}",
    "GDAL_HTTPS_PROXY": f"http://{_SHUT_DOOR}",
    "GDAL_HTTP_MAX_RETRY": "0",
    "PROJ_NETWORK": "OFF",
}
# Machines that need no proxy would be asked past that door. Only GDAL's curl, which looks at the
# environment of the process, is to know: what Python downloads looks at `os.environ`.
_EXCEPTIONS = ("no_proxy", "NO_PROXY")

_REASON = "it leads to another machine, where geocity goes only if you name the address yourself"

_TEXTS = frozenset({"title", "credit", "method_note", "scheduler"})
"""What people may write an address into that is no path."""


def is_remote(path: object) -> bool:
    """Tell whether a path leads to another machine.

    Example:
        >>> is_remote("/vsicurl/https://example.org/a.tif"), is_remote("C:/scenes/a.tif")
        (True, False)
    """
    return bool(_NETWORK.search(str(path)))


def gdal_path(path: object) -> str:
    """Return a path as GDAL wants it: with the slash that `pathlib` takes from an address.

    Example:
        >>> gdal_path("https:/example.org/a.tif")
        'https://example.org/a.tif'
    """
    return _SWALLOWED.sub(r"\1://", str(path))


class _Door:
    """The way to other machines: of this process, and of those it starts, for it is one.

    Attributes:
        calls: how many are in the house that keep it shut, and how many that need it open.
    """

    def __init__(self) -> None:
        self.calls = {False: 0, True: 0}
        self._changed = threading.Condition()
        self._inside = threading.local()
        self._former: dict[str, str | None] = {}

    @contextmanager
    def passed(self, online: bool) -> Iterator[None]:
        """Keep the door open or shut; inside such a call, it decides for those that it makes."""
        if getattr(self._inside, "somewhere", False):
            yield
            return
        self._enter(online)
        self._inside.somewhere = True
        try:
            yield
        finally:
            self._inside.somewhere = False
            self._leave(online)

    def _enter(self, online: bool) -> None:
        with self._changed:
            # Calls of other threads that want it the other way end first.
            self._changed.wait_for(lambda: not self.calls[not online])
            self.calls[online] += 1
            if not online and self.calls[online] == 1:
                self._former = {name: os.environ.get(name) for name in _OFFLINE}
                os.environ.update(_OFFLINE)
                for name in _EXCEPTIONS:
                    os.putenv(name, "")

    def _leave(self, online: bool) -> None:
        with self._changed:
            self.calls[online] -= 1
            if not online and not self.calls[online]:
                for name, value in self._former.items():
                    _restore(name, value)
                for name in _EXCEPTIONS:
                    if name in os.environ:
                        os.putenv(name, os.environ[name])
                    else:
                        os.unsetenv(name)
            self._changed.notify_all()


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


_door = _Door()


@contextmanager
def offline_unless(given: Iterable[Any]) -> Iterator[None]:
    """Keep GDAL from the network, in this process and those it starts, unless a path leads there.

    What is called inside does as the outermost call; calls of other threads that want the network
    the other way wait until those that are under way have ended.

    Args:
        given: what the user gave; sequences, mappings and dataclasses are looked into.
    """
    with _door.passed(any(_names_network(value) for value in given)):
        yield


def behind_the_door(function: Callable[P, R], module: str) -> Callable[P, R]:
    """Return a function that stays off the network unless one of its arguments leads there.

    Args:
        function: files in, files out.
        module: where users find it; it is pickled by that name.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with offline_unless((*args, kwargs)):
            return function(*args, **kwargs)

    run.__module__ = module
    return run


def explained(cause: str) -> str:
    """Return what GDAL says of a file, with the reason where geocity itself shut the door.

    Example:
        >>> with offline_unless(["a.vrt"]):
        ...     explained("'/vsicurl/http://a.org/b.tif' does not exist")[-71:]
        'other machine, where geocity goes only if you name the address yourself'
    """
    shut = all(os.environ.get(name) == value for name, value in _OFFLINE.items())
    if not shut or not (is_remote(cause) or "127.0.0.1" in cause):
        return cause
    return f"{cause}; {_REASON}"


def is_explained(cause: str) -> bool:
    """Tell whether what GDAL says was given a reason by `explained`."""
    return cause.endswith(_REASON)


def _names_network(value: Any) -> bool:
    if isinstance(value, (str, os.PathLike)):
        return is_remote(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(map(_names_network, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return any(_names_network(each) for name, each in value.items() if name not in _TEXTS)
    return False
