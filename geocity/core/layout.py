"""How the classification of a scene is laid out: at which cell size, in which tiles, how far."""

from dataclasses import dataclass

import shapely

from geocity.core.area_of_interest import AreaOfInterest
from geocity.core.grid import Bounds, Grid, Window
from geocity.core.regrid import source_window
from geocity.core.scene_fit import needs_resampling
from geocity.core.tiles import TilePlan, plan_tiles
from geocity.errors import InputError, NoOverlapError

NETWORK_STEP = 32
"""Networks halve their input five times: the sides of what they see are multiples of this."""


@dataclass(frozen=True)
class Layout:
    """Where the work happens and where the result lies.

    Attributes:
        plan: tiles over the scene, at the cell size that the model works at.
        work: grid of the scene at that cell size.
        target: grid that the result lies on; equal to `work` where nothing is put back.
        region: window of `target` that is wanted.
        area: polygons that the result is cut to, on `target`.
        cell_size_m: to open the scene with; None to see it as it is stored.
    """

    plan: TilePlan
    work: Grid
    target: Grid
    region: Window
    area: AreaOfInterest | None
    cell_size_m: float | None

    @property
    def regrids(self) -> bool:
        """Tell whether the result goes back to another grid than the work's."""
        return self.work != self.target

    @property
    def ratios(self) -> tuple[float, float]:
        """Return the work pixels per target pixel, down and across."""
        (x, y), (work_x, work_y) = self.target.cell_size, self.work.cell_size
        return y / work_y, x / work_x

    @property
    def work_region(self) -> Window:
        """Return the window of `work` that the region is made from."""
        if not self.regrids:
            return self.region
        return source_window(self.region, self.ratios, self.work.shape)

    @property
    def out_grid(self) -> Grid:
        """Return the grid of the result."""
        return self.target[self.region]

    def asks_for(self, window: Window) -> bool:
        """Tell whether anybody wants the pixels of a window of `work`."""
        if self.area is None:
            return True
        # Putting back mixes neighbours: two pixels more all round.
        outline = self.work[window.pad(2)].polygon()
        return self.area.meets_polygon(outline)


def lay_out(
    scene: Grid,
    *,
    model_cell_m: float,
    tile: int,
    padding: int,
    cell_size_m: float | None = None,
    bbox: Bounds | None = None,
    area: shapely.Geometry | None = None,
) -> Layout:
    """Plan a classification.

    The scene is seen at the model's cell size where its own differs by more than a few per cent,
    and the result is put back on the scene's grid; a cell size that is asked for is both worked
    and written at.

    Args:
        scene: grid of the scene as it is stored.
        model_cell_m: cell size that the model was trained at.
        tile: side of the tiles. It is raised to a multiple of 32, by context: kept centres stay.
        padding: context around a tile's kept centre.
        cell_size_m: the cell size that is asked for.
        bbox: (west, south, east, north) in the scene's CRS that the result is cut to.
        area: polygons in the scene's CRS that the result is cut to.

    Raises:
        InputError: if tile, padding or cell size make no sense.
        NoOverlapError: if box or area miss the scene.
    """
    if cell_size_m is not None and not cell_size_m > 0:
        raise InputError(f"A cell size of {cell_size_m} m was given; it must be above 0.")
    wanted = cell_size_m or model_cell_m
    resampled = needs_resampling(scene.cell_size_m, wanted)
    work = scene.with_cell_size(wanted) if resampled else scene
    target = work if cell_size_m is not None else scene
    side, context = network_tile(tile, padding, work.shape)
    on_target = AreaOfInterest(area, target) if area is not None else None
    return Layout(
        plan=plan_tiles(work.shape, side, context),
        work=work,
        target=target,
        region=_region(target, bbox, on_target),
        area=on_target,
        cell_size_m=wanted if resampled else None,
    )


def network_tile(tile: int, padding: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the side and padding of the tiles that a network is given for those asked for.

    Sides are raised to multiples of 32 by more context on each side, so that kept centres and
    their distance stay: 400 with padding 100 becomes 416 with 108. For a scene smaller than a tile
    the tile shrinks to what the scene and its padding fill.

    Raises:
        InputError: if the tile is odd, or the padding leaves no centre.

    Example:
        >>> network_tile(400, 100, (5000, 5000)), network_tile(1024, 64, (300, 200))
        ((416, 108), (448, 64))
    """
    if tile < 2 or tile % 2:
        raise InputError(f"A tile size of {tile} was given; it must be an even number of pixels.")
    if not 0 <= 2 * padding < tile:
        raise InputError(
            f"A padding of {padding} leaves nothing of a tile of {tile}; it must be 0 or more and "
            f"below {tile // 2}."
        )
    filled = max(shape) + 2 * padding
    side = min(_raised(tile), max(_raised(filled), NETWORK_STEP))
    if side < tile:
        return side, padding
    return side, padding + (side - tile) // 2


def _raised(pixels: int) -> int:
    return -(-pixels // NETWORK_STEP) * NETWORK_STEP


def _region(grid: Grid, bbox: Bounds | None, area: AreaOfInterest | None) -> Window:
    region = grid.window
    if bbox is not None:
        west, south, east, north = bbox
        if not (west < east and south < north):
            raise InputError(
                f"The box {west:g},{south:g},{east:g},{north:g} is empty; give west, south, east "
                "and north in this order."
            )
        region = _met(region, grid.window_of_bounds(bbox), grid, "box")
    if area is not None:
        region = _met(region, area.window, grid, "area of interest")
    return region


def _met(region: Window, part: Window | None, grid: Grid, name: str) -> Window:
    common = region.intersect(part) if part is not None else None
    if common is None:
        left, bottom, right, top = grid.bounds
        raise NoOverlapError(
            f"The {name} does not meet the scene, which lies at {left:.10g},{bottom:.10g},"
            f"{right:.10g},{top:.10g} in {grid.crs.name}; check its coordinates and their CRS."
        )
    return common
