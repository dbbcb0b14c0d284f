"""The list of settlements on the page."""

import datetime
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from geocity.core.tracker import (
    SettlementHistory,
    SettlementState,
    joined_into,
    parent_names,
    settlement_histories,
)
from geocity.io.dashboard.change_layers import Change
from geocity.io.dashboard.outlines import DatedOutlines


def histories_of(change: Change | None) -> list[SettlementHistory]:
    """Return how each settlement fared; nothing where the change does not follow them."""
    if change is None or change.settlements is None:
        return []
    return settlement_histories(
        pd.DataFrame(change.settlements.drop(columns="geometry")),
        np.asarray(change.settlements.geometry.array, dtype=object),
    )


def settlement_list(histories: Sequence[SettlementHistory]) -> list[dict[str, Any]]:
    """Return the rows of the list: name, status, area, growth, bounds and history of each."""
    newest = max((h.states[-1].date for h in histories), default=datetime.date.min)
    joined = joined_into(histories)
    return [_settlement(history, newest, joined.get(history.name)) for history in histories]


def _settlement(
    history: SettlementHistory, newest: datetime.date, joined: str | None
) -> dict[str, Any]:
    """Return what the list tells of a settlement; what has joined another has no area any more."""
    last = history.states[-1]
    change = history.last_change_m2 if last.date == newest else None
    return {
        "name": history.name,
        "first_seen": history.first_seen.isoformat(),
        "status": last.status,
        **({"area_m2": last.area_m2} if joined is None else {"joined": joined}),
        **({} if change is None else {"change_m2": change}),
        "bounds": [round(side, 6) for side in history.bounds],
        "history": [_state(history.name, state) for state in history.states],
    }


def _state(name: str, state: SettlementState) -> dict[str, Any]:
    # Every settlement comes from itself; what is worth telling is who else.
    others = [parent for parent in parent_names(state.parents) if parent != name]
    return {**asdict(state), "date": state.date.isoformat(), "parents": ", ".join(others)}


def outline_list(newest: DatedOutlines) -> list[dict[str, Any]]:
    """Return the outlines of the newest date, where nothing follows settlements over time."""
    frame = newest.frame
    bounds = frame.geometry.bounds.to_numpy().round(6).tolist()
    return [
        {"name": name, "area_m2": area, "bounds": own}
        for name, area, own in zip(frame["name"], frame["area_m2"].tolist(), bounds, strict=True)
    ]
