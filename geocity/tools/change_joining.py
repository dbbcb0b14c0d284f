"""Where all parts of a comparison are there: pieces become settlements and patches of change."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geocity.core.change_matrix import ChangeMatrixBuilder
from geocity.core.patch_tables import Numbers, PatchTable, PatchTableBuilder
from geocity.core.patches import Patchwork
from geocity.core.raster_change import ChangePatches, ChangeRules, ComparedCells
from geocity.core.settlement_history import Overlaps
from geocity.engine.plan import Part
from geocity.engine.store import PartStore
from geocity.io.change_surveys import read_surveys
from geocity.io.raster_dates import DatesPlan
from geocity.tools.change_parts import SURVEYS
from geocity.tools.clean_parts import part_blocks


@dataclass(frozen=True, slots=True, eq=False)
class JoinedSurveys:
    """What all parts of a comparison give.

    Attributes:
        settlements: the settlements of each date; patch k is settlement k - 1.
        pairs: of each pair of dates, the figures of its cells and its patches of change.
        common_m2: the area that all dates show.
        own_m2: the area that each date shows by itself.
    """

    settlements: tuple[PatchTable, ...]
    pairs: tuple[tuple[ComparedCells, ChangePatches], ...]
    common_m2: float
    own_m2: tuple[float, ...]


def joined_surveys(
    store: PartStore, parts: Sequence[Part], plan: DatesPlan, rules: ChangeRules
) -> JoinedSurveys:
    """Join what was found out about the parts of a comparison.

    Args:
        store: where it is.
        parts: all parts, in reading order.
        plan: the dates.
        rules: what counts as change.
    """
    count = len(plan.paths)
    dates = [PatchTableBuilder(plan.grid.shape) for _ in range(count)]
    changes = [PatchTableBuilder(plan.grid.shape) for _ in range(count - 1)]
    common_m2, own_m2 = 0.0, np.zeros(count)
    for part in parts:
        surveys = read_surveys(store.path(part, SURVEYS))
        for block, survey in zip(part_blocks(part), surveys, strict=True):
            for date, tables in zip(dates, survey.dates, strict=True):
                date.add(tables, block)
            for change, pair in zip(changes, survey.pairs, strict=True):
                change.add(pair.tables, block)
            common_m2 += survey.common_m2
            own_m2 += survey.own_m2
    settlements = tuple(date.finish() for date in dates)
    found = [_Pair(change.finish(), plan) for change in changes]
    for part in parts:
        surveys = read_surveys(store.path(part, SURVEYS))
        for block, survey in zip(part_blocks(part), surveys, strict=True):
            places = [
                table.patchwork.of_block(block, len(tables.first) - 1)
                for table, tables in zip(settlements, survey.dates, strict=True)
            ]
            for index, one in enumerate(found):
                pair = survey.pairs[index]
                former, latter = places[index], places[index + 1]
                patches = one.table.patchwork.of_block(block, len(pair.tables.first) - 1)
                # Patch 0 is no settlement; settlements count from 0.
                one.before[patches] = former[pair.before] - 1
                one.after[patches] = latter[pair.after] - 1
                shared = pair.overlaps
                one.overlaps.append(
                    Overlaps(former[shared.before] - 1, latter[shared.after] - 1, shared.area_m2)
                )
                one.matrix.merge(pair.matrix_m2)
                one.absorbed_m2 += pair.absorbed_m2
    pairs = tuple(one.finish(plan, rules) for one in found)
    return JoinedSurveys(settlements, pairs, common_m2, tuple(own_m2.tolist()))


class _Pair:
    """Sums up a pair of dates."""

    def __init__(self, table: PatchTable, plan: DatesPlan) -> None:
        self.table = table
        self.before = np.full(len(table), -1, np.int64)
        self.after = np.full(len(table), -1, np.int64)
        self.overlaps: list[Overlaps] = []
        self.matrix = ChangeMatrixBuilder(plan.classes.values)
        self.absorbed_m2 = np.zeros(2)

    def finish(self, plan: DatesPlan, rules: ChangeRules) -> tuple[ComparedCells, ChangePatches]:
        growth_m2, loss_m2 = self.absorbed_m2.tolist()
        cells = ComparedCells(
            self.matrix.finish(plan.classes.names),
            Overlaps.summed(self.overlaps),
            growth_m2,
            loss_m2,
        )
        return cells, ChangePatches.of(self.table, self.before, self.after, rules)


def first_pieces(patchwork: Patchwork, parts: Sequence[Part]) -> Numbers:
    """Return the first piece of every part, counted from 0."""
    firsts = [patchwork.first_node[part_blocks(part)[0]] - 1 for part in parts]
    return np.array(firsts, np.int64)
