"""A reference sample as a GeoPackage: points and cells for the interpreter, the design beside them.

- layer `points`: the centres of the cells in random order, with the form; what is mapped there is
  not in it, so that the interpreter judges by the imagery alone.
- layer `cells`: the cells themselves; an answer is about the cell.
- table `strata`: each mapped class with its cells, area and sample units.
- table `answer_key`: what is mapped at each point. Not to be opened before all is answered.
- table `design`: how the sample was drawn.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray

from geocity.core.classes import ClassTable, Color, LandClass
from geocity.core.grid import Grid
from geocity.core.reference_draw import DrawnCells
from geocity.errors import InputError
from geocity.io.geopackage_styles import Provenance, embed_provenance, embed_style
from geocity.io.geopackages import collect_layers
from geocity.io.reference_forms import (
    CANNOT_TELL,
    POINT_FIELDS,
    sample_cells_qml,
    sample_points_qml,
)
from geocity.io.staging import PathLike, Stage
from geocity.io.vector_layers import Batch, Layer, write_batches

POINTS, CELLS, STRATA, ANSWER_KEY, DESIGN = "points", "cells", "strata", "answer_key", "design"

_HOW_TO = (
    "Look at each point in the imagery of the date of the map and say what the cell is (layer "
    f"cells). Answer {CANNOT_TELL!r} where it cannot be seen. Work through the points by their "
    "number; their order is random. The map itself should be switched off."
)


@dataclass(frozen=True, slots=True, eq=False)
class SampleDesign:
    """How a sample was drawn; arrays go with the classes.

    Attributes:
        classes: of the map; each is a stratum.
        cells: of each class.
        area_m2: of each class.
        units: sample units of each class.
        about: further facts by name: source, date, seed, allocation …
    """

    classes: ClassTable
    cells: NDArray[np.int64]
    area_m2: NDArray[np.float64]
    units: NDArray[np.int64]
    about: Mapping[str, str]


class _PointLayer(Layer):
    """A layer of points."""

    @property
    def geometry_type(self) -> str:
        return "Point"


def write_sample(
    out: PathLike,
    design: SampleDesign,
    grid: Grid,
    drawn: DrawnCells,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a sample with its form.

    Args:
        out: the .gpkg to make.
        design: how it was drawn.
        grid: of the raster.
        drawn: the cells in the order in which they are to be looked at.
        overwrite: replace what is there.

    Returns:
        The path of the file.

    Raises:
        InputError: if the name does not end in .gpkg.
    """
    path = Path(out)
    numbers = np.arange(1, len(drawn) + 1, dtype=np.int32)
    looks = {POINTS: sample_points_qml(design.classes), CELLS: sample_cells_qml()}
    blank: list[None] = [None] * len(drawn)
    columns: dict[str, dict[str, Any]] = {
        POINTS: {
            "point": numbers,
            "reference": blank,
            "confidence": blank,
            "note": blank,
            "checked": np.zeros(len(drawn), np.int32),
        },
        CELLS: {"point": numbers},
    }
    key = pd.DataFrame(
        {"point": numbers, "mapped": drawn.mapped, "row": drawn.rows, "col": drawn.cols}
    )

    def tables(target: Path) -> None:
        for name, table in {
            STRATA: _strata(design),
            ANSWER_KEY: key.astype("int32"),
            DESIGN: pd.DataFrame({"key": list(design.about), "value": [*design.about.values()]}),
        }.items():
            pyogrio.write_dataframe(table, target, layer=name, driver="GPKG")

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}_") as folder:
        sources = {}
        for layer in _layers(grid, design):

            def dress(stage: Stage, layer: Layer = layer) -> None:
                embed_style(stage.path, layer.name, looks[layer.name])
                told = Provenance(layer.title, layer.description, (design.about["history"],))
                embed_provenance(stage.path, layer.name, told)

            batch: Batch = (_shapes(layer.name, grid, drawn), columns[layer.name])
            part = Path(folder) / f"{layer.name}.gpkg"
            sources[layer.name] = write_batches(part, layer, [batch], dress=dress)
        return collect_layers(sources, out=path, overwrite=overwrite, add=tables)


def _layers(grid: Grid, design: SampleDesign) -> tuple[Layer, Layer]:
    title = f"Reference sample of {design.about['source']}"
    kinds = dict.fromkeys(POINT_FIELDS, "text") | {"point": "integer", "checked": "integer"}
    return (
        _PointLayer(POINTS, grid.crs, kinds, title=title, description=_HOW_TO),
        Layer(CELLS, grid.crs, {"point": "integer"}, title=f"{title}: cells"),
    )


def _shapes(layer: str, grid: Grid, drawn: DrawnCells) -> NDArray[np.object_]:
    # Affine multiplies arrays of coordinates too, which its types do not say.
    t: Any = grid.transform
    if layer == POINTS:
        x, y = t @ (drawn.cols + 0.5, drawn.rows + 0.5)
        return np.asarray(shapely.points(x, y), dtype=object)
    left, top = t @ (drawn.cols, drawn.rows)
    right, bottom = t @ (drawn.cols + 1, drawn.rows + 1)
    return np.asarray(shapely.box(left, bottom, right, top), dtype=object)


def _strata(design: SampleDesign) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "value": np.array(design.classes.values, np.int32),
            "class": list(design.classes.names),
            "color": ["#{:02x}{:02x}{:02x}".format(*c.color) for c in design.classes],
            "cells": design.cells,
            "area_m2": design.area_m2,
            "units": design.units.astype(np.int32),
        }
    )


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredSample:
    """A sample as it came back; arrays go with the points, by rising number.

    Attributes:
        design: how it was drawn.
        drawn: the cells, with what is mapped there.
        reference: position of the answer among the classes; -1 where there is none.
    """

    design: SampleDesign
    drawn: DrawnCells
    reference: NDArray[np.int64]

    @property
    def mapped(self) -> NDArray[np.int64]:
        """Return the position of the mapped class among the classes."""
        return np.searchsorted(self.design.classes.values, self.drawn.mapped)


def read_sample(path: PathLike) -> AnsweredSample:
    """Read a sample that an interpreter filled in.

    Raises:
        InputError: if it is no such file, if points were added or removed, or if an answer is none
            of the classes.
    """
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist; check the name and the folder.")
    try:
        names = {str(name) for name, _ in pyogrio.list_layers(path)}
    except pyogrio.errors.DataSourceError as error:
        raise InputError(f"{path} cannot be read as a GeoPackage; is it complete?") from error
    missing = {POINTS, STRATA, ANSWER_KEY, DESIGN} - names
    if missing:
        raise InputError(
            f"{path} has no {' and no '.join(sorted(missing))}; give the GeoPackage that geocity "
            "assess sample wrote and an interpreter filled in, not an export of it."
        )
    design = _read_design(path)
    key = _table(path, ANSWER_KEY).sort_values("point").reset_index(drop=True)
    points = _table(path, POINTS).sort_values("point").reset_index(drop=True)
    _refuse_other_points(path, points["point"], key["point"])
    drawn = DrawnCells(
        key["row"].to_numpy(np.int64), key["col"].to_numpy(np.int64), key["mapped"].to_numpy("u1")
    )
    return AnsweredSample(design, drawn, _answers(path, points["reference"], design.classes))


def _table(path: PathLike, layer: str) -> pd.DataFrame:
    table: pd.DataFrame = pyogrio.read_dataframe(path, layer=layer, read_geometry=False)
    return table


def _read_design(path: PathLike) -> SampleDesign:
    strata = _table(path, STRATA)
    facts = _table(path, DESIGN)
    colors: list[Color] = [
        (int(c[1:3], 16), int(c[3:5], 16), int(c[5:7], 16)) for c in strata["color"]
    ]
    table = ClassTable.of(
        [
            LandClass(int(value), str(name), color)
            for value, name, color in zip(strata["value"], strata["class"], colors, strict=True)
        ]
    )
    return SampleDesign(
        table,
        strata["cells"].to_numpy(np.int64),
        strata["area_m2"].to_numpy(np.float64),
        strata["units"].to_numpy(np.int64),
        {str(k): str(v) for k, v in zip(facts["key"], facts["value"], strict=True)},
    )


def _refuse_other_points(path: PathLike, found: Any, drawn: Any) -> None:
    gone = set(drawn) - set(found)
    added = len(found) - len(set(found) & set(drawn))
    if gone or added:
        what = [f"{len(gone)} of its {len(drawn)} points are gone"] if gone else []
        what += [f"{added} points were added"] if added else []
        raise InputError(
            f"{path} is not the sample that was drawn: {' and '.join(what)}. Chosen points are no "
            f"random sample; put back what was drawn, and answer {CANNOT_TELL!r} where nothing can "
            "be seen."
        )


def _answers(path: PathLike, reference: Any, classes: ClassTable) -> NDArray[np.int64]:
    known = {name.casefold(): index for index, name in enumerate(classes.names)}
    known = {str(value): i for i, value in enumerate(classes.values)} | known
    known |= {"": -1, CANNOT_TELL: -1}
    texts = ["" if pd.isna(v) else str(v).strip().casefold() for v in reference]
    strange = sorted({text for text in texts if text not in known})
    if strange:
        count = sum(text in strange for text in texts)
        raise InputError(
            f"{count} answers of {path} are no class of the map ({', '.join(strange[:5])}); choose "
            f"among {', '.join(classes.names)} and {CANNOT_TELL!r}."
        )
    return np.array([known[text] for text in texts], dtype=np.int64)
