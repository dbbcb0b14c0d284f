"""The layers of a comparison of rasters: traced outlines joined to what is known of each patch."""

import datetime
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import shapely

from geocity.core.change_cells import GROWTH, LOSS, PERSISTENT
from geocity.core.patch_tables import PatchTable
from geocity.core.raster_change import ChangePatches, ComparedCells
from geocity.core.settlement_history import DatedSettlements, identities_of
from geocity.engine.plan import Part
from geocity.engine.store import PartStore
from geocity.io.change_batches import change_batch, common_area_batch, gone_batch, settlement_batch
from geocity.io.feature_tables import FeatureTable
from geocity.io.vector_layers import Batch
from geocity.tools.change_parts import OutlineJob

KINDS = {"growth": GROWTH, "loss": LOSS, "persistent": PERSISTENT}
"""The layers of patches, and their value in a change raster."""


@dataclass(frozen=True, slots=True, eq=False)
class OutlinedBands:
    """Traced bands, to be joined as often as they are read.

    Attributes:
        job: what traced them.
        bands: from north to south.
        store: where they are kept.
    """

    job: OutlineJob
    bands: tuple[Part, ...]
    store: PartStore

    def __iter__(self) -> Iterator[FeatureTable]:
        return self.job.outlines(self.bands, self.store)


@dataclass(frozen=True, slots=True, eq=False)
class PaintedPair:
    """A pair of dates compared.

    Attributes:
        cells: its figures.
        patches: its patches of change.
        store: where the parts of its change raster are.
        outlines: of the patches.
    """

    cells: ComparedCells
    patches: ChangePatches
    store: PartStore
    outlines: OutlinedBands


@dataclass(frozen=True, slots=True, eq=False)
class OutlinedChange:
    """All that the layers of a comparison are made of.

    Attributes:
        dates: when the images were taken.
        pairs: of consecutive dates.
        history: of the settlements, by date.
        settlements: their tables by date; patch k is settlement k - 1.
        slums: their outlines by date.
        common: outlines of the ground that all dates show.
        common_m2: its area.
    """

    dates: tuple[datetime.date, ...]
    pairs: tuple[PaintedPair, ...]
    history: tuple[DatedSettlements, ...]
    settlements: tuple[PatchTable, ...]
    slums: tuple[OutlinedBands, ...]
    common: OutlinedBands
    common_m2: float

    def batches(self) -> dict[str, Iterable[Batch]]:
        """Return the features of each layer; what crosses bands is joined as they are read."""
        batches: dict[str, Iterable[Batch]] = {kind: self._change_batches(kind) for kind in KINDS}
        batches["settlements"] = self._settlement_batches()
        batches["common_area"] = self._common_area_batches()
        return batches

    def _change_batches(self, kind: str) -> Iterator[Batch]:
        dates = itertools.pairwise(self.dates)
        for pair, (former, latter), when in zip(
            self.pairs, itertools.pairwise(self.history), dates, strict=True
        ):
            table = pair.patches.table
            for traced in pair.outlines:
                outlines = traced.take(traced.columns["values"] == KINDS[kind])
                if not len(outlines):
                    continue
                patches = table.at(outlines.columns["first"])
                before, after = pair.patches.before[patches], pair.patches.after[patches]
                identities = identities_of(before, after, former, latter)
                yield change_batch(kind, outlines.wkb, table.area_m2[patches], when, identities)

    def _settlement_batches(self) -> Iterator[Batch]:
        for index, date in enumerate(self.dates):
            yield from self._settlements_on(index, self.history[index], date)
            if index:
                yield from self._gone_on(index, date)

    def _settlements_on(
        self, index: int, settlements: DatedSettlements, date: datetime.date
    ) -> Iterator[Batch]:
        table = self.settlements[index]
        for outlines in self.slums[index]:
            if len(outlines):
                places = table.at(outlines.columns["first"]) - 1
                n_px = outlines.columns["n_px"]
                yield settlement_batch(outlines.wkb, places, settlements, date, n_px)

    def _gone_on(self, index: int, date: datetime.date) -> Iterator[Batch]:
        gone, former = self.history[index].gone, self.history[index - 1]
        table = self.settlements[index - 1]
        if not len(gone):
            return
        for traced in self.slums[index - 1]:
            places = table.at(traced.columns["first"]) - 1
            lost = np.isin(places, gone)
            if lost.any():
                yield gone_batch(
                    traced.take(lost).wkb, places[lost], former, date, with_pixels=True
                )

    def _common_area_batches(self) -> Iterator[Batch]:
        parts = [
            polygon
            for outlines in self.common
            for polygon in shapely.from_wkb(outlines.wkb.to_numpy(zero_copy_only=False))
        ]
        for dates in itertools.pairwise(self.dates):
            yield common_area_batch(shapely.MultiPolygon(parts), dates, self.common_m2)
