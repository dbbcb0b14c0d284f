"""The Classified_Tiles layout of ArcGIS Pro: read a folder that it exported.

What stands in the files follows the export tool's output and what ``arcgis.learn.prepare_data``
reads; the writing side is `geocity.io.esri_sidecars`.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
from rasterio.enums import MaskFlags

from geocity.core.classes import NODATA, ClassTable, LandClass, default_color
from geocity.core.grid import Grid
from geocity.core.split import DROPPED, PARTS, Places, Split, random_split, spatial_split
from geocity.errors import InputError, LabelError
from geocity.io.chip_folder import (
    Chip,
    ChipFolder,
    read_chip,
    read_chip_label,
    unplaced_is_fine,
)

logger = logging.getLogger(__name__)

EMD = "esri_model_definition.emd"
STATS = "esri_accumulated_stats.json"
MAP = "map.txt"
IGNORED = "ignore"
"""Name of the class that stands for unknown pixels in folders that geocity writes for ArcGIS."""

_FRACTIONS = (0.7, 0.15, 0.15)
_SEED = 42


def read_esri_folder(folder: Path) -> ChipFolder:
    """Read a Classified_Tiles folder, and split it by place where its chips say where they lie.

    Args:
        folder: with ``map.txt``, ``esri_model_definition.emd`` and ``esri_accumulated_stats.json``.

    Raises:
        InputError: if it is no such folder, or was exported for another kind of model.
    """
    absent = [name for name in (MAP, EMD, STATS) if not (folder / name).exists()]
    if absent:
        raise InputError(
            f"{folder} is no folder of chips: {', '.join(absent)} and chips.json are missing; "
            "name a folder that export-chips, or ArcGIS Pro as Classified_Tiles, wrote."
        )
    emd, stats = _read_json(folder / EMD), _read_json(folder / STATS)
    mode = stats.get("MetaDataMode", emd.get("MetaDataMode", "Classified_Tiles"))
    if mode != "Classified_Tiles":
        raise InputError(
            f"{folder} was exported as {mode}, but geocity trains on Classified_Tiles; "
            "export it again with that metadata format."
        )
    pairs = _pairs(folder)
    classes, relabel = _classes(emd, stats, folder)
    first = _Look(pairs[0][0])
    chips, centres = _chips(pairs, relabel, first)
    split = _split(chips, centres, first, classes)
    kept = [
        replace(chip, split=PARTS[part])
        for chip, part in zip(chips, split.parts, strict=True)
        if part != DROPPED
    ]
    return ChipFolder(
        path=folder,
        chips=tuple(kept),
        classes=classes,
        band_names=_band_names(emd, first.bands),
        dtype=first.dtype,
        chip_size=first.shape[0],
        cell_size_m=first.grid.cell_size_m if first.grid else _cell_size(emd),
        dropped=split.dropped,
    )


class _Look:
    """What the header of a chip says."""

    def __init__(self, path: Path) -> None:
        with unplaced_is_fine(), rasterio.open(path) as source:
            self.shape: tuple[int, int] = source.shape
            self.dtype = np.dtype(source.dtypes[0])
            self.bands = sum(color.name != "alpha" for color in source.colorinterp)
            # Nothing in the pixels can make one of them invalid, so they need not be read.
            self.whole = (
                path.suffix == ".tif"
                and self.dtype.kind != "f"
                and all(flags == [MaskFlags.all_valid] for flags in source.mask_flag_enums)
            )
            placed = source.crs is not None and not source.transform.is_identity
            self.grid = (
                Grid(pyproj.CRS.from_wkt(source.crs.to_wkt()), source.transform, source.shape)
                if placed
                else None
            )
        if self.shape[0] != self.shape[1]:
            raise InputError(
                f"{path.name} has {self.shape[0]} x {self.shape[1]} pixels, but geocity trains on "
                "square chips; export it again with equal tile sizes."
            )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig", errors="replace"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is damaged ({error}); export the chips again.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged (not a JSON object); export the chips again.")
    return content


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Return (image, label) for every line of map.txt whose files are both there."""
    lines = (folder / MAP).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    named = [
        tuple(folder.joinpath(*name.replace("\\", "/").split("/")) for name in line.split()[:2])
        for line in lines
        if len(line.split()) >= 2
    ]
    pairs = [(image, label) for image, label in named if image.exists() and label.exists()]
    if len(pairs) < len(named):
        logger.warning(
            "%d of the %d chips in %s are left out: their image or label is missing.",
            len(named) - len(pairs), len(named), folder / MAP,
        )  # fmt: skip
    if not pairs:
        raise InputError(f"{folder / MAP} names no chip that is there; export the chips again.")
    return pairs


def _classes(
    emd: Mapping[str, Any], stats: Mapping[str, Any], folder: Path
) -> tuple[ClassTable, bytes]:
    """Return classes 0 (background), 1, 2 …, and the class of every value in the label files."""
    listed = emd.get("Classes") or stats.get("Classes")
    try:
        found = {int(entry.get("Value", entry.get("ClassValue"))): entry for entry in listed or ()}
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"The classes in {folder / EMD} are damaged; export again.") from error
    relabel = np.full(NODATA + 1, NODATA, np.uint8)
    relabel[0] = 0
    background = found.pop(0, {})
    table = [LandClass(0, str(_name(background) or "background"), default_color(0))]
    for value in sorted(found):
        name = str(_name(found[value]) or f"class {value}")
        if value == NODATA and name == IGNORED:
            continue
        if not 0 < value < NODATA:
            raise LabelError(
                f"{folder / EMD} lists the class value {value}, but classes are numbered 1 to 254; "
                "renumber the classes and export again."
            )
        relabel[value] = len(table)
        table.append(LandClass(len(table), name, _color(found[value], len(table))))
    if len(table) == 1:
        raise LabelError(
            f"{folder / EMD} lists no class; export the chips again with a class field."
        )
    return ClassTable(tuple(table)), relabel.tobytes()


def _name(entry: Mapping[str, Any]) -> Any:
    return entry.get("Name", entry.get("ClassName"))


def _color(entry: Mapping[str, Any], value: int) -> tuple[int, int, int]:
    color = entry.get("Color")
    if isinstance(color, list) and len(color) == 3 and all(0 <= int(c) <= 255 for c in color):
        return int(color[0]), int(color[1]), int(color[2])
    return default_color(value)  # ArcGIS writes -1, -1, -1 where it does not know


def _chips(
    pairs: Sequence[tuple[Path, Path]], relabel: bytes, first: _Look
) -> tuple[list[Chip], list[tuple[float, float]]]:
    """Count the labels of every chip, and find its centre where all chips are georeferenced."""
    chips, centres = [], []
    for image, label in pairs:
        look = _Look(image)
        if (look.shape, look.dtype, look.bands) != (first.shape, first.dtype, first.bands):
            raise InputError(
                f"{image.name} has {look.bands} bands of {look.dtype} and {look.shape} pixels, but "
                f"{pairs[0][0].name} {first.bands} bands of {first.dtype} and {first.shape}; "
                "export the chips again, in one go."
            )
        chip = Chip(image, label, PARTS[0], relabel=relabel)
        if look.whole:
            classes = np.frombuffer(relabel, np.uint8)[read_chip_label(label)]
        else:
            # As training sees it: without an image there is no class, whatever the label says.
            _, classes, valid = read_chip(chip)
            classes = np.where(valid, classes, NODATA)
        counts = np.bincount(classes.reshape(-1), minlength=NODATA + 1)
        found = {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
        chips.append(replace(chip, class_pixels=found))
        if look.grid and first.grid and look.grid.crs == first.grid.crs:
            rows, cols = look.shape
            centres.append(look.grid.transform @ (cols / 2, rows / 2))
    return chips, centres


def _split(
    chips: Sequence[Chip],
    centres: Sequence[tuple[float, float]],
    first: _Look,
    classes: ClassTable,
) -> Split:
    if first.grid is None or len(centres) < len(chips):
        logger.warning(
            "The chips do not say where they lie, so they are split at random (seed %d): "
            "neighbours may leak between the parts, and scores will look better than they are.",
            _SEED,
        )
        return random_split(len(chips), _FRACTIONS, seed=_SEED)
    pixels = np.array([[c.class_pixels.get(v, 0) for v in classes.values] for c in chips], np.int64)
    left, bottom, right, top = first.grid.bounds
    places = Places(np.array(centres), max(right - left, top - bottom), pixels, classes.names)
    try:
        split = spatial_split(places, _FRACTIONS, seed=_SEED)
    except LabelError as error:
        logger.warning(
            "The chips are split at random (seed %d), and neighbours may leak: %s",
            _SEED, error,
        )  # fmt: skip
        return random_split(len(chips), _FRACTIONS, seed=_SEED)
    logger.info(
        "The folder has no split of its own, so its chips are split by place; "
        "%d of %d lie between two parts and are left out.", split.dropped, len(chips),
    )  # fmt: skip
    return split


def _band_names(emd: Mapping[str, Any], bands: int) -> tuple[str, ...]:
    told = (emd.get("InputRastersProps") or {}).get("BandNames") or [
        entry.get("BandName") for entry in emd.get("AllTilesStats") or ()
    ]
    if len(told) == bands:
        return tuple(str(name) for name in told)
    return ("Red", "Green", "Blue") if bands == 3 else tuple(f"Band {i + 1}" for i in range(bands))


def _cell_size(emd: Mapping[str, Any]) -> float:
    """Return the cell size in metres that the definition tells, 0 where it does not."""
    told = emd.get("MinCellSize") or {}
    try:
        reference = told["spatialReference"]
        crs = pyproj.CRS.from_epsg(reference.get("latestWkid", reference["wkid"]))
        unit = crs.axis_info[0].unit_conversion_factor if crs.is_projected else 0.0
        return float(told["x"]) * unit
    except (KeyError, TypeError, ValueError, pyproj.exceptions.CRSError):
        return 0.0
