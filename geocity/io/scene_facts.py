"""What a scene is like, from its header and a sample of its pixels."""

import numpy as np

from geocity.core.grid import Window
from geocity.core.scene_fit import SceneFacts
from geocity.io.rasters import Scene

_PLACES = 8  # sampled windows across and down
_SIDE = 64
_SHARE = (1, 99)  # per cent


def scene_facts(scene: Scene) -> SceneFacts:
    """Describe a scene; reads 64 small windows spread evenly over it, always the same ones."""
    sampled = [_valid_values(scene, window) for window in sample_windows(scene.grid.shape)]
    values = np.concatenate(sampled)
    low, high = (float(v) for v in np.percentile(values, _SHARE)) if len(values) else (None, None)
    return SceneFacts(
        name=scene.path.name,
        bands=scene.band_names,
        dtype=scene.dtype.name,
        cell_size_m=scene.grid.cell_size_m,
        low=low,
        high=high,
    )


def _valid_values(scene: Scene, window: Window) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    pixels, valid = scene.read(window)
    return pixels[:, valid].ravel().astype(np.float64)


def sample_windows(shape: tuple[int, int]) -> list[Window]:
    """Return small windows spread evenly over a raster; fewer where it is small.

    Example:
        >>> sample_windows((10, 1000))[:2]
        [Window(row=0, col=0, rows=10, cols=64), Window(row=0, col=134, rows=10, cols=64)]
    """
    tops, lefts = (_starts(length) for length in shape)
    rows, cols = (min(_SIDE, length) for length in shape)
    return [Window(top, left, rows, cols) for top in tops for left in lefts]


def _starts(length: int) -> list[int]:
    room = max(0, length - _SIDE)
    return sorted({round(v) for v in np.linspace(0, room, _PLACES)})
