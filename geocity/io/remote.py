"""Paths on other machines: read when the user names one, never because a file does.

A VRT, a layer or a web map description may name addresses. Opening it would tell a stranger who
looks at it, and when, and would let a file fetch from inside the user's network.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_NETWORK = re.compile(
    r"/vsi(curl|s3|gs|az|adls|oss|swift|hdfs|webhdfs)(_streaming)?[/?]|(?<![a-z])(https?|ftps?|s3|gs|az):/",
    re.IGNORECASE,
)
_SWALLOWED = re.compile(r"(?<![a-z])(https?|ftps?|s3|gs|az):/(?!/)", re.IGNORECASE)

_OFFLINE: Mapping[str, str] = {
    # No file system of GDAL's that asks another machine opens any other name than this one.
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "/vsicurl/nothing",
    # What asks by other ways is told to go by a door that is shut.
    "GDAL_HTTP_PROXY": "http://127.0.0.1:1",
    "GDAL_HTTP_MAX_RETRY": "0",
    "GDAL_SKIP": "HTTP,WMS",
    "PROJ_NETWORK": "OFF",
}


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


@contextmanager
def offline_unless(given: Iterable[Any]) -> Iterator[None]:
    """Keep GDAL from the network, in this process and those it starts, unless a path leads there.

    Args:
        given: what the user gave; sequences of paths are looked into.
    """
    if any(_names_network(value) for value in given):
        yield
        return
    former = {name: os.environ.get(name) for name in _OFFLINE}
    os.environ.update(_OFFLINE)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _names_network(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_names_network(each) for each in value)
    return isinstance(value, (str, os.PathLike)) and is_remote(value)
