"""Which files a raster is read from, and whether one of them was replaced."""

import os
from pathlib import Path

from geocity.io.datasets import open_dataset
from geocity.io.staging import PathLike

FileFacts = tuple[str, int, int]
"""Absolute path, size in bytes, time of the last change in ns."""

# Viewers drop these beside a raster while it is being read; where pixels are does not hang on them.
_BYSTANDERS = (".aux.xml", ".qml", ".ovr")


def file_facts(path: PathLike) -> FileFacts:
    """Return what tells whether a file was replaced.

    Size and time are -1 where there is no such file (a URL, say).
    """
    full = Path(path).absolute()
    try:
        found = full.stat()
    except OSError:
        return os.fspath(path), -1, -1
    return str(full), found.st_size, found.st_mtime_ns


def raster_facts(path: PathLike) -> list[FileFacts]:
    """Return the facts of every file that a raster is read from: of a mosaic, all its pieces.

    Raises:
        InputError: if it cannot be opened.
    """
    with open_dataset(str(path)) as dataset:
        files = {str(path), *dataset.files}
    return sorted(file_facts(file) for file in files if not file.endswith(_BYSTANDERS))
