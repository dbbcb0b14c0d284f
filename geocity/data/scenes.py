"""Scenes as a TorchGeo dataset: its index and queries, whole-pixel reading underneath.

`SceneDataset` is a `torchgeo.datasets.RasterDataset`, so samplers, ``&`` and data loaders take it.
What it does otherwise than its base, and why:

* a query is answered in whole pixels of the scene itself, never resampled, and costs what a plain
  windowed read costs, not the ten to twenty times that ``rasterio.merge`` takes;
* files that cannot serve (unreadable, no CRS, other bands or number type) are refused by name,
  where the base skips them or lets numbers wrap around; bands in another order are read by name;
* the sample says which pixels are ``valid``; beyond the scene's edge pixels are mirrored;
* file handles belong to a process and a thread: forked workers never share one.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyproj
import shapely
import torch
from numpy.typing import NDArray
from torchgeo.datasets import RasterDataset
from torchgeo.datasets.utils import GeoSlice

from geocity.core.grid import Window, same_crs
from geocity.core.mosaic import Mosaic
from geocity.core.padding import pad_reflect
from geocity.data.scene_headers import (
    SceneHeader,
    as_tensor,
    band_positions,
    group_images,
    interval_of,
    refuse_mixture,
)
from geocity.data.scene_queries import ImageQuery, meet, most_meant
from geocity.errors import GridMismatchError, InputError, NoOverlapError
from geocity.io.rasters import Scene, open_scene
from geocity.io.staging import PathLike

_SUFFIXES = frozenset({".tif", ".tiff", ".vrt", ".jp2", ".img", ".png", ".jpg", ".jpeg"})
_OPEN_AT_MOST = 64  # in each process and thread


class SceneDataset(RasterDataset):
    """Imagery indexed by place and time, read by whole pixels.

    Attributes:
        images: what can be queried: scenes that touch on one lattice and share a date are one
            image, the first in order on top; every other scene is an image of its own.
        band_names: of the bands that are read, in order.
        pixel_dtype: of the files.

    Example:
        >>> from geocity.data.samplers import PaddedGridGeoSampler
        >>> scenes = SceneDataset("sample_data/scene_2025.tif")
        >>> sampler = PaddedGridGeoSampler(scenes, size=512, padding=64)
        >>> sample = scenes[next(iter(sampler))]
        >>> sample["image"].shape, sample["valid"].dtype
        (torch.Size([3, 512, 512]), torch.bool)
    """

    def __init__(
        self,
        paths: PathLike | Iterable[PathLike],
        *,
        cell_size_m: float | None = None,
        bands: Sequence[str] | None = None,
        transforms: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        as_stored: bool = False,
    ) -> None:
        """Index scenes.

        Args:
            paths: files, or folders that are searched for rasters.
            cell_size_m: see all scenes with pixels of this size (`open_scene`).
            bands: names of the bands to read, in this order; by default all, in the order of the
                first file. Files that hold them in another order are read by name.
            transforms: applied to every sample, as in TorchGeo.
            as_stored: give images in the number type of the files, not as float32.

        Raises:
            InputError: if a file cannot be read, or there is none.
            BandMismatchError: if number types differ between scenes, or a band is missing in one.
            GridMismatchError: if the scenes have different CRS.
        """
        # The base class would open every file its own way, skip what it cannot read, and take the
        # first file's bands and number type for all; its attributes are set here instead.
        self._paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        self.paths = self._paths
        self.transforms = transforms
        self.cache = True
        self.cell_size_m = cell_size_m
        self._handles: dict[tuple[int, int], OrderedDict[str, Scene]] = {}
        self._files = self.files
        if not self._files:
            raise InputError(f"No raster was found in {', '.join(map(str, self._paths))}.")
        headers = [self._header(path) for path in self._files]
        first = headers[0]
        for header in headers[1:]:
            refuse_mixture(first, header)
        self.pixel_dtype = first.dtype
        self._dtype = as_tensor(np.zeros(1, first.dtype)).dtype if as_stored else torch.float32
        self.band_names = first.bands if bands is None else tuple(bands)
        # Of every file: the same bands may lie in another order in the next one.
        self._positions = [band_positions(header, self.band_names) for header in headers]
        self.bands = self.band_names
        self.band_indexes = [position + 1 for position in self._positions[0]]
        self._res = first.grid.cell_size
        self.images = group_images(headers)
        self.index = geopandas.GeoDataFrame(
            {"filepath": self._files},
            index=pd.IntervalIndex([h.time for h in headers], closed="both", name="datetime"),
            geometry=[shapely.box(*h.grid.bounds) for h in headers],
            crs=first.grid.crs,
        )

    @property
    def files(self) -> list[str]:
        """Return the scenes: every file that was named, and the rasters in folders, sorted."""
        found: set[str] = set()
        for path in self._paths:
            if Path(path).is_dir():
                inside = Path(path).rglob(self.filename_glob)
                found |= {str(p) for p in inside if p.suffix.lower() in _SUFFIXES and p.is_file()}
            else:
                found.add(str(path))
        return sorted(found)

    @property
    def dtype(self) -> torch.dtype:
        """Return the number type of the images in samples."""
        return self._dtype

    @property
    def crs(self) -> pyproj.CRS:
        """Return the CRS of all scenes. Scenes are never reprojected; labels are."""
        return pyproj.CRS.from_user_input(self.index.crs)

    @crs.setter
    def crs(self, new_crs: pyproj.CRS) -> None:
        if not same_crs(pyproj.CRS.from_user_input(new_crs), self.crs):
            raise GridMismatchError(
                f"The scenes are in {self.crs.name} and cannot be read in another CRS; put the "
                "scenes first (scenes & labels), or warp them beforehand (gdalwarp)."
            )

    @property
    def res(self) -> tuple[float, float]:
        """Return the width and height of a pixel in CRS units."""
        return self._res

    @res.setter
    def res(self, new_res: float | tuple[float, float]) -> None:
        self._refuse_step(new_res if isinstance(new_res, tuple) else (new_res, new_res))

    def __getitem__(self, query: GeoSlice) -> dict[str, Any]:
        """Read the whole pixels that a query asks for.

        A query that lies on the pixels of an image is answered exactly; one that does not is moved
        to the nearest whole pixel, at most half a pixel away, and nothing is resampled.

        Returns:
            ``image`` (bands, rows, cols), ``valid`` (rows, cols), ``crs`` and ``bounds``.

        Raises:
            IndexError: if the query meets no scene.
            InputError: if it meets several dates, or asks for another cell size.
        """
        position, window = self.locate(query)
        pixels, valid = self.read(position, window)
        sample: dict[str, Any] = {
            "crs": self.crs,
            "bounds": query,
            "image": self._tensor(pixels),
            "valid": torch.from_numpy(valid),
        }
        return self.transforms(sample) if self.transforms is not None else sample

    def _tensor(self, pixels: NDArray[Any]) -> torch.Tensor:
        # numpy casts on this thread alone; torch would wake its pool for every chip.
        wanted = np.float32 if self._dtype is torch.float32 else pixels.dtype
        return as_tensor(pixels.astype(wanted, copy=False))

    def locate(self, query: GeoSlice) -> tuple[int, Window]:
        """Find the image that a query means, and its whole pixels.

        The image that the query names (`ImageQuery`, as the samplers yield), else by its time. Of
        several images of a date, the one on whose pixels the query lies is taken, and then the one
        that covers most of it.

        Returns:
            The position in `images`, and the window, which may reach outside.
        """
        x, y, t = self._disambiguate_slice(query)
        self._refuse_step((x.step, y.step))
        asked = pd.Interval(t.start, t.stop, closed="both")
        named = query.image if isinstance(query, ImageQuery) else None
        if named is not None and named < len(self.images):
            meeting = meet(self.images, named, x, y)
            if meeting.exact and meeting.pixels and meeting.image.time == asked:
                return named, meeting.window
        met = [
            meeting
            for position, image in enumerate(self.images)
            if image.time.overlaps(asked)
            for meeting in [meet(self.images, position, x, y)]
            if meeting.pixels
        ]
        if not met:
            raise IndexError(f"query {query} meets no scene; they lie within {self.bounds}")
        meant = most_meant(met, query, asked)
        times = {meeting.image.time for meeting in meant}
        if len(times) > 1:
            raise InputError(
                f"The query meets scenes of {len(times)} dates; say which one is meant by the "
                "third slice, [x, y, time]."
            )
        best = min(meant, key=lambda meeting: (not meeting.exact, -meeting.pixels))
        return best.position, best.window

    def read(self, position: int, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read a window of an image; it may reach outside, where pixels are mirrored.

        Args:
            position: of the image in `images`.
            window: on the image's grid.

        Returns:
            Pixels (bands, rows, cols) in the number type of the files, and the mask of valid ones.

        Raises:
            NoOverlapError: if the window lies wholly outside.
        """
        mosaic = self.images[position].mosaic
        inside = window.intersect(mosaic.grid.window)
        if inside is None:
            raise NoOverlapError(f"{window} lies outside an image of {mosaic.grid.shape} pixels.")
        pixels, valid = self._read_inside(mosaic, inside)
        return pad_reflect(pixels, inside, window), pad_reflect(valid, inside, window)

    def _read_inside(
        self, mosaic: Mosaic, inside: Window
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        parts = [
            (member, place, part)
            for member, place in mosaic.members
            if (part := place.intersect(inside)) is not None
        ]
        if len(parts) == 1 and parts[0][2] == inside:
            member, place, _ = parts[0]
            return self._read_file(member, inside.shift(-place.row, -place.col))
        pixels = np.zeros((len(self.band_names), *inside.shape), self.pixel_dtype)
        valid = np.zeros(inside.shape, bool)
        for member, place, part in parts:
            area = part.shift(-inside.row, -inside.col).slices
            if valid[area].all():
                continue
            found, known = self._read_file(member, part.shift(-place.row, -place.col))
            take = known & ~valid[area]
            pixels[(slice(None), *area)][:, take] = found[:, take]
            valid[area] |= known
        return pixels, valid

    def _read_file(self, member: int, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        return self._handle(self._files[member]).read(window, self._positions[member])

    def _handle(self, path: str) -> Scene:
        """Return the open scene of this process and thread: GDAL handles survive no fork."""
        mine = self._handles.setdefault((os.getpid(), threading.get_ident()), OrderedDict())
        scene = mine.get(path)
        if scene is None:
            scene = mine[path] = open_scene(path, cell_size_m=self.cell_size_m)
            if len(mine) > _OPEN_AT_MOST:
                mine.popitem(last=False)[1].close()
        mine.move_to_end(path)
        return scene

    def close(self) -> None:
        """Close the scenes that this process and thread has open."""
        for scene in self._handles.pop((os.getpid(), threading.get_ident()), {}).values():
            scene.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handles": {}}

    def _header(self, path: str) -> SceneHeader:
        with open_scene(path, cell_size_m=self.cell_size_m) as scene:
            time = interval_of(scene, self.filename_regex, self.date_format)
            return SceneHeader(path, scene.grid, scene.band_names, scene.dtype, time)

    def _refuse_step(self, step: tuple[float, float]) -> None:
        if not np.allclose(step, self._res, rtol=1e-3):
            raise InputError(
                f"A cell size of {step} was asked for, but the scenes have {self._res}; "
                "give SceneDataset the cell size in metres (cell_size_m)."
            )
