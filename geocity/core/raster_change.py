"""Change between two class rasters on one grid, block by block: memory does not grow with them.

A block is compared by itself; what is found of it speaks of the pieces of settlements and of change
that lie in it. When all blocks are there, pieces become patches.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.block_patches import BlockPatches
from geocity.core.change_cells import (
    ABSORBED_GROWTH,
    ABSORBED_LOSS,
    GROWTH,
    LOSS,
    NO_CHANGE,
    PERSISTENT,
    UNKNOWN,
    Codes,
)
from geocity.core.change_matrix import ChangeMatrix
from geocity.core.classes import NODATA
from geocity.core.grid import Window
from geocity.core.patch_tables import Numbers, PatchTable, PieceTables
from geocity.core.settlement_history import Overlaps

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
class SurveyedDate:
    """One date in a block: its pieces of settlements.

    Attributes:
        tables: what is known of them.
        number: (rows, cols) the piece of every cell, 0 where there is none.
    """

    tables: PieceTables
    number: Numbers

    @classmethod
    def of(
        cls, values: Codes, slum: int, window: Window, cell_m2: NDArray[np.float64], cols: int
    ) -> "SurveyedDate":
        """Find the pieces of settlements in the classes of a block."""
        found = BlockPatches(np.where(values == slum, np.uint8(_SLUM), np.uint8(NODATA)))
        number = found.numbered()
        return cls(PieceTables.of(found, number, window, cell_m2, cols), number)


@dataclass(frozen=True, slots=True, eq=False)
class SurveyedPair:
    """What there is to know of a pair of dates in a block.

    Attributes:
        tables: of the pieces of persistence, growth and loss.
        before: (pieces + 1,) piece of a settlement of the former date that each lies in, or 0.
        after: (pieces + 1,) of the latter date, or 0.
        overlaps: where pieces of settlements of the two dates overlap.
        matrix_m2: from-to matrix.
        absorbed_m2: growth and loss that the tolerance absorbs.
    """

    tables: PieceTables
    before: Numbers
    after: Numbers
    overlaps: Overlaps
    matrix_m2: NDArray[np.float64]
    absorbed_m2: tuple[float, float]

    @classmethod
    def of(
        cls,
        codes: Codes,
        dates: tuple[SurveyedDate, SurveyedDate],
        matrix_m2: NDArray[np.float64],
        window: Window,
        cell_m2: NDArray[np.float64],
        cols: int,
    ) -> "SurveyedPair":
        """Compare two dates in a block.

        Args:
            codes: (rows, cols) from `absorb_slivers`.
            dates: their settlements.
            matrix_m2: from-to matrix of the block.
            window: where the block lies.
            cell_m2: (rows, cols) the area of every cell.
            cols: width of the whole raster.
        """
        found = BlockPatches(only_change(codes))
        number = found.numbered()
        there = number > 0
        before, after = (np.zeros(len(found.classes), np.int64) for _ in dates)
        for side, date in ((before, dates[0]), (after, dates[1])):
            # A piece is connected and slum on a date: it lies in one piece of that date.
            side[number[there]] = date.number[there]
        absorbed = np.bincount(codes.ravel(), cell_m2.ravel(), NODATA + 1)
        return cls(
            PieceTables.of(found, number, window, cell_m2, cols),
            before,
            after,
            _overlaps(dates[0].number, dates[1].number, codes == PERSISTENT, cell_m2),
            matrix_m2,
            (float(absorbed[ABSORBED_GROWTH]), float(absorbed[ABSORBED_LOSS])),
        )


def _overlaps(
    before: Numbers, after: Numbers, shared: NDArray[np.bool_], cell_m2: NDArray[np.float64]
) -> Overlaps:
    if not shared.any():
        return Overlaps.summed([])
    before, after = before[shared], after[shared]
    # Along a row the pair of settlements seldom changes: its stretches are far fewer than cells.
    changes = (np.diff(before) != 0) | (np.diff(after) != 0)
    starts = np.append(0, np.flatnonzero(changes) + 1)
    area_m2 = np.add.reduceat(cell_m2[shared], starts)
    return Overlaps.summed([Overlaps(before[starts], after[starts], area_m2)])


@dataclass(frozen=True, slots=True, eq=False)
class ComparedCells:
    """What all blocks of a pair of dates give.

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
    before: Numbers
    after: Numbers

    @classmethod
    def of(
        cls, table: PatchTable, before: Numbers, after: Numbers, rules: ChangeRules
    ) -> "ChangePatches":
        """Choose the patches that count."""
        # A hair of tolerance: areas are sums of floats, limits are round numbers.
        large = table.area_m2 >= rules.min_area_m2 * (1 - 1e-9)
        return cls(table, large | (table.classes == PERSISTENT), before, after)

    def area_m2(self, kind: int, *, kept: bool = True) -> float:
        """Return the area of the patches of a kind that count, or of those that do not."""
        chosen = (self.table.classes == kind) & (self.kept == kept)
        return float(self.table.area_m2[chosen].sum())

    def classes_of_pieces(self) -> Codes:
        """Return what each piece becomes in the change raster, 255 where it does not count."""
        wanted = np.where(self.kept, self.table.classes, np.uint8(NODATA))
        return self.table.patchwork.classes_of_pieces(wanted)


def only_change(codes: Codes) -> Codes:
    """Return persistence, growth and loss; all else is 255."""
    real = (codes == PERSISTENT) | (codes == GROWTH) | (codes == LOSS)
    return np.where(real, codes, np.uint8(NODATA))


def final_codes(codes: Codes, pieces: Codes) -> tuple[Codes, int]:
    """Return a block of the change raster: what is absorbed or too small is no change.

    Args:
        codes: (rows, cols) from `absorb_slivers`.
        pieces: what the pieces of change become, those of this block first.

    Returns:
        (rows, cols) of the change raster, and how many pieces lie in the block.
    """
    changes = only_change(codes)
    block = BlockPatches(changes)
    count = len(block.classes) - 1
    painted = block.repaint(changes, np.asarray(pieces[:count]))
    none = (painted == NODATA) & (codes != UNKNOWN)
    return np.where(none, np.uint8(NO_CHANGE), painted), count
