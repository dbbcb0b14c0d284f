"""What scenes say about themselves before a pixel is read, and which of them belong together."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torchgeo.datasets.utils import array_to_tensor, disambiguate_timestamp

from geocity.core.grid import Grid, same_crs
from geocity.core.mosaic import Mosaic, group_mosaics
from geocity.core.scene_fit import bands_to_read
from geocity.errors import BandMismatchError, GridMismatchError, InputError
from geocity.io.rasters import Scene

logger = logging.getLogger(__name__)

_ALWAYS = pd.Interval(pd.Timestamp.min, pd.Timestamp.max, closed="both")


@dataclass(frozen=True)
class SceneImage:
    """Scenes of one date that lie side by side on one pixel lattice, read as one.

    Attributes:
        mosaic: where the scenes lie on the image's grid.
        time: when it was taken; all of time where the files do not say.
    """

    mosaic: Mosaic
    time: "pd.Interval[pd.Timestamp]"

    @property
    def grid(self) -> Grid:
        """Return the grid of the image."""
        return self.mosaic.grid

    @property
    def dated(self) -> bool:
        """Return whether the files say when it was taken."""
        return self.time != _ALWAYS


@dataclass(frozen=True)
class SceneHeader:
    """What the header of a scene says.

    Attributes:
        path: of the file.
        grid: where its pixels are.
        bands: their names.
        dtype: of the pixels.
        time: when it was taken; all of time where the file does not say.
    """

    path: str
    grid: Grid
    bands: tuple[str, ...]
    dtype: np.dtype[Any]
    time: "pd.Interval[pd.Timestamp]"


def interval_of(scene: Scene, regex: str, date_format: str) -> "pd.Interval[pd.Timestamp]":
    """Return when a scene was taken: by the subclass's own pattern, else by what the file says.

    As in TorchGeo, the pattern's group ``date`` is a day (or a month or a year, by the format), and
    the groups ``start`` and ``stop`` are the first and the last.

    Raises:
        InputError: if the name does not fit the pattern, or what is found is no time.
    """
    match = re.match(regex, scene.path.name, re.VERBOSE)
    if match is None:
        raise InputError(f"The name {scene.path.name} does not fit the pattern {regex!r}.")
    told = match.groupdict()
    first, last = (told.get(name, told.get("date")) for name in ("start", "stop"))
    if first is None and last is None:
        if scene.date is None:
            return _ALWAYS
        first = last = scene.date.strftime("%Y%m%d")
        date_format = "%Y%m%d"
    if first is None or last is None:
        raise InputError(
            f"The pattern {regex!r} finds only one end of a time in {scene.path.name}; it needs a "
            "group date, or both start and stop."
        )
    try:
        start, _ = disambiguate_timestamp(first, date_format)
        _, stop = disambiguate_timestamp(last, date_format)
        return pd.Interval(start, stop, closed="both")
    except ValueError as error:
        raise InputError(
            f"{first} to {last}, in the name {scene.path.name}, is no time written as "
            f"{date_format!r} ({error})."
        ) from error


def refuse_mixture(first: SceneHeader, other: SceneHeader) -> None:
    """Refuse two scenes that cannot be read together.

    Raises:
        BandMismatchError: if the number of bands or the number types differ.
        GridMismatchError: if the CRS differ.
    """
    if other.dtype != first.dtype or len(other.bands) != len(first.bands):
        raise BandMismatchError(
            f"{other.path} has {len(other.bands)} bands of {other.dtype} and {first.path} "
            f"{len(first.bands)} of {first.dtype}; scenes that are read together must agree, so "
            "convert one of them (gdal_translate -ot, -b)."
        )
    if not same_crs(other.grid.crs, first.grid.crs):
        raise GridMismatchError(
            f"{other.path} is in {other.grid.crs.name} and {first.path} in {first.grid.crs.name}; "
            "scenes that are read together must share a CRS, so warp one of them (gdalwarp -t_srs)."
        )


def band_positions(header: SceneHeader, wanted: Sequence[str]) -> list[int]:
    """Return where a scene has the bands that are wanted, 0-based and in their order.

    By name; by position where the names on one side say nothing, see `bands_to_read`. Scenes that
    hold the same bands in another order are so read in one order.

    Raises:
        BandMismatchError: if a band is missing.
    """
    positions = bands_to_read(header.bands, wanted)
    if positions is None:
        raise BandMismatchError(
            f"{header.path} has the bands {', '.join(header.bands)} and {', '.join(wanted)} are to "
            "be read; give it bands of these names (gdal_translate -b chooses and orders them), or "
            "read it by itself."
        )
    if positions != tuple(range(len(positions))):
        told = ", ".join(header.bands[position] for position in positions)
        logger.info("The bands of %s are read in the order %s.", header.path, told)
    return list(positions)


def group_images(headers: Sequence[SceneHeader]) -> tuple[SceneImage, ...]:
    """Put scenes that share a date and a lattice, and touch, into one image each."""
    images = []
    for time in dict.fromkeys(header.time for header in headers):
        members = [i for i, header in enumerate(headers) if header.time == time]
        for mosaic in group_mosaics([headers[i].grid for i in members]):
            placed = tuple((members[member], window) for member, window in mosaic.members)
            images.append(SceneImage(Mosaic(mosaic.grid, placed), time))
    return tuple(images)


def as_tensor(pixels: NDArray[Any]) -> torch.Tensor:
    """Return a tensor; unsigned types that torch hardly knows become the next wider signed one."""
    if pixels.dtype in (np.uint16, np.uint32):
        return array_to_tensor(pixels)
    return torch.from_numpy(np.ascontiguousarray(pixels))
