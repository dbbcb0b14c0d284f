"""What is known of some blocks of dates that are compared, in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geocity.core.block_patches import BlockTables, Links
from geocity.core.patch_tables import PieceTables
from geocity.core.raster_change import SurveyedPair
from geocity.core.settlement_history import Overlaps

Arrays = dict[str, NDArray[np.generic]]
_SIDES = ("top", "bottom", "left", "right")


@dataclass(frozen=True, slots=True, eq=False)
class BlockSurvey:
    """What is known of a block.

    Attributes:
        dates: the pieces of settlements of each date.
        pairs: of each pair of dates.
        common_m2: the area that all dates show.
        own_m2: the area that each date shows by itself.
    """

    dates: tuple[PieceTables, ...]
    pairs: tuple[SurveyedPair, ...]
    common_m2: float
    own_m2: tuple[float, ...]


def write_surveys(path: Path, surveys: Sequence[BlockSurvey]) -> None:
    """Write what is known of some blocks, in their order."""
    columns: Arrays = {"blocks": np.array(len(surveys)), "dates": np.array(len(surveys[0].dates))}
    for number, survey in enumerate(surveys):
        columns[f"{number} ground"] = np.array([survey.common_m2, *survey.own_m2])
        for date, tables in enumerate(survey.dates):
            columns |= _pieces(f"{number} date {date}", tables)
        for order, pair in enumerate(survey.pairs):
            name = f"{number} pair {order}"
            columns |= _pieces(name, pair.tables)
            columns |= {
                f"{name} piece before": pair.before,
                f"{name} piece after": pair.after,
                f"{name} before": pair.overlaps.before,
                f"{name} after": pair.overlaps.after,
                f"{name} shared": pair.overlaps.area_m2,
                f"{name} matrix": pair.matrix_m2,
                f"{name} absorbed": np.array(pair.absorbed_m2),
            }
    with path.open("wb") as file:
        np.savez(file, **columns)  # type: ignore[arg-type]  # an array for each name


def read_surveys(path: Path) -> list[BlockSurvey]:
    """Read what `write_surveys` has written."""
    with np.load(path) as file:
        told = {name: file[name] for name in file.files}
    dates = range(int(told["dates"]))
    surveys = []
    for number in range(int(told["blocks"])):
        common, *own = told[f"{number} ground"].tolist()
        surveys.append(
            BlockSurvey(
                tuple(_tables(told, f"{number} date {date}") for date in dates),
                tuple(_pair(told, f"{number} pair {order}") for order in dates[:-1]),
                common,
                tuple(own),
            )
        )
    return surveys


def _pieces(name: str, tables: PieceTables) -> Arrays:
    block = tables.block
    return {
        f"{name} classes": block.classes,
        f"{name} cells": block.cells,
        f"{name} one": block.links.first,
        f"{name} other": block.links.second,
        f"{name} length": block.links.length,
        f"{name} first": tables.first,
        f"{name} area": tables.area_m2,
        **{f"{name} {side}": block.edges[side] for side in _SIDES},
    }


def _tables(told: Mapping[str, NDArray[np.generic]], name: str) -> PieceTables:
    def column(what: str) -> NDArray[np.generic]:
        return told[f"{name} {what}"]

    block = BlockTables(
        column("classes"),  # type: ignore[arg-type]  # as they were written
        column("cells"),  # type: ignore[arg-type]
        Links(column("one"), column("other"), column("length")),  # type: ignore[arg-type]
        {side: column(side) for side in _SIDES},  # type: ignore[misc]
    )
    return PieceTables(block, column("first"), column("area"))  # type: ignore[arg-type]


def _pair(told: Mapping[str, NDArray[np.generic]], name: str) -> SurveyedPair:
    growth, loss = told[f"{name} absorbed"].tolist()
    before, after, shared = (told[f"{name} {what}"] for what in ("before", "after", "shared"))
    return SurveyedPair(
        _tables(told, name),
        told[f"{name} piece before"],  # type: ignore[arg-type]  # as they were written
        told[f"{name} piece after"],  # type: ignore[arg-type]
        Overlaps(before, after, shared),  # type: ignore[arg-type]
        told[f"{name} matrix"],  # type: ignore[arg-type]
        (growth, loss),
    )
