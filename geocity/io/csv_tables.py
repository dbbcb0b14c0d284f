"""Tables as CSV that spreadsheets open as they are."""

import csv
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_NO_COLUMNS = ("nothing",)


def write_csv(
    path: Path,
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str] | None = None,
    *,
    digits: int | None = 10,
) -> None:
    """Write a table.

    Args:
        path: the file.
        rows: values by column, taken one by one; None leaves a cell empty.
        columns: in order; those of the first row by default, ``nothing`` where there is no row.
        digits: significant ones of every float; None writes them all.

    Raises:
        ValueError: if a row holds a column that the others lack.
    """
    coming = iter(rows)
    first = list(itertools.islice(coming, 1))
    names = columns or (first[0] if first else _NO_COLUMNS)
    # utf-8-sig: spreadsheets on Windows take plain UTF-8 for the local code page.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(names))
        writer.writeheader()
        for row in itertools.chain(first, coming):
            writer.writerow({name: _cell(value, digits) for name, value in row.items()})


def _cell(value: Any, digits: int | None) -> Any:
    return f"{value:.{digits}g}" if isinstance(value, float) and digits else value
