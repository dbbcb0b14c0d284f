"""What a user may choose about a comparison of dates, checked when it is made."""

import datetime
import math
from dataclasses import dataclass

from geocity.core.settlement_history import HistoryRules
from geocity.errors import InputError
from geocity.io.staging import PathLike


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """How dates are compared.

    Attributes:
        dates: when the images were taken; empty: what the inputs say.
        layers: of polygon files: one for all, or one for each.
        slum_class: name or value of the class to follow, where there are several.
        area: polygons of the ground that counts. For outlines it should be what was imaged on all
            dates.
        tolerance_m: edges that moved by no more than this are no change; see
            `geocity.core.change_cells`.
        min_area_m2: smallest patch of growth or loss that counts.
        grown_share: least change of a settlement's area, as a share of its area before, that makes
            it grown or shrunk …
        grown_m2: … and least change in m²; it takes both.
        estimate_shift: measure how far the images lie apart; the result is reported, not applied.
        imagery: scenes to measure the shift on, one a date; without them those that the inputs
            name and that lie beside them, else the maps themselves.
    """

    dates: tuple[datetime.date, ...] = ()
    layers: tuple[str, ...] = ()
    slum_class: str | None = None
    area: PathLike | None = None
    tolerance_m: float = 0.0
    min_area_m2: float = 0.0
    grown_share: float = 0.05
    grown_m2: float = 100.0
    estimate_shift: bool = False
    imagery: tuple[PathLike, ...] = ()

    def __post_init__(self) -> None:
        for name in ("tolerance_m", "min_area_m2", "grown_share", "grown_m2"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; give 0 or more.")
        if self.imagery and not self.estimate_shift:
            raise InputError(
                "Imagery serves to measure the shift between dates; ask for it too "
                "(--estimate-shift), or leave the imagery out."
            )

    @property
    def history(self) -> HistoryRules:
        """Return when a settlement counts as grown."""
        return HistoryRules(self.grown_share, self.grown_m2)
