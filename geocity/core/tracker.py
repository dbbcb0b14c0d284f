"""The figures of the slum tracker: what each date shows, and how each settlement fared."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

GONE = "gone"
NEW = "new"


@dataclass(frozen=True, slots=True)
class SettlementState:
    """A settlement on one date.

    Attributes:
        date: of the imagery.
        status: first, kept, new, grown, shrunk, merged, split or gone.
        area_m2: 0 when it is gone.
        parents: the settlements that it came from, if it merged or split.
    """

    date: datetime.date
    status: str
    area_m2: float
    parents: str


@dataclass(frozen=True, slots=True)
class SettlementHistory:
    """A settlement over time.

    Attributes:
        name: stable over dates.
        states: the oldest first; at least one.
        bounds: (west, south, east, north) around all its outlines, in degrees.
    """

    name: str
    states: tuple[SettlementState, ...]
    bounds: tuple[float, float, float, float]

    @property
    def first_seen(self) -> datetime.date:
        """Return the first date on which it is there."""
        return self.states[0].date

    @property
    def last_change_m2(self) -> float | None:
        """Return what its area gained or lost at the last date; None where nothing is known."""
        *before, last = self.states
        if before:
            return last.area_m2 - before[-1].area_m2
        return last.area_m2 if last.status == NEW else None


def settlement_histories(
    table: pd.DataFrame, polygons: NDArray[np.object_]
) -> list[SettlementHistory]:
    """Gather the rows of each settlement.

    Args:
        table: a row a settlement and date: `settle_id`, `date`, `status`, `area_m2`, `parents`.
        polygons: their outlines in longitude and latitude; those of a row that says "gone" are the
            last ones seen.

    Returns:
        One history a settlement, by name.
    """
    bounds = shapely.bounds(polygons)
    histories = []
    for name, rows in table.reset_index(drop=True).groupby("settle_id", sort=True):
        ordered = rows.sort_values("date", kind="stable")
        states = tuple(
            SettlementState(
                row.date, row.status, 0.0 if row.status == GONE else float(row.area_m2), row.parents
            )
            for row in cast("Iterable[Any]", ordered.itertuples())
        )
        own = bounds[ordered.index]
        west, south = own[:, :2].min(axis=0).tolist()
        east, north = own[:, 2:].max(axis=0).tolist()
        histories.append(SettlementHistory(str(name), states, (west, south, east, north)))
    return histories


def joined_into(histories: Sequence[SettlementHistory]) -> dict[str, str]:
    """Find the settlements that were taken up by another one.

    Returns:
        For each settlement that is not there any more, and not gone, the name of the one that grew
        together with it.
    """
    last = {history.name: history.states[-1] for history in histories}
    joined = {}
    for history in histories:
        for state in history.states:
            for name in parent_names(state.parents):
                own = last.get(name)
                if own is not None and own.status != GONE and own.date < state.date:
                    joined[name] = history.name
    return joined


def parent_names(parents: str) -> list[str]:
    """Return the names in a list that is separated by commas.

    Example:
        >>> parent_names("S0001, S0002"), parent_names("")
        (['S0001', 'S0002'], [])
    """
    return [name.strip() for name in parents.split(",") if name.strip()]


def settlements_at(
    outlines: NDArray[np.object_], settlements: NDArray[np.object_]
) -> NDArray[np.int64]:
    """Find for each outline the settlement that it belongs to.

    Args:
        outlines: polygons of one date.
        settlements: the settlements of the same date, which do not overlap.

    Returns:
        The position of the settlement that holds a point inside the outline; -1 where none does.
    """
    found = np.full(len(outlines), -1, dtype=np.int64)
    if len(settlements):
        points = shapely.point_on_surface(outlines)
        inside, index = shapely.STRtree(settlements).query(points, predicate="intersects")
        found[inside] = index
    return found


def outline_figures(areas_m2: NDArray[np.float64]) -> dict[str, float]:
    """Return what the outlines of one date say by themselves."""
    return {
        "area_m2": float(areas_m2.sum()),
        "settlements": float(len(areas_m2)),
        "largest_m2": float(areas_m2.max(initial=0.0)),
    }


def known(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures that are numbers: NaN and infinity have no place in JSON.

    Example:
        >>> known({"area_m2": 12.0, "slum_pop": float("nan")})
        {'area_m2': 12.0}
    """
    return {key: value for key, value in figures.items() if np.isfinite(value)}
