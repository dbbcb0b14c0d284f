"""What `geocity indicators` found, as the page needs it."""

from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd

from geocity.core.indicator_rows import ALL_UNITS
from geocity.errors import InputError
from geocity.io.dashboard.map_layers import in_lon_lat, with_columns
from geocity.io.indicator_tables import LAYER
from geocity.io.staging import PathLike
from geocity.io.vectors import choose_layer, read_polygons

FIGURES = (
    "unit_m2",
    "covered_m2",
    "covered",
    "slum_m2",
    "slum_low_m2",
    "slum_high_m2",
    "slum_share",
    "settlements",
    "largest_m2",
    "growth_m2",
    "loss_m2",
    "annual_rate",
    "slum_pop",
    "pop",
    "pop_share",
)
_NEEDED = ("unit", "date", "slum_m2")


@dataclass(frozen=True, eq=False, slots=True)
class Indicators:
    """Figures by unit and date.

    Attributes:
        units: one row a unit and date: `unit`, `date` and every column of `FIGURES` (NaN where a
            figure is not known).
        totals: the same over all units, one row a date; may be empty.
        outlines: the units themselves, if the file holds them: `unit` and geometry in longitude and
            latitude.
    """

    units: pd.DataFrame
    totals: pd.DataFrame
    outlines: geopandas.GeoDataFrame | None


def read_indicators(path: PathLike) -> Indicators:
    """Read a table that `geocity indicators` wrote, CSV or GeoPackage.

    Raises:
        InputError: if it is not one.
    """
    source = Path(path)
    if not source.exists():
        raise InputError(f"{path} does not exist; check the name and the folder.")
    outlines = None
    if source.suffix.lower() == ".csv":
        table = _read_csv(source)
    else:
        outlines = read_polygons(source, layer=choose_layer(source, None, preferred=LAYER))
        table = pd.DataFrame(outlines.drop(columns=outlines.geometry.name))
        outlines = in_lon_lat(outlines)
    missing = [field for field in _NEEDED if field not in table]
    if missing:
        raise InputError(
            f"{path} has no column {missing[0]!r}; name the table that `geocity indicators` wrote."
        )
    tidy = _tidy(table, path)
    total = tidy["unit"] == ALL_UNITS
    if outlines is not None:
        outlines = outlines[outlines["unit"] != ALL_UNITS].drop_duplicates("unit")
        outlines = with_columns(outlines, ("unit",))
    return Indicators(
        tidy[~total].reset_index(drop=True), tidy[total].reset_index(drop=True), outlines
    )


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        # A unit may be called "NA" or "007": names stay what they are.
        return pd.read_csv(
            path,
            dtype={"unit": str},
            keep_default_na=False,
            na_values={figure: ["", "nan", "NaN"] for figure in FIGURES},
            encoding="utf-8-sig",
        )
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(
            f"{path} cannot be read as a table; name the CSV that `geocity indicators` wrote."
        ) from error


def _tidy(table: pd.DataFrame, path: PathLike) -> pd.DataFrame:
    days = pd.to_datetime(table["date"], errors="coerce")
    if days.isna().any():
        raise InputError(f"{path} has {days.isna().sum()} rows without a date in `date`.")
    columns = {"unit": table["unit"].astype(str), "date": days.dt.date}
    for figure in FIGURES:
        if figure in table:
            columns[figure] = pd.to_numeric(table[figure], errors="coerce").astype("float64")
        else:
            columns[figure] = pd.Series(np.nan, index=table.index)
    return pd.DataFrame(columns)
