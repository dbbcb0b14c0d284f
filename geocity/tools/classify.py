"""Classify a scene with a model: imagery in, class raster out."""

import contextlib
import json
import logging
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import geocity
from geocity.core.findings import Finding
from geocity.core.grid import Bounds, Window
from geocity.core.layout import Layout, lay_out
from geocity.core.model_contract import ModelContract
from geocity.core.progress import Progress, silent
from geocity.core.scene_fit import SceneFacts, bands_to_read, scene_fit
from geocity.errors import BandMismatchError, ClassTableError, InputError
from geocity.io.class_rasters import create_class_raster, create_probability_raster
from geocity.io.gdal_cache import cache_bytes, limited_cache
from geocity.io.history import with_step
from geocity.io.label_layers import read_area
from geocity.io.model_packages import ModelPackage, read_model
from geocity.io.rasters import Scene, open_scene
from geocity.io.scene_facts import scene_facts
from geocity.io.scene_tiles import SceneTiles
from geocity.io.staging import PathLike, fresh_output

if TYPE_CHECKING:
    from geocity.models.classification import Outputs
    from geocity.models.engines import Engine
    from geocity.models.tile_inference import TileSource

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClassifyOptions:
    """How a scene is classified.

    Attributes:
        tile_size: side of a tile in pixels; the model's own by default.
        padding: pixels of context around a tile's kept centre; the model's own by default.
        batch_size: tiles at a time; by default what suits the engine.
        blend: fade neighbouring tiles into each other. Without it each pixel comes from the tile
            whose centre it lies in, as in ArcGIS.
        cell_size_m: work and write at this cell size, instead of working at the model's and
            writing on the scene's grid.
        aoi: polygons; outside of them the result is nodata, and work is spared.
        bbox: (west, south, east, north) in the scene's CRS; the result is cut to it.
        tta: average the answers to the eight turns and flips of each tile; eight times the work.
        threshold: lowest probability at which a class other than background is given, instead
            of the model's own rule.
        device: ``auto``, ``cpu`` or ``cuda``.
        engine: ``auto``, ``openvino`` or ``torch``.
    """

    tile_size: int | None = None
    padding: int | None = None
    batch_size: int | None = None
    blend: bool = True
    cell_size_m: float | None = None
    aoi: PathLike | None = None
    bbox: Bounds | None = None
    tta: bool = False
    threshold: float | None = None
    device: str = "auto"
    engine: str = "auto"


def classify(
    scene: PathLike,
    *,
    model: PathLike,
    out: PathLike,
    probability: PathLike | None = None,
    probability_classes: Sequence[str] = (),
    options: ClassifyOptions | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Classify every pixel of a scene, with one result without seams over all of it.

    The scene is read, run and written as a stream: memory does not grow with it. Bands, number
    type, values and cell size are checked against the model first. Pixels without data (nodata,
    alpha, mask) come out as nodata.

    Args:
        scene: the imagery.
        model: a model file that `train` wrote.
        out: the class raster to write (GeoTIFF).
        probability: also write the probabilities of classes, one band each, to this GeoTIFF.
        probability_classes: names of these classes; all but background by default.
        options: how.
        overwrite: replace results that are there.
        progress: hears of every tile.

    Returns:
        The path of the class raster.

    Raises:
        InputError: if the scene or an option does not fit the model.
        NoOverlapError: if the area asked for does not meet the scene.
        ModelError: if the model cannot be used.
        OutputExistsError: if a result is there already.
    """
    from geocity.models import engines
    from geocity.models.classification import Outputs

    options = options or ClassifyOptions()
    _check(options)
    for result in (out, probability):
        if result is not None:
            fresh_output(result, overwrite=overwrite)
    package = read_model(model)
    table = package.contract.classes
    chosen = chosen_classes(package.contract, probability_classes)
    with open_scene(scene) as stored:
        job = _prepare(stored, package, options)
        size = cache_bytes(stored, job.layout.plan.tile)
    side = job.layout.plan.tile
    engine = engines.make_engine(package, side, device=options.device, engine=options.engine)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(engine))
        stack.enter_context(limited_cache(size))
        tags = provenance(job, engine, out)
        grid, chances = job.layout.out_grid, None
        classes = stack.enter_context(
            create_class_raster(out, grid, table, overwrite=overwrite, tags=tags)
        )
        if probability is not None:
            names = [table.names[i] for i in chosen]
            chances = stack.enter_context(
                create_probability_raster(probability, grid, names, overwrite=overwrite, tags=tags)
            )
        thresholds = _thresholds(options, package.contract)
        _run(job, engine, Outputs(classes, chances, chosen, thresholds), progress or silent)
        _tell(classes.counts, job)
    return Path(out)


@dataclass(frozen=True)
class Job:
    """A scene and a model that go together.

    Attributes:
        scene: path of the scene.
        date: when it was taken, as text; empty where nobody knows.
        package: the model.
        options: how.
        bands: 0-based positions of the model's bands in the scene.
        band_names: their names in the scene.
        layout: where the work happens and where the result lies.
    """

    scene: Path
    date: str
    package: ModelPackage
    options: ClassifyOptions
    bands: tuple[int, ...]
    band_names: tuple[str, ...]
    layout: Layout


def _check(options: ClassifyOptions) -> None:
    if options.threshold is not None and not 0 <= options.threshold <= 1:
        raise InputError(f"A threshold of {options.threshold} was given; it lies within 0 and 1.")
    if options.batch_size is not None and options.batch_size < 1:
        raise InputError(f"A batch of {options.batch_size} tiles was given; give 1 or more.")


def _prepare(stored: Scene, package: ModelPackage, options: ClassifyOptions) -> Job:
    """Check a scene against a model and lay out the work."""
    contract = package.contract
    facts = scene_facts(stored)
    if options.cell_size_m is not None:
        facts = replace(facts, cell_size_m=options.cell_size_m)
    bands = _fitting_bands(facts, contract)
    return Job(
        scene=stored.path,
        date=stored.date.isoformat() if stored.date else "",
        package=package,
        options=options,
        bands=bands,
        band_names=tuple(stored.band_names[b] for b in bands),
        layout=layout_of(stored, contract, options),
    )


def layout_of(stored: Scene, contract: ModelContract, options: ClassifyOptions) -> Layout:
    """Lay out the classification of an open scene.

    Raises:
        InputError: if an option makes no sense.
        NoOverlapError: if the area asked for misses the scene.
    """
    grid = stored.grid
    return lay_out(
        grid,
        model_cell_m=contract.cell_size_m,
        tile=contract.tile_size if options.tile_size is None else options.tile_size,
        padding=contract.padding if options.padding is None else options.padding,
        cell_size_m=options.cell_size_m,
        bbox=options.bbox,
        area=read_area(options.aoi, grid.crs) if options.aoi is not None else None,
    )


def _fitting_bands(facts: SceneFacts, contract: ModelContract) -> tuple[int, ...]:
    """Refuse a scene that does not fit, say what is noteworthy of one that does."""
    for finding in scene_fit(facts, contract):
        if finding.level == "error":
            raise _refusal(finding)
        if finding.level == "warning":
            logger.warning("%s", finding.sentence)
        elif finding.level == "note":
            logger.info("%s", finding.sentence)
    bands = bands_to_read(facts.bands, contract.bands)
    if bands is None:
        raise BandMismatchError(f"{facts.name} lacks bands of the model.")
    return bands


def _refusal(finding: Finding) -> InputError:
    kind = BandMismatchError if finding.topic == "bands" else InputError
    return kind(finding.sentence)


def chosen_classes(contract: ModelContract, names: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of the classes whose probabilities are written.

    Raises:
        ClassTableError: if the model has no such class.
    """
    table = contract.classes
    if not names:
        return tuple(i for i, value in enumerate(table.values) if value != 0 or len(table) == 1)
    known = [name.casefold() for name in table.names]
    for name in names:
        if name.casefold() not in known:
            raise ClassTableError(
                f"The model has no class {name!r}; it has {', '.join(table.names)}."
            )
    return tuple(known.index(name.casefold()) for name in names)


def _thresholds(options: ClassifyOptions, contract: ModelContract) -> tuple[float, ...] | None:
    if options.threshold is None:
        return contract.thresholds
    return (options.threshold,) * len(contract.classes)


def _run(job: Job, engine: "Engine", outputs: "Outputs", progress: Progress) -> None:
    from geocity.models.classification import classify_region
    from geocity.models.tile_inference import Run

    options, layout = job.options, job.layout
    run = Run(
        engine=engine,
        contract=job.package.contract,
        batch=options.batch_size or engine.default_batch,
        tta=options.tta,
        asked=layout.asks_for,
    )
    with open_scene(job.scene) as scene:

        def valid_mask(window: Window) -> NDArray[np.bool_]:
            return scene.read(window, job.bands)[1]

        ran = classify_region(
            lambda: _open_tiles(job, engine),
            layout,
            run,
            outputs,
            blend=options.blend,
            valid_mask=valid_mask,
            progress=progress,
        )
    logger.info("%d tiles of %d pixels went through %s.", ran, layout.plan.tile, engine.name)


def _open_tiles(job: Job, engine: "Engine") -> "TileSource":
    """Open the scene for the thread that reads it: through TorchGeo where torch runs the network.

    Elsewhere torch is not even imported: that keeps a gigabyte free.
    """
    cell_size_m = job.layout.cell_size_m
    if engine.name.startswith("torch"):
        from geocity.data.scene_tiles import DatasetTiles

        plan, names = job.layout.plan, job.band_names
        return DatasetTiles(job.scene, plan, bands=names, cell_size_m=cell_size_m)
    return SceneTiles(open_scene(job.scene, cell_size_m=cell_size_m), job.bands)


def provenance(job: Job, engine: "Engine", out: PathLike) -> dict[str, str]:
    """Return what a result says about how it was made; the same input says the same."""
    model, contract = job.package.path, job.package.contract
    told = {k: v for k, v in asdict(job.options).items() if v is not None}
    plan = job.layout.plan
    told |= {"tile_size": plan.tile, "padding": plan.padding}
    command = ["geocity", "classify", str(job.scene), "-m", str(model), "-o", str(out)]
    command += _options_as_typed(job.options)
    tags = {
        "GEOCITY_SOURCE": job.scene.name,
        "GEOCITY_MODEL": model.name,
        "GEOCITY_MODEL_SHA256": contract.weights_sha256,
        "GEOCITY_OPTIONS": json.dumps(told, default=str, sort_keys=True),
        "GEOCITY_ENGINE": f"{engine.name}, {engine.version}",
        "GEOCITY_VERSION": geocity.__version__,
        "GEOCITY_COMMAND": shlex.join(command),
    }
    if job.date:
        tags["ACQUISITION_DATE"] = job.date
    return with_step(tags, f"classify: {job.scene.name} with {model.name} ({contract.model_id})")


def _options_as_typed(options: ClassifyOptions) -> list[str]:
    typed = []
    for option in fields(options):
        value = getattr(options, option.name)
        if value == option.default:
            continue
        name = option.name.removesuffix("_m").replace("_", "-")
        if isinstance(value, bool):
            typed.append(f"--{name}" if value else f"--no-{name}")
        else:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            typed += [f"--{name}", text]
    return typed


def _tell(counts: NDArray[np.int64], job: Job) -> None:
    table, grid = job.package.contract.classes, job.layout.out_grid
    seen = int(sum(counts[v] for v in table.values))
    if seen == 0:
        logger.warning("No pixel of %s holds data there: the result is empty.", job.scene)
        return
    for land_class in table:
        hectares = counts[land_class.value] * grid.cell_area_m2 / 10_000
        share = counts[land_class.value] / seen
        logger.info("%s: %.1f ha, %.1f %%", land_class.name, hectares, 100 * share)
