"""Class rasters and probability rasters: cloud-optimised GeoTIFFs that explain themselves.

A class raster is uint8 with nodata 255, a colour table, the class names in a tag, in the
``.aux.xml`` that GDAL and ArcGIS read, and in the ``.qml`` that QGIS reads. A probability raster
holds one band a class, stored as 0 to 254 with scale 1/254, which GIS programs show as 0 to 1.
"""

import contextlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.windows import Window as RioWindow

import geocity
from geocity.core.classes import NODATA, ClassTable, LandClass, default_color
from geocity.core.grid import Grid, Window, blocks
from geocity.errors import ClassTableError, InputError
from geocity.io import pam, styles
from geocity.io.closing import Closing
from geocity.io.datasets import READ_ERRORS, grid_of, open_dataset, refuse_unplaced, root_cause
from geocity.io.staging import PathLike, Stage, staged

logger = logging.getLogger(__name__)

BLOCK = 512
"""Side of the square blocks of every raster that geocity writes."""

PROBABILITY_STEPS = 254
"""Probability 1.0 as stored; 255 is nodata."""

_CLASSES_TAG = "GEOCITY_CLASSES"


class _Reader(Closing):
    """What class and probability rasters have in common when read."""

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        self._dataset = open_dataset(str(path))
        try:
            refuse_unplaced(self._dataset)
            self.grid = grid_of(self._dataset)
        except BaseException:
            self._dataset.close()
            raise
        # Where there is a nodata value, GDAL's mask says no more than that.
        self._masked = MaskFlags.per_dataset in self._dataset.mask_flag_enums[0]
        self.tags: dict[str, str] = dict(self._dataset.tags())
        self.block_shape: tuple[int, int] = tuple(self._dataset.block_shapes[0])

    def _read(self, indexes: int | list[int], window: Window) -> NDArray[Any]:
        return self._guarded(self._dataset.read, indexes, window)

    def _unmasked(self, window: Window) -> NDArray[np.bool_] | None:
        """Return where the file's own mask shows pixels; None if it has none."""
        return self._guarded(self._dataset.read_masks, 1, window) > 0 if self._masked else None

    def _guarded(
        self, read: Callable[..., Any], indexes: int | list[int], window: Window
    ) -> NDArray[Any]:
        if not self.grid.window.contains(window):
            raise ValueError(f"{window} reaches outside a raster of {self.grid.shape}")
        try:
            values: NDArray[Any] = read(indexes, window=_rio(window))
        except READ_ERRORS as error:
            raise InputError(
                f"{self.path} cannot be read at {window}: {root_cause(error)}; "
                "the file is probably damaged or cut short, so make or copy it again."
            ) from error
        return values

    def close(self) -> None:
        """Close the file."""
        self._dataset.close()


class ClassRaster(_Reader):
    """An open class raster. Made by `open_class_raster`.

    Attributes:
        path: where it lies.
        grid: where the pixels are.
        tags: what the file says about itself.
        block_shape: (rows, cols) of the file's blocks.
    """

    def __init__(self, path: PathLike) -> None:
        super().__init__(path)
        dataset = self._dataset
        if dataset.count != 1 or np.dtype(dataset.dtypes[0]).kind not in "ui":
            found = f"{dataset.count} band(s) of {dataset.dtypes[0]}"
            self.close()
            raise ClassTableError(
                f"{path} holds {found}, but a class raster has one band of whole numbers; "
                "name the classified raster, not the imagery."
            )
        self._nodata = dataset.nodata
        self._table: ClassTable | None = None

    @property
    def classes(self) -> ClassTable:
        """Return the class table: geocity's own tag, else the .aux.xml, else the values found."""
        if self._table is None:
            self._table = self._told_classes() or self._found_classes()
        return self._table

    def _told_classes(self) -> ClassTable | None:
        if _CLASSES_TAG in self.tags:
            try:
                return ClassTable.from_json(self.tags[_CLASSES_TAG])
            except ValueError:
                logger.warning("The class table inside %s is unreadable; it is ignored.", self.path)
        sidecar = self.path.with_name(self.path.name + ".aux.xml")
        if sidecar.exists():
            return pam.class_table_from_pam(sidecar.read_text(encoding="utf-8", errors="replace"))
        return None

    def _found_classes(self) -> ClassTable:
        seen = np.zeros(NODATA + 1, dtype=bool)
        for window in blocks(self.grid.shape, (BLOCK, self.grid.shape[1])):
            seen |= np.bincount(self.read(window).ravel(), minlength=NODATA + 1) > 0
        colors: Mapping[int, tuple[int, int, int, int]] = {}
        with contextlib.suppress(ValueError):  # no colour table
            colors = self._dataset.colormap(1)
        values = [int(v) for v in np.flatnonzero(seen[:NODATA])] or [0]
        return ClassTable.of(
            [
                LandClass(v, f"class {v}", colors[v][:3] if v in colors else default_color(v))
                for v in values
            ]
        )

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Read a window that lies inside the raster.

        Returns:
            Class values (rows, cols); 255 where there is none.

        Raises:
            ClassTableError: if a value is negative or above 254 and not the declared nodata.
        """
        values = self._read(1, window)
        missing = values == self._nodata if self._nodata is not None else None
        if (shown := self._unmasked(window)) is not None:
            missing = ~shown
        if values.dtype == np.uint8:
            if missing is not None and (self._masked or self._nodata != NODATA):
                values[missing] = NODATA
            return values
        strange = (values < 0) | (values >= NODATA)
        if missing is not None:
            strange &= ~missing
        if strange.any():
            raise ClassTableError(
                f"{self.path} holds the value {values[strange][0]}, but class values go from 0 to "
                "254; reclassify it first."
            )
        result = values.astype(np.uint8)
        if missing is not None:
            result[missing] = NODATA
        return result


class ProbabilityRaster(_Reader):
    """An open probability raster. Made by `open_probability_raster`.

    Attributes:
        class_names: one a band.
    """

    def __init__(self, path: PathLike) -> None:
        super().__init__(path)
        self.class_names: tuple[str, ...] = tuple(
            (d or f"p(band {i})").removeprefix("p(").removesuffix(")")
            for i, d in enumerate(self._dataset.descriptions, start=1)
        )

    def read(self, window: Window, band: int = 0) -> NDArray[np.float32]:
        """Read a window of one class.

        Args:
            window: whole pixels inside the raster.
            band: 0-based.

        Returns:
            Probabilities (rows, cols), 0 to 1; NaN where there is none.
        """
        stored = self._read(band + 1, window)
        scale, offset = self._dataset.scales[band], self._dataset.offsets[band]
        values: NDArray[np.float32] = stored.astype(np.float32) * np.float32(scale)
        if offset:
            values += np.float32(offset)
        if self._dataset.nodata is not None and not np.isnan(self._dataset.nodata):
            values[stored == self._dataset.nodata] = np.nan
        if (shown := self._unmasked(window)) is not None:
            values[~shown] = np.nan
        return values


def open_class_raster(path: PathLike) -> ClassRaster:
    """Open a raster of class values, geocity's own or anyone's.

    Raises:
        InputError: if it cannot be read, or lies nowhere.
        ClassTableError: if it is not one band of whole numbers.
    """
    return ClassRaster(path)


def open_probability_raster(path: PathLike) -> ProbabilityRaster:
    """Open a raster of probabilities with one band a class.

    Raises:
        InputError: if it cannot be read, or lies nowhere.
    """
    return ProbabilityRaster(path)


class ClassRasterSink:
    """Takes the class values of a raster, window by window, each pixel once."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.counts = np.zeros(NODATA + 1, dtype=np.int64)

    def write(self, values: NDArray[np.uint8], window: Window) -> None:
        """Write class values (rows, cols) where the window says."""
        if values.shape != window.shape or values.dtype != np.uint8:
            raise ValueError(f"got {values.dtype} {values.shape} for a uint8 window {window}")
        self.counts += np.bincount(values.ravel(), minlength=NODATA + 1)
        self._dataset.write(values, 1, window=_rio(window))


class ProbabilitySink:
    """Takes probabilities, window by window."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def write(self, probabilities: NDArray[np.float32], window: Window) -> None:
        """Write probabilities (classes, rows, cols), NaN where there is none."""
        stored = np.rint(probabilities * PROBABILITY_STEPS)
        np.nan_to_num(stored, copy=False, nan=NODATA)
        self._dataset.write(stored.astype(np.uint8), window=_rio(window))


@contextlib.contextmanager
def create_class_raster(
    out: PathLike,
    grid: Grid,
    classes: ClassTable,
    *,
    overwrite: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Iterator[ClassRasterSink]:
    """Write a class raster as a stream; what is never written stays nodata.

    Memory does not depend on the size of the raster. The file and its ``.qml`` and ``.aux.xml``
    appear together when the block ends without an error.

    Args:
        out: the GeoTIFF to make.
        grid: where its pixels are.
        classes: what its values mean.
        overwrite: replace what is there.
        tags: provenance, kept in the file.

    Yields:
        The sink to write windows to.
    """
    with staged(out, overwrite=overwrite) as stage:
        scratch = stage.scratch(".tif")
        with rasterio.open(scratch, "w", **_profile(grid, 1)) as dataset:
            dress_classes(dataset, classes, tags)
            sink = ClassRasterSink(dataset)
            yield sink
        finish_classes(scratch, stage, classes, sink.counts)


def dress_classes(dataset: Any, classes: ClassTable, tags: Mapping[str, str] | None = None) -> None:
    """Tell a dataset that is being written what its class values mean and how it was made."""
    dataset.write_colormap(1, classes.colormap())
    dataset.set_band_description(1, "class")
    names = {str(c.value): c.name for c in classes}
    dataset.update_tags(
        **{
            **_standard_tags(),
            **(tags or {}),
            _CLASSES_TAG: classes.to_json(),
            "CLASS_NAMES": json.dumps(names, ensure_ascii=False),
        }
    )


def finish_classes(
    source: Path, stage: Stage, classes: ClassTable, counts: NDArray[np.int64]
) -> None:
    """Turn a dressed raster into a staged COG with its sidecars.

    Args:
        source: the raster.
        stage: of the class raster to make.
        classes: what its values mean.
        counts: pixels of each value, (256,).
    """
    _to_cog(source, stage.path, overview_resampling="MODE")
    counted = {c.value: int(counts[c.value]) for c in classes}
    pam_text = pam.class_raster_pam(classes, counted)
    stage.sidecar_full(".aux.xml").write_text(pam_text, encoding="utf-8")
    stage.sidecar(".qml").write_text(styles.class_raster_qml(classes), encoding="utf-8")


@contextlib.contextmanager
def create_probability_raster(
    out: PathLike,
    grid: Grid,
    class_names: Sequence[str],
    *,
    overwrite: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Iterator[ProbabilitySink]:
    """Write a probability raster with one band a class as a stream.

    Args:
        out: the GeoTIFF to make.
        grid: where its pixels are.
        class_names: one a band.
        overwrite: replace what is there.
        tags: provenance, kept in the file.

    Yields:
        The sink to write windows to.
    """
    with staged(out, overwrite=overwrite) as stage:
        scratch = stage.scratch(".tif")
        with rasterio.open(scratch, "w", **_profile(grid, len(class_names))) as dataset:
            dress_probabilities(dataset, class_names, tags)
            yield ProbabilitySink(dataset)
        finish_probabilities(scratch, stage, class_names)


def dress_probabilities(
    dataset: Any, class_names: Sequence[str], tags: Mapping[str, str] | None = None
) -> None:
    """Tell a dataset that is being written whose probabilities it holds and how it was made."""
    dataset.scales = [1 / PROBABILITY_STEPS] * len(class_names)
    dataset.offsets = [0.0] * len(class_names)
    for band, name in enumerate(class_names, start=1):
        dataset.set_band_description(band, f"p({name})")
    dataset.update_tags(**{**_standard_tags(), **(tags or {})})


def finish_probabilities(source: Path, stage: Stage, class_names: Sequence[str]) -> None:
    """Turn a dressed raster of probabilities into a staged COG with its sidecar."""
    _to_cog(source, stage.path, overview_resampling="AVERAGE", predictor="2")
    stage.sidecar(".qml").write_text(styles.probability_qml(class_names[0]), encoding="utf-8")


def _profile(grid: Grid, count: int) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": count,
        "height": grid.shape[0],
        "width": grid.shape[1],
        "crs": grid.crs.to_wkt(),
        "transform": grid.transform,
        "nodata": NODATA,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "interleave": "band",
        # A quick pass: the COG driver compresses for good.
        "compress": "deflate",
        "zlevel": 1,
        "bigtiff": "IF_SAFER",
        "sparse_ok": True,
    }


def _to_cog(scratch: Path, out: Path, **options: str) -> None:
    # STATISTICS: without them QGIS computes its own and drops a file beside the raster.
    rasterio.shutil.copy(
        scratch,
        out,
        driver="COG",
        blocksize=str(BLOCK),
        compress="DEFLATE",
        bigtiff="IF_SAFER",
        statistics="YES",
        num_threads="ALL_CPUS",
        **options,
    )


def _standard_tags() -> dict[str, str]:
    # No time of writing: the same input gives the same bytes.
    return {"TIFFTAG_SOFTWARE": f"geocity {geocity.__version__}", "AREA_OR_POINT": "Area"}


def _rio(window: Window) -> RioWindow:
    return RioWindow(window.col, window.row, window.cols, window.rows)
