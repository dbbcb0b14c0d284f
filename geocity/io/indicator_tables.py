"""The table of indicators: CSV, or a GeoPackage with the units' shapes, and a note beside it."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

import geopandas
import numpy as np
import shapely

from geocity.core.indicator_rows import (
    ALL_UNITS,
    COLUMNS,
    INTERVAL_COLUMNS,
    PEOPLE_COLUMNS,
    Row,
)
from geocity.errors import InputError
from geocity.io.csv_tables import write_csv
from geocity.io.geopackage_styles import Provenance, embed_provenance, embed_style
from geocity.io.indicator_styles import INDICATOR_FIELDS, indicators_qml
from geocity.io.staging import PathLike, Stage, staged
from geocity.io.vector_layers import Layer, write_batches

LAYER = "indicators"
SUFFIXES = (".csv", ".gpkg")

NOTE = """\
# How to read {name}

One row a unit and date; the rows "{all_units}" are the totals. An empty cell means: not known.

- unit_m2: area of the unit. covered_m2, covered: how much of it the imagery shows, in m² and as a
  share; empty where the slum layers do not say.
- slum_m2: slum area; ground under several outlines counts once. slum_share: its share of the
  covered area, or of the whole unit where the coverage is not known.
- settlements: outlines, each counted in the unit that holds most of it. largest_m2: the largest
  part of a settlement inside the unit.
- growth_m2, loss_m2, annual_rate: since the date before, on ground that both dates cover. The rate
  is compound, per year; it is empty where there was no slum before.
- slum_pop, pop, pop_share: people by the population raster, in slums and in all of the covered
  area; cells at a border count by the share that lies inside.
- slum_low_m2, slum_high_m2: 95 % interval of the slum area from an accuracy assessment. It belongs
  to the error-adjusted area, so the mapped slum_m2 may lie outside.

Areas are true areas on the ellipsoid (Lambert azimuthal equal-area).

## What these figures are not

pop_share is a proxy for UN SDG indicator 11.1.1, "Proportion of urban population living in slums,
informal settlements or inadequate housing" (metadata of the custodian agency UN-Habitat:
https://unstats.un.org/sdgs/metadata/files/Metadata-11-01-01.pdf). The indicator counts households
that lack one or more of: improved water, improved sanitation, sufficient living area, durable
housing, secure tenure. Imagery shows none of these. It shows dense, irregular building, so the
table can say where such places lie, how large they are, and how they change. It cannot say who
lacks what, nor find inadequate housing outside such places; and not everyone inside one lives in a
slum household. Population rasters are mostly modelled from censuses and tend to put too few people
into slums. Report the indicator itself from a census or a household survey, and use these figures
to choose where to look and to fill the years between.
"""


def refuse_other_formats(out: PathLike) -> None:
    """Refuse a name that is neither a CSV nor a GeoPackage.

    Raises:
        InputError: with the suffixes that are.
    """
    if Path(out).suffix.lower() not in SUFFIXES:
        raise InputError(f"{out} is neither .csv nor .gpkg; end the name of the table in one.")


def write_indicators(
    out: PathLike,
    rows: Sequence[Row],
    units: geopandas.GeoDataFrame,
    *,
    remarks: Sequence[str] = (),
    overwrite: bool = False,
) -> Path:
    """Write the rows, and beside them ``<stem>.md`` that says how to read them.

    Args:
        out: .csv or .gpkg (layer `indicators`).
        rows: of `indicator_row`; columns that nobody filled are left out.
        units: columns `unit` and the geometry, with a row for the total.
        remarks: what to know about these very figures.
        overwrite: replace what is there.

    Returns:
        The path of the table.
    """
    path = Path(out)
    columns = _columns(rows)
    note = NOTE.format(name=path.name, all_units=ALL_UNITS)
    if remarks:
        note += "\n## About this table\n\n" + "".join(f"- {remark}\n" for remark in remarks)

    def dress(stage: Stage) -> None:
        stage.sidecar(".md").write_text(note, encoding="utf-8")
        if path.suffix.lower() == ".gpkg":
            days = sorted({day for row in rows if isinstance(day := row["date"], datetime.date)})
            told = Provenance("Slum indicators", note, period=(days[0], days[-1]))
            embed_style(stage.path, LAYER, indicators_qml(list(columns)))
            embed_provenance(stage.path, LAYER, told)

    if path.suffix.lower() == ".csv":
        with staged(path, overwrite=overwrite) as stage:
            shown = ({name: row.get(name) for name in columns} for row in rows)
            write_csv(stage.path, shown, list(columns), digits=None)
            dress(stage)
        return path
    crs = units.crs
    if crs is None:
        raise ValueError("units need a CRS to be written")
    shapes = dict(zip(units["unit"], units.geometry, strict=True))
    geometries = np.array([_multi(shapes[row["unit"]]) for row in rows], dtype=object)
    layer = Layer(
        LAYER,
        crs,
        columns,
        multi=True,
        title="Slum indicators",
        description="; ".join(f"{f}: {t}" for f, t in INDICATOR_FIELDS.items() if f in columns),
    )
    values = {name: [row[name] for row in rows] for name in columns}
    return write_batches(path, layer, [(geometries, values)], overwrite=overwrite, dress=dress)


def _columns(rows: Sequence[Row]) -> Mapping[str, str]:
    columns = dict(COLUMNS)
    for optional in (PEOPLE_COLUMNS, INTERVAL_COLUMNS):
        if any(row[name] is not None for row in rows for name in optional):
            columns |= optional
    return columns


def _multi(geometry: shapely.Geometry) -> shapely.MultiPolygon:
    return shapely.MultiPolygon(shapely.get_parts(geometry).tolist())
