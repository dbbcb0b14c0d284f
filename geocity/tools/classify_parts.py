"""Parts of a scene classified, in whichever process: the job of `classify` for the engine."""

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import geocity
from geocity.core.grid import Grid, Window
from geocity.core.layout import Layout
from geocity.core.progress import Progress
from geocity.engine.finish import counted
from geocity.engine.gathering import Gathering
from geocity.engine.job import fingerprint, kept
from geocity.engine.plan import Part, span_window
from geocity.engine.store import PartStore, Write
from geocity.io.gdal_cache import limited_cache
from geocity.io.part_rasters import write_class_part, write_part_raster
from geocity.io.rasters import open_scene
from geocity.io.scene_tiles import SceneTiles
from geocity.io.source_files import raster_facts
from geocity.tools.classify_plan import ScenePlan, thresholds_of

if TYPE_CHECKING:
    from geocity.models.classification import Outputs
    from geocity.models.engines import Engine
    from geocity.models.tile_inference import Run, TileSource

CLASSES = "classes.tif"
PROBABILITIES = "probabilities.tif"


@dataclass(frozen=True)
class ClassifyJob:
    """The classification of a scene, for any process to do a piece of.

    Attributes:
        plan: the scene, the model and how, with absolute paths.
        chosen: positions of the classes whose probabilities are kept; none if empty.
    """

    plan: ScenePlan
    chosen: tuple[int, ...]

    stage = "Classifying"

    def engine(self) -> str:
        """Return name and version of what runs the model in this process."""
        engine = self._engine()
        return f"{engine.name}, {engine.version}"

    def fingerprint(self, engine: str) -> str:
        """Return the hash of all that the result depends on, as things are now."""
        plan = self.plan
        layout, options = plan.layout, plan.options
        return fingerprint(
            "classify",
            geocity.__version__,
            engine,
            raster_facts(plan.scene),
            plan.package.contract.to_json(),
            plan.bands,
            [layout.work, layout.target, layout.region, layout.plan],
            layout.area.wkb if layout.area is not None else None,
            replace(options, aoi=None),
            self.chosen,
        )

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Classify the parts of a span as one stream and save each when it is whole."""
        from geocity.models.classification import Outputs

        layout = _layout_of_span(self.plan.layout, span)
        rasters = {CLASSES: 1}
        if self.chosen:
            rasters[PROBABILITIES] = len(self.chosen)
        gathering = Gathering(span, rasters)
        outputs = Outputs(
            classes=partial(gathering.add, CLASSES),
            probabilities=partial(gathering.add, PROBABILITIES) if self.chosen else None,
            chosen=self.chosen,
            thresholds=thresholds_of(self.plan.options, self.plan.package.contract),
        )
        with (
            limited_cache(self.plan.cache_bytes),
            contextlib.closing(self._stream(layout, outputs)) as steps,
        ):
            for done, total in steps:
                for part, values in gathering.whole():
                    _save(part, values, store, self.plan.layout.out_grid)
                    yield part
                hear(done, total, self.stage)

    def _engine(self) -> "Engine":
        from geocity.models import engines

        package, side = self.plan.package, self.plan.layout.plan.tile
        options = self.plan.options
        key = fingerprint(
            package.path, package.contract.to_json(), side, options.device, options.engine
        )

        def make() -> "Engine":
            return engines.make_engine(package, side, device=options.device, engine=options.engine)

        return kept(key, make)

    def _stream(self, layout: Layout, outputs: "Outputs") -> Generator[tuple[int, int], None, None]:
        from geocity.models.classification import classify_region

        engine, plan = self._engine(), self.plan
        with open_scene(plan.scene) as scene:

            def valid_mask(window: Window) -> NDArray[np.bool_]:
                return scene.read(window, plan.bands)[1]

            yield from classify_region(
                lambda: _open_tiles(plan, engine),
                layout,
                self._tiles_run(engine),
                outputs,
                blend=plan.options.blend,
                valid_mask=valid_mask,
            )

    def _tiles_run(self, engine: "Engine") -> "Run":
        from geocity.models.tile_inference import Run

        options = self.plan.options
        return Run(
            engine=engine,
            contract=self.plan.package.contract,
            batch=options.batch_size or engine.default_batch,
            tta=options.tta,
            asked=self.plan.layout.asks_for,
        )


def _layout_of_span(layout: Layout, span: Sequence[Part]) -> Layout:
    """Return the layout of a span's pixels; its tiles are those of the whole."""
    return replace(layout, region=span_window(span).shift(layout.region.row, layout.region.col))


def _save(
    part: Part, values: Mapping[str, NDArray[np.uint8]], store: PartStore, grid: Grid
) -> None:
    classes = values[CLASSES][0]
    files: dict[str, Write] = {CLASSES: partial(write_class_part, values=classes)}
    if PROBABILITIES in values:
        chances, here = values[PROBABILITIES], grid[part.window]
        files[PROBABILITIES] = partial(write_part_raster, values=chances, grid=here)
    store.save(part, files, counted(classes))


def _open_tiles(plan: ScenePlan, engine: "Engine") -> "TileSource":
    """Open the scene for the thread that reads it: through TorchGeo where torch runs the network.

    Elsewhere torch is not even imported: that keeps a gigabyte free.
    """
    cell_size_m = plan.layout.cell_size_m
    if engine.name.startswith("torch"):
        from geocity.data.scene_tiles import DatasetTiles

        names = plan.band_names
        return DatasetTiles(plan.scene, plan.layout.plan, bands=names, cell_size_m=cell_size_m)
    return SceneTiles(open_scene(plan.scene, cell_size_m=cell_size_m), plan.bands)
