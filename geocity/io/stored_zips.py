"""Zips that hold files as they are: equal content gives equal bytes, on every system."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

# zip keeps dates; a fixed one keeps equal zips equal.
_DATE = (1980, 1, 1, 0, 0, 0)


def write_stored_zip(path: Path, members: Mapping[str, bytes]) -> None:
    """Write a zip without compression.

    Args:
        path: the file.
        members: contents by name, in order.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, date_time=_DATE)
            info.create_system = 3  # the same on every system
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
