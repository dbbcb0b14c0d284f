"""What is known of the patches of some blocks, in a file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geocity.core.block_patches import BlockTables, Links


def write_tables(path: Path, tables: Sequence[BlockTables]) -> None:
    """Write the tables of some blocks, in their order."""
    columns = {"blocks": np.array(len(tables))}
    for number, table in enumerate(tables):
        columns |= {
            f"{number} classes": table.classes,
            f"{number} cells": table.cells,
            f"{number} first": table.links.first,
            f"{number} second": table.links.second,
            f"{number} length": table.links.length,
        }
        columns |= {f"{number} {side}": line for side, line in table.edges.items()}
    with path.open("wb") as file:
        np.savez(file, **columns)  # type: ignore[arg-type]  # an array for each name


def read_tables(path: Path) -> list[BlockTables]:
    """Read what `write_tables` has written."""
    with np.load(path) as file:
        return [
            BlockTables(
                file[f"{number} classes"],
                file[f"{number} cells"],
                Links(*(file[f"{number} {name}"] for name in ("first", "second", "length"))),
                {side: file[f"{number} {side}"] for side in ("top", "bottom", "left", "right")},
            )
            for number in range(int(file["blocks"]))
        ]
