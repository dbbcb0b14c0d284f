"""Outlines as a TorchGeo dataset: read once, indexed, burned exactly onto the scene's pixels."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyproj
import shapely
import torch
from affine import Affine
from numpy.typing import NDArray
from torchgeo.datasets import VectorDataset
from torchgeo.datasets.utils import GeoSlice

from geocity.core.burn import burn
from geocity.core.grid import Grid, same_crs
from geocity.core.label_classes import IGNORE, key_of, names_of_field, table_of
from geocity.errors import InputError, LabelError
from geocity.io.label_layers import in_crs, mended, polygons_only, read_area, read_layer
from geocity.io.staging import PathLike

# Fields that ArcGIS takes for the class when none is named, in its order.
_USUAL_FIELDS = ("classvalue", "value")


@dataclass(frozen=True)
class LabelRules:
    """How outlines become labels.

    Attributes:
        class_field: holds the class of a feature, whole numbers or texts. None: a field called
            classvalue or value where there is one, else every feature is a slum.
        class_values: {field value: class name}; other features are background. None names the
            classes by the field's values.
        buffer_m: widen features by this many metres first; makes discs of points.
        all_touched: take every pixel that an outline touches, not only those with their centre in.
        min_overlap: a feature of which a smaller share lies in a chip is unknown there.
        labelled_area: polygons outside of which the class is unknown.
    """

    class_field: str | None = None
    class_values: Mapping[str, str] | None = None
    buffer_m: float = 0.0
    all_touched: bool = False
    min_overlap: float = 0.0
    labelled_area: Path | None = None


class LabelDataset(VectorDataset):
    """Labels from outlines, burned onto whatever pixels a query or a grid asks for.

    What it does otherwise than TorchGeo's `VectorDataset`: a layer is read once and found by a
    spatial index, not read again for every chip; outlines in another CRS are reprojected whole and
    with their edges split, where the base loses those outside a box of two corners; classes may be
    texts; pixels can be unknown (255).

    Attributes:
        classes: background and the classes of the field.
        rules: how outlines become labels.

    Example:
        >>> from geocity.data.samplers import PaddedGridGeoSampler
        >>> from geocity.data.scenes import SceneDataset
        >>> scenes = SceneDataset("sample_data/scene_2025.tif")
        >>> pairs = scenes & LabelDataset("sample_data/slums_2025.gpkg")
        >>> sample = pairs[next(iter(PaddedGridGeoSampler(pairs, size=512)))]
        >>> sample["image"].shape, sample["mask"].shape, sample["mask"].dtype
        (torch.Size([3, 512, 512]), torch.Size([512, 512]), torch.int64)
    """

    def __init__(
        self,
        paths: PathLike | Iterable[PathLike],
        rules: LabelRules | None = None,
        *,
        crs: pyproj.CRS | None = None,
        res: float | tuple[float, float] = (1.0, 1.0),
        layer: str | None = None,
        transforms: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        """Read the outlines.

        Args:
            paths: one or more vector files.
            rules: how outlines become labels.
            crs: of the scenes; the first file's own by default. ``scenes & labels`` sets it.
            res: width and height of a pixel for queries that do not say.
            layer: name of the layer, where files have several.
            transforms: applied to every sample, as in TorchGeo.

        Raises:
            InputError: if a file cannot be read, or lacks the class field.
            LabelError: if there is nothing that can serve as a label.
        """
        files = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        self.paths = files
        self.rules = rules or LabelRules()
        self.transforms = transforms
        self.task, self.layer, self.label_name = "semantic_segmentation", layer, None
        self._res = res if isinstance(res, tuple) else (res, res)
        frames = [(path, read_layer(path, layer)) for path in files]
        read = [self._features(frame, path) for path, frame in frames]
        self.classes, self._numbers = table_of(_names(read, self.rules))
        # In the CRS of the files: every change of CRS starts from here, so none adds to another.
        self._sources = [(frame, path) for frame, _, path in read]
        self._keys = [key for _, keys, _ in read for key in keys]
        self._place(crs or pyproj.CRS.from_user_input(frames[0][1].crs))

    def _features(
        self, frame: geopandas.GeoDataFrame, path: PathLike
    ) -> tuple[geopandas.GeoDataFrame, list[str], PathLike]:
        field = _class_field(frame, self.rules, path)
        if self.rules.buffer_m:
            frame = _widened(frame, self.rules.buffer_m)
        frame = mended(polygons_only(frame, path))
        keys = [key_of(value, field) for value in frame[field]] if field else ["1"] * len(frame)
        return frame[["geometry"]], keys, path

    def _place(self, crs: pyproj.CRS) -> None:
        """Put outlines and index into a CRS."""
        frames = [in_crs(frame, crs, path).geometry for frame, path in self._sources]
        shapes = np.concatenate([frame.to_numpy() for frame in frames])
        values = np.array([self._numbers.get(key, 0) for key in self._keys], np.uint8)
        listed = np.array([key in self._numbers for key in self._keys])
        self._shapes, self._values = shapes[listed], values[listed]
        self._tree = shapely.STRtree(self._shapes)
        area = self.rules.labelled_area
        self._known = None if area is None else read_area(area, crs)
        always = pd.Interval(pd.Timestamp.min, pd.Timestamp.max, closed="both")
        self.index = geopandas.GeoDataFrame(
            {"filepath": [str(path) for _, path in self._sources]},
            index=pd.IntervalIndex([always] * len(frames), closed="both", name="datetime"),
            geometry=[shapely.box(*frame.total_bounds) for frame in frames],
            crs=crs,
        )

    @property
    def crs(self) -> pyproj.CRS:
        """Return the CRS that labels are burned in; setting it reprojects the outlines."""
        return pyproj.CRS.from_user_input(self.index.crs)

    @crs.setter
    def crs(self, new_crs: pyproj.CRS) -> None:
        wanted = pyproj.CRS.from_user_input(new_crs)
        if not same_crs(wanted, self.crs):
            self._place(wanted)

    @property
    def res(self) -> tuple[float, float]:
        """Return the width and height of a pixel for queries that do not say."""
        return self._res

    @res.setter
    def res(self, new_res: float | tuple[float, float]) -> None:
        self._res = new_res if isinstance(new_res, tuple) else (new_res, new_res)

    def __getitem__(self, query: GeoSlice) -> dict[str, Any]:
        """Burn the outlines that a query meets; where there are none, all is background.

        Returns:
            ``mask`` int64 (rows, cols) with 255 where the class is unknown, ``crs`` and ``bounds``.
        """
        x, y, _ = self._disambiguate_slice(query)
        shape = (
            max(1, round((y.stop - y.start) / y.step)),
            max(1, round((x.stop - x.start) / x.step)),
        )
        width, height = (x.stop - x.start) / shape[1], (y.stop - y.start) / shape[0]
        grid = Grid(self.crs, Affine(width, 0, x.start, 0, -height, y.stop), shape)
        mask = torch.from_numpy(self.burn(grid)).to(self.dtype)
        sample: dict[str, Any] = {"crs": self.crs, "bounds": query, "mask": mask}
        return self.transforms(sample) if self.transforms is not None else sample

    def extents(self) -> NDArray[np.float64]:
        """Return a box (left, bottom, right, top) for each outline, in the dataset's CRS."""
        boxes: NDArray[np.float64] = shapely.bounds(self._shapes)
        return boxes

    def burn(self, grid: Grid) -> NDArray[np.uint8]:
        """Return the labels on a grid in the dataset's CRS, 255 where the class is unknown."""
        # Ascending positions are the order of the file: the later feature wins.
        met = np.sort(self._tree.query(grid.polygon()))
        return burn(
            list(self._shapes[met]),
            self._values[met].tolist(),
            grid,
            all_touched=self.rules.all_touched,
            min_overlap=self.rules.min_overlap,
            known=None if self._known is None else [self._known],
        )


def _class_field(frame: geopandas.GeoDataFrame, rules: LabelRules, path: PathLike) -> str | None:
    fields = [str(name) for name in frame.columns if name != frame.geometry.name]
    by_lower = {name.lower(): name for name in reversed(fields)}
    if rules.class_field is None:
        return next((by_lower[name] for name in _USUAL_FIELDS if name in by_lower), None)
    if rules.class_field.lower() not in by_lower:
        raise InputError(
            f"{path} has no field {rules.class_field!r}; its fields are "
            f"{', '.join(fields) or 'none'}."
        )
    return by_lower[rules.class_field.lower()]


def _names(
    read: Sequence[tuple[geopandas.GeoDataFrame, list[str], PathLike]], rules: LabelRules
) -> Mapping[str, str]:
    keys = [key for _, keys, _ in read for key in keys]
    if rules.class_values is None:
        return names_of_field(keys, rules.class_field or "class")
    classes = [v for v, name in rules.class_values.items() if name.casefold() != IGNORE]
    if not set(classes) & set(keys):
        found = ", ".join(sorted(set(keys))[:10])
        raise LabelError(
            f"No feature has one of the class values {', '.join(classes)}; the field holds {found}."
        )
    return rules.class_values


def _widened(frame: geopandas.GeoDataFrame, metres: float) -> geopandas.GeoDataFrame:
    """Buffer in metres, by way of the UTM zone, so that degrees and Web Mercator are right too."""
    utm = frame.estimate_utm_crs()
    wide = frame.to_crs(utm)
    return wide.set_geometry(wide.buffer(metres)).to_crs(pyproj.CRS.from_user_input(frame.crs))
