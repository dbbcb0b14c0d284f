"""The layers of a comparison of outlines: what all cells have found, in the order of the map."""

import datetime
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import shapely

from geocity.core.settlement_history import DatedSettlements, identities_of
from geocity.io.change_batches import change_batch, common_area_batch, gone_batch, settlement_batch
from geocity.io.change_layers import ChangePair
from geocity.io.vector_layers import Batch
from geocity.tools.change_outline_joining import JoinedOutlines
from geocity.tools.change_outline_overlay import KINDS


@dataclass(frozen=True, slots=True, eq=False)
class OverlaidChange:
    """All that the layers of a comparison are made of.

    Attributes:
        dates: when the images were taken.
        joined: the outlines.
        history: of the settlements, by date.
        common: the ground that counts, in the CRS of the results.
    """

    dates: tuple[datetime.date, ...]
    joined: JoinedOutlines
    history: tuple[DatedSettlements, ...]
    common: shapely.MultiPolygon

    def batches(self, figures: Sequence[ChangePair]) -> dict[str, Iterable[Batch]]:
        """Return the features of each layer, as they are read from the cells."""
        batches: dict[str, Iterable[Batch]] = {kind: self._change_batches(kind) for kind in KINDS}
        batches["settlements"] = self._settlement_batches()
        batches["common_area"] = self._common_area_batches(figures)
        return batches

    def _change_batches(self, kind: str) -> Iterator[Batch]:
        pairs = itertools.pairwise(zip(self.dates, self.history, strict=True))
        for change, (former, latter) in zip(self.joined.changes, pairs, strict=True):
            pieces, dates = change[kind], (former[0], latter[0])
            for places, wkb in pieces.batches():
                before, after = pieces.before[places], pieces.after[places]
                identities = identities_of(before, after, former[1], latter[1])
                yield change_batch(kind, wkb, pieces.area_m2[places], dates, identities)

    def _settlement_batches(self) -> Iterator[Batch]:
        for index, date in enumerate(self.dates):
            settlements = self.history[index]
            for places, wkb in self.joined.settlements[index].batches():
                yield settlement_batch(wkb, places, settlements, date)
            if index:
                former = self.joined.settlements[index - 1]
                for gone, wkb in former.batches(settlements.gone):
                    yield gone_batch(wkb, gone, self.history[index - 1], date, with_pixels=False)

    def _common_area_batches(self, figures: Sequence[ChangePair]) -> Iterator[Batch]:
        for pair in figures:
            dates = pair.from_date, pair.to_date
            yield common_area_batch(self.common, dates, pair.matrix.total_m2)
