"""The map of an identified image: rasters at patch stride, and the patches as polygons."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.classes import ClassTable
from geocity.core.grid import Grid, Window
from geocity.io.cities.measure_rasters import MeasureSink, create_measure_raster
from geocity.io.class_raster_sinks import ClassRasterSink, create_class_raster
from geocity.io.geopackage_styles import Provenance, embed_provenance, embed_style
from geocity.io.markup import node
from geocity.io.qml import FillLook, categorized, field_aliases, temporal_field, vector_document
from geocity.io.staging import Stage
from geocity.io.vector_layers import Layer

CITY_TIF = "city.tif"
PROBABILITY_TIF = "probability.tif"
ENTROPY_TIF = "entropy.tif"
PATCHES_GPKG = "patches.gpkg"
LAYER = "patches"

FIELDS: Mapping[str, str] = {
    "city": "City",
    "name": "Name",
    "prob": "Probability",
    "second": "Second city",
    "prob_2": "Its probability",
    "entropy": "Entropy (0 sure, 1 undecided)",
    "energy": "Energy (low: unknown city)",
    "unknown": "Probably an unknown city",
    "like": "Likeness to the chosen city",
}
"""The fields of patches and what people read instead of their short names."""

_TEXTS = ("city", "name", "second")


@dataclass(frozen=True, eq=False)
class MapPlan:
    """What a map is made of.

    Attributes:
        folder: where it goes; it is there already.
        grid: of the cells.
        classes: cities as classes, the unknown one last where there is one.
        like: code of the city whose likes are looked for; None for none.
        title: for people.
        tags: provenance, kept in every file.
    """

    folder: Path
    grid: Grid
    classes: ClassTable
    like: str | None
    title: str
    tags: Mapping[str, str]

    @property
    def like_tif(self) -> Path:
        """Return where the likeness goes."""
        return self.folder / f"like_{self.like}.tif"


@dataclass(frozen=True, eq=False)
class MapSinks:
    """Take the rows of all rasters of a map."""

    city: ClassRasterSink
    probability: MeasureSink
    entropy: MeasureSink
    like: MeasureSink | None

    def write_row(
        self,
        row: int,
        city: NDArray[np.uint8],
        probability: NDArray[np.floating],
        entropy: NDArray[np.floating],
        like: NDArray[np.floating] | None,
    ) -> None:
        """Write one row of cells, each (cols,); nodata is 255 for the city and NaN elsewhere."""
        self.city.write(city[None], Window(row, 0, 1, len(city)))
        self.probability.write_row(row, probability)
        self.entropy.write_row(row, entropy)
        if self.like is not None and like is not None:
            self.like.write_row(row, like)


@contextlib.contextmanager
def create_city_map(plan: MapPlan) -> Iterator[MapSinks]:
    """Write the rasters of a map as a stream: city, probability, entropy, and likeness if asked."""
    folder, grid, tags = plan.folder, plan.grid, plan.tags
    with contextlib.ExitStack() as stack:
        city = create_class_raster(folder / CITY_TIF, grid, plan.classes, tags=tags)
        measures = {PROBABILITY_TIF: "probability", ENTROPY_TIF: "entropy"}
        rasters = [
            create_measure_raster(folder / file, grid, name, (0, 1), tags)
            for file, name in measures.items()
        ]
        like = None
        if plan.like is not None:
            name = f"like {plan.like}"
            like = stack.enter_context(
                create_measure_raster(plan.like_tif, grid, name, (-1, 1), tags)
            )
        probability, entropy = (stack.enter_context(raster) for raster in rasters)
        yield MapSinks(stack.enter_context(city), probability, entropy, like)


def patch_layer(plan: MapPlan) -> Layer:
    """Return the layer of patches; they overlap where patches do."""
    named = {name: "text" if name in _TEXTS else "number" for name in FIELDS} | {
        "unknown": "integer"
    }
    if plan.like is None:
        del named["like"]
    return Layer(
        name=LAYER,
        crs=plan.grid.crs,
        fields=named,
        title=plan.title,
        description="Each patch with the city it was taken for; patches overlap.",
    )


def dress_patches(stage: Stage, plan: MapPlan) -> None:
    """Put the style and the provenance of patches into their GeoPackage."""
    embed_style(stage.path, LAYER, patches_qml(plan))
    history = tuple(plan.tags.get("GEOCITY_HISTORY", "").splitlines())
    embed_provenance(stage.path, LAYER, Provenance(plan.title, history=history))


def patches_qml(plan: MapPlan) -> str:
    """Return the style of patches, coloured by the name of the city."""
    looks: list[tuple[str, str, FillLook]] = []
    for land_class in plan.classes:
        look = FillLook((*land_class.color, 90), (*land_class.color, 255), 0.2)
        looks.append((land_class.name, land_class.name, look))
    shown = {name: title for name, title in FIELDS.items() if name != "like" or plan.like}
    tip = '<b>[% "name" %]</b> [% format_number("prob" * 100, 0) %] %'
    children: list[Any] = [
        temporal_field(None),
        field_aliases(shown),
        node("previewExpression", text='"name"'),
        node("mapTip", text=tip),
    ]
    return vector_document(categorized("name", looks), *children)
