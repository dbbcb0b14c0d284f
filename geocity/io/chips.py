"""Chip folders: training samples on disk, as geocity and as ArcGIS Pro write them.

A folder holds ``images/`` and ``labels/`` with files of the same name. geocity's own folders carry
``chips.json``, which says where every chip comes from and to which part it belongs; a
Classified_Tiles folder exported by ArcGIS Pro has none and is read by `geocity.io.esri_chips`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from geocity.core.band_statistics import BandStatistics
from geocity.core.classes import ClassTable
from geocity.core.grid import Window
from geocity.errors import InputError
from geocity.io.chip_folder import Chip, ChipFolder, read_chip
from geocity.io.esri_chips import read_esri_folder
from geocity.io.staging import PathLike

__all__ = ["Chip", "ChipFolder", "read_chip", "read_chip_folder"]

CHIPS_JSON = "chips.json"
FORMAT = "geocity-chips"
VERSION = 1


def read_chip_folder(path: PathLike) -> ChipFolder:
    """Read what a chip folder says about itself; the chips stay on disk.

    A folder exported by ArcGIS Pro as Classified_Tiles is split when it is read: by place, without
    leaks, where its chips are georeferenced; at random, with a warning, where they are not.

    Args:
        path: the folder that `export-chips`, or ArcGIS Pro, wrote.

    Raises:
        InputError: if it is not a folder of chips, or is incomplete.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; name the folder that export-chips wrote.")
    described = folder / CHIPS_JSON
    if described.exists():
        return _read_own_folder(folder, described)
    return read_esri_folder(folder)


def _read_own_folder(folder: Path, described: Path) -> ChipFolder:
    try:
        about = json.loads(described.read_text(encoding="utf-8"))
        if about.get("format") != FORMAT or about.get("version") != VERSION:
            raise InputError(
                f"{described} is of format {about.get('format')!r}, version "
                f"{about.get('version')!r}, but this geocity reads {FORMAT!r}, version {VERSION}; "
                "export the chips again."
            )
        return ChipFolder(
            path=folder,
            chips=tuple(_own_chip(folder, entry) for entry in about["chips"]),
            classes=ClassTable.from_json(json.dumps(about["classes"])),
            band_names=tuple(about["bands"]),
            dtype=np.dtype(about["dtype"]),
            chip_size=int(about["chip_size"]),
            cell_size_m=float(about["cell_size_m"]),
            dropped=int(about["split"]["dropped"]),
            about={key: value for key, value in about.items() if key != "chips"},
            _statistics={
                part: BandStatistics.from_json(values)
                for part, values in about["statistics"].items()
            },
        )
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{described} is damaged ({error!r}); export the chips again.") from error


def _own_chip(folder: Path, entry: Mapping[str, Any]) -> Chip:
    image, label = (_inside(folder, entry[name]) for name in ("image", "label"))
    return Chip(
        image=image,
        label=label,
        split=entry["split"],
        window=Window(*(int(number) for number in entry["window"])),
        source=entry["source"],
        class_pixels={int(value): int(n) for value, n in entry["class_pixels"].items()},
        angle=float(entry["angle"]),
    )


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise InputError(f"{folder / CHIPS_JSON} points outside its folder ({name}).")
    return path
