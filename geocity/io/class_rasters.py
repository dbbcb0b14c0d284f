"""Reading class and probability rasters: our own (`class_raster_sinks`) and those of others."""

import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags

from geocity.core.class_counts import class_counts
from geocity.core.classes import NODATA, ClassTable, LandClass, default_color
from geocity.core.grid import Window, blocks
from geocity.errors import ClassTableError
from geocity.io import pam
from geocity.io.class_raster_sinks import CLASSES_TAG, rio_window
from geocity.io.class_tiles import BLOCK
from geocity.io.closing import Closing
from geocity.io.datasets import READ_ERRORS, grid_of, open_dataset, refuse_unplaced, unread
from geocity.io.staging import PathLike

logger = logging.getLogger(__name__)


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
            values: NDArray[Any] = read(indexes, window=rio_window(window))
        except READ_ERRORS as error:
            raise unread(self.path, error, str(window)) from error
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
        if CLASSES_TAG in self.tags:
            try:
                return ClassTable.from_json(self.tags[CLASSES_TAG])
            except ValueError:
                logger.warning("The class table inside %s is unreadable; it is ignored.", self.path)
        sidecar = self.path.with_name(self.path.name + ".aux.xml")
        if sidecar.exists():
            return pam.class_table_from_pam(sidecar.read_text(encoding="utf-8", errors="replace"))
        return None

    def _found_classes(self) -> ClassTable:
        seen = np.zeros(NODATA + 1, dtype=bool)
        for window in blocks(self.grid.shape, (BLOCK, 8 * BLOCK)):
            seen |= class_counts(self.read(window)) > 0
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
