"""Which pixels of an open raster hold something: nodata, masks and alpha in every type of number.

GDAL takes alpha for a mask in bytes and uint16 alone, and not at all where a nodata value is
declared; elsewhere it calls every pixel valid. Here alpha counts always, and nodata beside it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window as RioWindow


def alpha_band(dataset: Any) -> int:
    """Return the number of the alpha band of an open raster, 0 where there is none."""
    kinds = list(dataset.colorinterp)
    return kinds.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in kinds else 0


class ValidPixels:
    """The valid pixels of some bands of an open raster.

    Args:
        dataset: an open rasterio dataset, a warped one included.
        bands: 1-based; what decides whether masks need to be read at all.
    """

    def __init__(self, dataset: Any, bands: Sequence[int]) -> None:
        self._dataset = dataset
        flags = dataset.mask_flag_enums
        self._all_valid = all(MaskFlags.all_valid in flags[band - 1] for band in bands)
        self._per_dataset = MaskFlags.per_dataset in flags[0]
        self._alpha = alpha_band(dataset) if self._all_valid or not self._per_dataset else 0

    def read(self, bands: Sequence[int], shape: tuple[int, int], window: RioWindow) -> Any:
        """Return a mask (rows, cols), true where every one of the bands is valid.

        Args:
            bands: 1-based.
            shape: (rows, cols) of the window.
            window: whole pixels.
        """
        valid: NDArray[np.bool_]
        if self._all_valid:
            valid = np.ones(shape, dtype=bool)
        elif self._per_dataset:
            valid = self._dataset.read_masks(bands[0], window=window) > 0
        else:
            valid = (self._dataset.read_masks(list(bands), window=window) > 0).all(axis=0)
        if self._alpha:
            valid &= self._dataset.read(self._alpha, window=window) > 0
        return valid
