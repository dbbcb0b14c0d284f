"""Change between two class rasters on one grid, part by part: memory does not grow with them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.areas import GroundMeasure
from geocity.core.change_cells import (
    ABSORBED_GROWTH,
    ABSORBED_LOSS,
    GROWTH,
    LOSS,
    NO_CHANGE,
    PERSISTENT,
    UNKNOWN,
    absorb_slivers,
    change_codes,
    reach_cells,
)
from geocity.core.change_matrix import ChangeMatrix, ChangeMatrixBuilder
from geocity.core.classes import NODATA, ClassTable
from geocity.core.grid import Window, blocks
from geocity.core.patch_tables import PART_SHAPE, PatchTable, Read, patch_table
from geocity.core.progress import Progress
from geocity.core.seams import PolygonTracer
from geocity.core.settlement_history import Overlaps
from geocity.core.traced_polygons import TracedPolygons

Write = Callable[[NDArray[np.uint8], Window], None]

_STRIP_PIXELS = 2_000_000
_SLUM = 1


@dataclass(frozen=True, slots=True)
class ChangeRules:
    """What counts as change.

    Attributes:
        slum: the class that is followed.
        tolerance_m: how far edges may move without being change; see `core.change_cells`.
        min_area_m2: smallest patch of growth or loss that counts.
    """

    slum: int
    tolerance_m: float = 0.0
    min_area_m2: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class RasterDate:
    """One date: how to read it, and its settlements.

    Attributes:
        read: gives a window of the classes, 255 where not all dates show the ground.
        slum: gives a window of the slum cells, as `only_slum` does.
        settlements: the patches of slum; patch k is settlement k - 1.
    """

    read: Read
    slum: Read
    settlements: PatchTable

    def settlement(self, window: Window) -> NDArray[np.int64]:
        """Return the settlement of every cell of a part, -1 where there is none."""
        return self.settlements.number(self.slum(window), window) - 1


@dataclass(frozen=True, slots=True, eq=False)
class ComparedCells:
    """What the first look at a pair of dates gives.

    Attributes:
        matrix: from-to matrix.
        overlaps: where settlements of the two dates overlap.
        absorbed_growth_m2: growth that the tolerance absorbs.
        absorbed_loss_m2: the same of loss.
    """

    matrix: ChangeMatrix
    overlaps: Overlaps
    absorbed_growth_m2: float
    absorbed_loss_m2: float


@dataclass(frozen=True, slots=True, eq=False)
class ChangePatches:
    """The patches of persistence, growth and loss, each whole.

    Attributes:
        table: the patches.
        kept: (patches,) whether a patch counts: persistence always, others if large enough.
        before: (patches,) settlement of the former date that it lies in, or -1.
        after: (patches,) settlement of the latter date, or -1.
    """

    table: PatchTable
    kept: NDArray[np.bool_]
    before: NDArray[np.int64]
    after: NDArray[np.int64]

    def area_m2(self, kind: int, *, kept: bool = True) -> float:
        """Return the area of the patches of a kind that count, or of those that do not."""
        chosen = (self.table.classes == kind) & (self.kept == kept)
        return float(self.table.area_m2[chosen].sum())


def only_slum(read: Read, slum: int) -> Read:
    """Return a reader of the cells of one class, as 1; all others are 255."""

    def masked(window: Window) -> NDArray[np.uint8]:
        return np.where(read(window) == slum, np.uint8(_SLUM), np.uint8(NODATA))

    return masked


def compare_cells(
    former: RasterDate,
    latter: RasterDate,
    write: Write,
    shape: tuple[int, int],
    ground: GroundMeasure,
    classes: ClassTable,
    rules: ChangeRules,
    progress: Progress,
) -> ComparedCells:
    """Compare two dates cell by cell; the codes of change go to a store.

    Args:
        former: the earlier date.
        latter: the later one.
        write: takes each part of the codes, `ABSORBED_GROWTH` and `ABSORBED_LOSS` among them.
        shape: (rows, cols) of the grid.
        ground: measures its cells.
        classes: of both dates together.
        rules: what counts as change.
        progress: told of each part.
    """
    matrix, overlaps = ChangeMatrixBuilder(classes.values), []
    absorbed = np.zeros(NODATA + 1)
    whole, reach = Window(0, 0, *shape), reach_cells(rules.tolerance_m, ground.cell_m)
    windows = list(blocks(shape, PART_SHAPE))
    for done, window in enumerate(windows):
        progress(done, len(windows), "compare")
        held = window.pad(reach).intersect(whole) or window
        around = former.read(held), latter.read(held)
        codes = change_codes(*around, rules.slum)
        codes = absorb_slivers(codes, rules.tolerance_m, ground.cell_m)
        inside = window.shift(-held.row, -held.col).slices
        codes = np.ascontiguousarray(codes[inside])
        write(codes, window)
        cell_m2 = ground.cell_areas(window)
        before, after = (np.ascontiguousarray(values[inside]) for values in around)
        matrix.add(before, after, cell_m2)
        absorbed += np.bincount(codes.ravel(), cell_m2.ravel(), NODATA + 1)
        overlaps.append(_overlaps(former, latter, window, codes == PERSISTENT, cell_m2))
    progress(len(windows), len(windows), "compare")
    return ComparedCells(
        matrix.finish(classes.names),
        Overlaps.summed(overlaps),
        float(absorbed[ABSORBED_GROWTH]),
        float(absorbed[ABSORBED_LOSS]),
    )


def _overlaps(
    former: RasterDate,
    latter: RasterDate,
    window: Window,
    shared: NDArray[np.bool_],
    cell_m2: NDArray[np.float64],
) -> Overlaps:
    if not shared.any():
        return Overlaps.summed([])
    before, after = (date.settlement(window)[shared] for date in (former, latter))
    # Along a row the pair of settlements seldom changes: its stretches are far fewer than cells.
    changes = (np.diff(before) != 0) | (np.diff(after) != 0)
    starts = np.append(0, np.flatnonzero(changes) + 1)
    area_m2 = np.add.reduceat(cell_m2[shared], starts)
    return Overlaps.summed([Overlaps(before[starts], after[starts], area_m2)])


def change_patches(
    former: RasterDate,
    latter: RasterDate,
    codes: Read,
    shape: tuple[int, int],
    ground: GroundMeasure,
    rules: ChangeRules,
    progress: Progress,
) -> ChangePatches:
    """Find the patches of persistence, growth and loss, and the settlements they lie in.

    Args:
        former: the earlier date.
        latter: the later one.
        codes: gives a window of what `compare_cells` wrote.
        shape: (rows, cols) of the grid.
        ground: measures its cells.
        rules: what counts as change.
        progress: told of each part.
    """
    changes = only_change(codes)
    table = patch_table(changes, shape, ground, progress=progress, stage="find change")
    before, after = np.full(len(table), -1, np.int64), np.full(len(table), -1, np.int64)
    for window in blocks(shape, PART_SHAPE):
        values = changes(window)
        there = values != NODATA
        if not there.any():
            continue
        patches = table.number(values, window)[there]
        # A patch is connected and slum on a date: it lies in one settlement of that date.
        before[patches] = former.settlement(window)[there]
        after[patches] = latter.settlement(window)[there]
    # A hair of tolerance: areas are sums of floats, limits are round numbers.
    large = table.area_m2 >= rules.min_area_m2 * (1 - 1e-9)
    return ChangePatches(table, large | (table.classes == PERSISTENT), before, after)


def only_change(codes: Read) -> Read:
    """Return a reader of persistence, growth and loss; all else is 255."""

    def masked(window: Window) -> NDArray[np.uint8]:
        values = codes(window)
        real = (values == PERSISTENT) | (values == GROWTH) | (values == LOSS)
        return np.where(real, values, np.uint8(NODATA))

    return masked


def final_codes(
    codes: NDArray[np.uint8], window: Window, patches: ChangePatches
) -> NDArray[np.uint8]:
    """Return a part of the change raster: what is absorbed or too small is no change."""
    changes = np.where(codes <= LOSS, codes, np.uint8(NODATA))
    changes[codes == NO_CHANGE] = NODATA
    wanted = np.where(patches.kept, patches.table.classes, np.uint8(NODATA))
    painted = patches.table.patchwork.paint(changes, window, wanted)
    return np.where((painted == NODATA) & (codes != UNKNOWN), np.uint8(NO_CHANGE), painted)


def traced(read: Read, shape: tuple[int, int], value: int) -> Iterator[TracedPolygons]:
    """Yield the polygons of one class of a raster, read strip by strip."""
    tracer = PolygonTracer(shape[1], (value,))
    height = max(1, _STRIP_PIXELS // shape[1])
    for row in range(0, shape[0], height):
        yield tracer.feed(read(Window(row, 0, min(height, shape[0] - row), shape[1])))
    yield tracer.finish()
