"""Between the rounds of a comparison of outlines: where everything is, and who overlays what."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Bounds, Window
from geocity.core.outline_change import reach_m
from geocity.core.outline_groups import groups_of, plan_cells
from geocity.engine.plan import Part
from geocity.engine.store import PartStore
from geocity.io.outline_tables import read_columns
from geocity.tools.change_outline_index import INDEX, PlacedOutlines
from geocity.tools.change_outline_overlay import OutlineRules
from geocity.tools.change_outline_reading import EDGES, OUTLINES

CELL_FEATURES = 4000
"""Features centred in a cell: their overlay takes a second and some ten megabytes."""

_INDEX = "index.npy"


@dataclass(frozen=True, slots=True)
class OverlayPlan:
    """Who overlays what.

    Attributes:
        placed: the outlines, with an index.
        parts: the cells.
        squares: where they are in the plane.
    """

    placed: PlacedOutlines
    parts: tuple[Part, ...]
    squares: tuple[Bounds, ...]


def plan_overlay(
    placed: PartStore,
    slices: Sequence[Part],
    rules: OutlineRules,
    store: PartStore,
    most: int | None = None,
) -> OverlayPlan:
    """Give every group of outlines to a cell.

    Args:
        placed: where the outlines are, in the plane.
        slices: of the layers.
        rules: what counts as change.
        store: where to keep the index of the outlines.
        most: features centred in a cell.
    """
    files = tuple(placed.path(part, OUTLINES) for part in slices)
    most = most or CELL_FEATURES
    found = [read_columns(file, ("code", *EDGES)) for file in files]
    index = np.empty(sum(len(columns[0]) for columns in found), INDEX)
    index["code"] = np.concatenate([columns[0] for columns in found])
    boxes = np.concatenate([np.stack(columns[1:], axis=1) for columns in found])
    index["box"] = boxes
    starts = np.cumsum([0, *(len(columns[0]) for columns in found)])
    slum = index["code"] == rules.names.index(rules.slum)
    heads = groups_of(boxes, slum, reach_m(rules.tolerance_m), most)
    cells = plan_cells(boxes, most)
    home = np.full(len(index), -1, np.int32)
    for number, cell in enumerate(cells):
        home[cell.centred] = number
    # The last entry stands for the features of no group.
    owner = np.where(heads >= 0, home[heads], -1)
    if len(rules.names) == 1:
        busy, owner = _numbered(owner, len(cells))
        cells = [cells[number] for number in busy]
    index["cell"], index["group"] = owner, heads
    store.save(slices[0], {_INDEX: functools.partial(_save, values=index)})
    about = PlacedOutlines(
        files,
        tuple(starts.tolist()),
        tuple(part.row for part in slices),
        store.path(slices[0], _INDEX),
    )
    parts = tuple(Part(i, i, 0, Window(i, 0, 1, 1)) for i in range(len(cells)))
    return OverlayPlan(about, parts, tuple(cell.bounds for cell in cells))


def _numbered(owner: NDArray[Any], cells: int) -> tuple[list[int], NDArray[Any]]:
    """Leave out the cells that have nothing to do; return the others and their new numbers."""
    busy = np.unique(owner[owner >= 0])
    numbers = np.full(cells + 1, -1, np.int32)
    numbers[busy] = np.arange(len(busy))
    return busy.tolist(), numbers[owner]


def _save(path: Path, values: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.save(file, values)
