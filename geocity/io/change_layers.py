"""Writing a change: a GeoPackage of layers with their styles, and the same figures as JSON."""

import datetime
import functools
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio
import pyproj

from geocity.core.change_matrix import ChangeMatrix
from geocity.io.change_styles import change_layer_qml, common_area_qml, settlements_qml
from geocity.io.geopackage_styles import Provenance, embed_provenance, embed_style
from geocity.io.geopackages import collect_layers
from geocity.io.staging import PathLike, Stage, staged
from geocity.io.vector_layers import Batch, Layer, write_batches

GROWTH, LOSS, PERSISTENT = "growth", "loss", "persistent"
SETTLEMENTS, COMMON_AREA, MATRIX = "settlements", "common_area", "matrix"

_CHANGE_FIELDS = {
    "change": "text",
    "from_date": "date",
    "to_date": "date",
    "area_m2": "number",
    "id_before": "text",
    "id_after": "text",
}
_SETTLEMENT_FIELDS = {
    "settle_id": "text",
    "date": "date",
    "status": "text",
    "area_m2": "number",
    "prev_m2": "number",
    "change_m2": "number",
    "parents": "text",
    "n_px": "integer",
}
_COMMON_FIELDS = {"from_date": "date", "to_date": "date", "area_m2": "number"}
_MATRIX_SCHEMA = pa.schema(
    [
        ("from_date", pa.date32()),
        ("to_date", pa.date32()),
        ("from_class", pa.string()),
        ("to_class", pa.string()),
        ("area_m2", pa.float64()),
    ]
)
_ABOUT = {
    GROWTH: "Slum on the later date and not on the earlier one",
    LOSS: "Slum on the earlier date and not on the later one",
    PERSISTENT: "Slum on both dates",
    SETTLEMENTS: "Every settlement on every date and what became of it; gone rows show the last "
    "outline, with area 0, on the date on which it was missing",
    COMMON_AREA: "The ground that all dates show; nothing outside it is counted",
}


def settlement_id(number: int) -> str:
    """Return the identity of a settlement as text."""
    return f"S{number:04d}"


@dataclass(frozen=True, slots=True)
class ChangePair:
    """The figures of one pair of dates.

    Attributes:
        from_date: the earlier date.
        to_date: the later one.
        slum: the class that is followed.
        matrix: raw areas by class, before any tolerance.
        growth_m2: growth that counts.
        loss_m2: loss that counts.
        absorbed_growth_m2: growth left out by the tolerance or the smallest area.
        absorbed_loss_m2: the same of loss.
        grid: what the dates were compared on.
        shift_m: how far the second image lies to the east and north of the first, if estimated.
        shift_score: how sure that is, 0 to 1.
    """

    from_date: datetime.date
    to_date: datetime.date
    slum: str
    matrix: ChangeMatrix
    growth_m2: float
    loss_m2: float
    absorbed_growth_m2: float
    absorbed_loss_m2: float
    grid: Mapping[str, Any]
    shift_m: tuple[float, float] | None = None
    shift_score: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the pair as it stands in `change.json`."""
        return {
            "from_date": self.from_date.isoformat(),
            "to_date": self.to_date.isoformat(),
            "common_area_m2": self.matrix.total_m2,
            "before_m2": self.matrix.before_m2(self.slum),
            "after_m2": self.matrix.after_m2(self.slum),
            "growth_m2": self.growth_m2,
            "loss_m2": self.loss_m2,
            "persistent_m2": self.matrix.persistent_m2(self.slum),
            "absorbed_m2": self.absorbed_growth_m2 + self.absorbed_loss_m2,
            "absorbed_growth_m2": self.absorbed_growth_m2,
            "absorbed_loss_m2": self.absorbed_loss_m2,
            "shift_m": list(self.shift_m) if self.shift_m else None,
            "shift_score": self.shift_score,
            "matrix": [
                {"from_class": before, "to_class": after, "area_m2": area_m2}
                for before, after, area_m2 in self.matrix.rows()
            ],
            "grid": dict(self.grid),
        }


@dataclass(frozen=True, slots=True)
class ChangeLayers:
    """What goes into the GeoPackage.

    Attributes:
        crs: of all layers.
        batches: features of each layer, as they come.
        pairs: figures of each pair of dates, in order.
        from_rasters: whether settlements have pixels to count.
        history: how it was made, one line a step.
    """

    crs: pyproj.CRS
    batches: Mapping[str, Iterable[Batch]]
    pairs: Sequence[ChangePair]
    from_rasters: bool
    history: Sequence[str]


def write_change(out: PathLike, change: ChangeLayers, *, overwrite: bool = False) -> Path:
    """Write the GeoPackage of a change; memory does not grow with its layers.

    Args:
        out: the .gpkg to make.
        change: what goes into it.
        overwrite: replace what is there.

    Returns:
        The path of the GeoPackage.
    """
    path = Path(out)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}_") as folder:
        sources = {}
        for name, qml in _looks(change.from_rasters).items():
            layer = _layer(name, change)
            dress = functools.partial(_dress, layer=layer, qml=qml, change=change)
            sources[name] = write_batches(
                Path(folder) / f"{name}.gpkg", layer, change.batches[name], dress=dress
            )
        table = functools.partial(_write_matrix, pairs=change.pairs)
        return collect_layers(sources, out=path, overwrite=overwrite, add=table)


def write_report(
    out: PathLike,
    pairs: Sequence[ChangePair],
    settings: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> Path:
    """Write the figures of all pairs as JSON.

    Args:
        out: the .json to make.
        pairs: in order.
        settings: what was asked for, kept beside the figures.
        overwrite: replace what is there.
    """
    dates = [pairs[0].from_date, *(pair.to_date for pair in pairs)]
    content = {
        "dates": [date.isoformat() for date in dates],
        **settings,
        "pairs": [pair.as_json() for pair in pairs],
    }
    with staged(out, overwrite=overwrite) as stage:
        text = json.dumps(content, indent=2, ensure_ascii=False)
        stage.path.write_text(text + "\n", encoding="utf-8")
    return Path(out)


def _looks(from_rasters: bool) -> dict[str, str]:
    kinds = {kind: change_layer_qml(kind) for kind in (GROWTH, LOSS, PERSISTENT)}
    return {
        **kinds,
        SETTLEMENTS: settlements_qml(with_pixels=from_rasters),
        COMMON_AREA: common_area_qml(),
    }


def _layer(name: str, change: ChangeLayers) -> Layer:
    fields = {SETTLEMENTS: _SETTLEMENT_FIELDS, COMMON_AREA: _COMMON_FIELDS}.get(
        name, _CHANGE_FIELDS
    )
    if name == SETTLEMENTS and not change.from_rasters:
        fields = {field: kind for field, kind in fields.items() if field != "n_px"}
    title = f"{name.replace('_', ' ').capitalize()}, {_span(change)}"
    about = f"{_ABOUT[name]}. Areas are true areas on the ellipsoid, in m²."
    return Layer(name, change.crs, fields, name == COMMON_AREA, title, about)


def _span(change: ChangeLayers) -> str:
    return f"{change.pairs[0].from_date} to {change.pairs[-1].to_date}"


def _dress(stage: Stage, *, layer: Layer, qml: str, change: ChangeLayers) -> None:
    embed_style(stage.path, layer.name, qml)
    period = change.pairs[0].from_date, change.pairs[-1].to_date
    told = Provenance(layer.title, layer.description, tuple(change.history), period)
    embed_provenance(stage.path, layer.name, told)


def _write_matrix(geopackage: Path, *, pairs: Sequence[ChangePair]) -> None:
    rows = [(p.from_date, p.to_date, *row) for p in pairs for row in p.matrix.rows()]
    columns = [
        pa.array(column, field.type)
        for column, field in zip(zip(*rows, strict=True), _MATRIX_SCHEMA, strict=True)
    ]
    pyogrio.write_arrow(
        pa.table(columns, schema=_MATRIX_SCHEMA),
        geopackage,
        layer=MATRIX,
        driver="GPKG",
        append=False,
        layer_options={"IDENTIFIER": "From-to matrix", "DESCRIPTION": "m² from class to class"},
    )
