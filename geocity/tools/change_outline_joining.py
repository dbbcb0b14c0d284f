"""Where all cells of an overlay are there: their outlines in one order, and who is who in it."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geocity.core.grid import Bounds
from geocity.core.settlement_history import Overlaps
from geocity.engine.plan import Part
from geocity.engine.store import PartStore
from geocity.io.outline_tables import read_columns, wkb_of_rows
from geocity.tools.change_outline_overlay import CHANGE, KINDS, layer_number
from geocity.tools.change_outline_reading import EDGES

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]

_BATCH = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class OrderedOutlines:
    """The outlines of a layer of the result, from north to south, then from west to east.

    Attributes:
        files: of the cells.
        cells: (outlines,) the cell of each.
        rows: (outlines,) its row in the file of the cell.
        boxes: (outlines, 4) where it is, in the plane.
        area_m2: (outlines,)
        before: (outlines,) the settlement that it lies in on the date before, -1 for none.
        after: (outlines,) and on the date after.
    """

    files: Sequence[Path]
    cells: Numbers
    rows: Numbers
    boxes: Floats
    area_m2: Floats
    before: Numbers
    after: Numbers

    def __len__(self) -> int:
        return len(self.rows)

    def wkb(self, which: Numbers) -> pa.BinaryArray:
        """Return some of the outlines, in the CRS of the results."""
        return wkb_of_rows(self.files, self.cells[which], self.rows[which])

    def meeting(self, bounds: Bounds) -> Numbers:
        """Return the outlines whose boxes meet a rectangle of the plane."""
        found = (self.boxes[:, :2] <= bounds[2:]).all(axis=1)
        return np.flatnonzero(found & (self.boxes[:, 2:] >= bounds[:2]).all(axis=1))

    def batches(self, which: Numbers | None = None) -> Iterator[tuple[Numbers, pa.BinaryArray]]:
        """Yield the outlines, or some of them, a batch at a time: their places, and they."""
        wanted = np.arange(len(self)) if which is None else which
        for first in range(0, len(wanted), _BATCH):
            places = wanted[first : first + _BATCH]
            yield places, self.wkb(places)


@dataclass(frozen=True, slots=True, eq=False)
class JoinedOutlines:
    """What all cells of an overlay give.

    Attributes:
        settlements: of each date.
        changes: pieces of each kind of change, for each pair of dates.
        overlaps: what settlements share, for each pair of dates.
        absorbed_m2: (pairs, 2) growth and loss left out.
        matrix_m2: (pairs, classes, classes) areas from class to class, what is outside of all
            outlines excepted.
    """

    settlements: tuple[OrderedOutlines, ...]
    changes: tuple[dict[str, OrderedOutlines], ...]
    overlaps: tuple[Overlaps, ...]
    absorbed_m2: Floats
    matrix_m2: Floats


def joined_outlines(store: PartStore, parts: Sequence[Part], dates: int) -> JoinedOutlines:
    """Join what was found out about the cells of an overlay.

    Args:
        store: where it is.
        parts: all cells.
        dates: how many dates were compared.
    """
    cells = _Cells(store, parts)
    settlements = [cells.ordered(date) for date in range(dates)]
    pairs = list(itertools.pairwise(range(dates)))
    changes = [
        {kind: cells.ordered(layer_number(dates, pair, kind), dated) for kind in KINDS}
        for pair, dated in enumerate(pairs)
    ]
    facts = [store.facts(part) for part in parts]
    overlaps = []
    for pair, (former, latter) in enumerate(pairs):
        found = [told["overlaps"][pair] for told in facts]
        before, after, area_m2 = (
            np.concatenate([np.asarray(each[place], kind) for each in found])
            for place, kind in enumerate((np.int64, np.int64, np.float64))
        )
        where = np.repeat(np.arange(len(parts)), [len(each[0]) for each in found])
        ranks = cells.ranks(former, where, before), cells.ranks(latter, where, after)
        overlaps.append(Overlaps.summed([Overlaps(*ranks, area_m2)]))
    return JoinedOutlines(
        tuple(settlements),
        tuple(changes),
        tuple(overlaps),
        np.array([told["absorbed_m2"] for told in facts]).sum(axis=0),
        np.array([told["matrix_m2"] for told in facts]).sum(axis=0),
    )


class _Cells:
    """The columns of all cells, without their outlines."""

    def __init__(self, store: PartStore, parts: Sequence[Part]) -> None:
        self._files = [store.path(part, CHANGE) for part in parts]
        names = ("layer", "area_m2", "before", "after", *EDGES)
        found = [read_columns(file, names) for file in self._files]
        sizes = [len(columns[0]) for columns in found]
        columns = [np.concatenate(column) for column in zip(*found, strict=True)]
        self._layers, self._area_m2, self._before, self._after = columns[:4]
        self._boxes = np.stack(columns[4:], axis=1)
        self._cells = np.repeat(np.arange(len(parts)), sizes)
        self._rows = np.concatenate([np.arange(size) for size in sizes])
        self._ranks: dict[int, tuple[Numbers, Numbers]] = {}

    def ordered(self, layer: int, dated: tuple[int, int] | None = None) -> OrderedOutlines:
        """Return a layer in its order; with dates, as pieces of change between them."""
        which = np.flatnonzero(self._layers == layer)
        boxes = self._boxes[which]
        order = np.lexsort((boxes[:, 0], -boxes[:, 3]))
        if dated is None:
            ranks = np.empty(len(order), np.int64)
            ranks[order] = np.arange(len(order))
            counts = np.bincount(self._cells[which], minlength=len(self._files))
            self._ranks[layer] = np.cumsum(counts) - counts, ranks
        which = which[order]
        cells, owners = self._cells[which], (self._before[which], self._after[which])
        if dated is not None:
            owners = (
                self.ranks(dated[0], cells, owners[0]),
                self.ranks(dated[1], cells, owners[1]),
            )
        rows = self._rows[which]
        return OrderedOutlines(
            self._files, cells, rows, boxes[order], self._area_m2[which], *owners
        )

    def ranks(self, date: int, cells: Numbers, local: Numbers) -> Numbers:
        """Return the places of settlements in their order, from their places in their cells."""
        firsts, ranks = self._ranks[date]
        found = np.append(ranks, -1)[np.where(local >= 0, firsts[cells] + local, len(ranks))]
        return np.asarray(found, np.int64)
