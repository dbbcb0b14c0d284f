"""What a classification will cost, before it starts."""

from dataclasses import asdict, dataclass
from typing import Any

from geocity.core.layout import Layout
from geocity.core.probabilities import layers_needed

# Measured: the process without torch, and what a network of the U-Net kind holds per pixel of a
# tile and per byte of weights while it runs.
_PROCESS_BYTES = 330e6
_BYTES_PER_TILE_PIXEL = 330.0
_WEIGHT_COPIES = 2.2
_TILES_IN_FLIGHT = 6
# A class raster with overviews, deflated, and the scratch copy that it is made from.
_DISK_BYTES_PER_PIXEL = 0.35


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a classification will cost.

    Attributes:
        tiles: that may go through the network; those without data will not.
        tile: side of a tile in pixels.
        pixels: of the result.
        seconds: None where no engine was timed.
        memory_bytes: at its peak.
        disk_bytes: result and temporary copy together.
    """

    tiles: int
    tile: int
    pixels: int
    seconds: float | None
    memory_bytes: int
    disk_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def estimate(
    layout: Layout,
    *,
    bands: int,
    classes: int,
    weight_bytes: int,
    cache_bytes: int,
    tile_seconds: float | None,
) -> Estimate:
    """Estimate the cost of a layout.

    Args:
        layout: what is to be done.
        bands: that the network takes.
        classes: that it tells apart.
        weight_bytes: size of the model file.
        cache_bytes: that GDAL may hold.
        tile_seconds: measured time of one tile, if any.
    """
    plan, region = layout.plan, layout.work_region
    rows = -(-region.row_end // plan.stride) - region.row // plan.stride
    cols = -(-region.col_end // plan.stride) - region.col // plan.stride
    tiles = rows * cols
    pixels = layout.region.rows * layout.region.cols
    tile_bytes = plan.tile**2 * 4 * (bands + classes) * _TILES_IN_FLIGHT
    strips = layout.region.cols * (plan.stride + 512)
    waiting = 2 * region.cols * 2 * plan.padding * 4 * layers_needed(classes)
    memory = (
        _PROCESS_BYTES
        + _BYTES_PER_TILE_PIXEL * plan.tile**2
        + _WEIGHT_COPIES * weight_bytes
        + tile_bytes
        + cache_bytes
        + strips
        + waiting
    )
    return Estimate(
        tiles=tiles,
        tile=plan.tile,
        pixels=pixels,
        seconds=None if tile_seconds is None else tiles * tile_seconds,
        memory_bytes=round(memory),
        disk_bytes=round(pixels * _DISK_BYTES_PER_PIXEL),
    )
