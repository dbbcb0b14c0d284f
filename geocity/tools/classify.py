"""Classify a scene with a model: imagery in, class raster out."""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geocity.core.progress import Progress
from geocity.engine.finish import counts_of, pieces_of
from geocity.engine.plan import PART_SIDE, Part, plan_parts
from geocity.engine.run import WorkOptions, executor_for, run_parts, tell_what_stays
from geocity.engine.store import PartStore, parts_folder
from geocity.errors import InputError
from geocity.io.alpha_bands import warn_of_mistaken_alpha
from geocity.io.model_packages import read_model
from geocity.io.part_rasters import class_raster_of_parts, probability_raster_of_parts
from geocity.io.rasters import open_scene
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.classify_options import ClassifyOptions, check_options
from geocity.tools.classify_parts import CLASSES, PROBABILITIES, ClassifyJob
from geocity.tools.classify_plan import ScenePlan, chosen_classes, layout_of, plan_scene, provenance

__all__ = ["ClassifyOptions", "classify", "layout_of"]

logger = logging.getLogger(__name__)


def classify(
    scene: PathLike,
    *,
    model: PathLike,
    out: PathLike,
    probability: PathLike | None = None,
    probability_classes: Sequence[str] = (),
    options: ClassifyOptions | None = None,
    overwrite: bool = False,
    work: WorkOptions | None = None,
    progress: Progress | None = None,
) -> Path:
    """Classify every pixel of a scene, with one result without seams over all of it.

    The scene is read, run and written as a stream: memory does not grow with it. Bands, number
    type, values and cell size are checked against the model first. Pixels without data (nodata,
    alpha, mask) come out as nodata. What is done is kept in parts beside the result until it is
    whole, so that a run that was stopped goes on where it was; the result is the same whoever
    computes it.

    Args:
        scene: the imagery.
        model: a model file that `train` wrote.
        out: the class raster to write (GeoTIFF).
        probability: also write the probabilities of classes, one band each, to this GeoTIFF.
        probability_classes: names of these classes; all but background by default.
        options: how.
        overwrite: replace results that are there.
        work: by whom, and which part of it.
        progress: hears of every tile; of every part where others do the work.

    Returns:
        The path of the class raster; of the folder of parts where `work` leaves some to others.

    Raises:
        InputError: if the scene or an option does not fit the model.
        NoOverlapError: if the area asked for does not meet the scene.
        ModelError: if the model cannot be used.
        OutputExistsError: if a result is there already.
        WorkError: if parts could not be done.
    """
    options, work = options or ClassifyOptions(), work or WorkOptions()
    check_options(options)
    for result in (out, probability):
        if result is not None:
            fresh_output(result, overwrite=overwrite)
    package = read_model(model)
    chosen = chosen_classes(package.contract, probability_classes)
    warn_of_mistaken_alpha(scene)
    with open_scene(scene) as stored:
        plan = plan_scene(stored, package, options)
    job = ClassifyJob(_anywhere(plan), chosen if probability is not None else ())
    parts = plan_parts(plan.layout.region.shape, PART_SIDE)
    with executor_for(work) as executor:
        engine = executor.ask(job.engine)
        store = PartStore(parts_folder(Path(out).absolute()), job.fingerprint(engine))
        complete = run_parts(job, parts, store, work=work, progress=progress, executor=executor)
    if not complete or (work.part_range is not None and not store.claim()):
        return store.folder
    tags = provenance(plan, engine, out)
    _refuse_changed_source(job, engine, store)
    with _given_up_on_error(store, parts):
        _put_together(job, parts, store, Results(Path(out), probability, overwrite, tags))
    store.remove()
    return Path(out)


@dataclass(frozen=True)
class Results:
    """The rasters to make of parts.

    Attributes:
        classes: the class raster.
        probability: the probability raster, if one is wanted.
        overwrite: whether they may replace others.
        tags: what they say about how they were made.
    """

    classes: Path
    probability: PathLike | None
    overwrite: bool
    tags: Mapping[str, str]


def _anywhere(plan: ScenePlan) -> ScenePlan:
    """Return a plan that holds wherever it is carried out: with absolute paths."""
    scene, package = plan.scene, plan.package
    if scene.exists():
        scene = scene.absolute()
    return replace(plan, scene=scene, package=replace(package, path=package.path.absolute()))


def _refuse_changed_source(job: ClassifyJob, engine: str, store: PartStore) -> None:
    if job.fingerprint(engine) != store.fingerprint:
        store.disclaim()
        raise InputError(
            f"{job.plan.scene.name} was changed while it was being classified; run the same "
            "command again, and all of it is computed anew."
        )


def _put_together(
    job: ClassifyJob, parts: Sequence[Part], store: PartStore, results: Results
) -> None:
    """Make the rasters of the parts; they appear together."""
    grid, table = job.plan.layout.out_grid, job.plan.package.contract.classes
    counts = counts_of(store, parts)
    overwrite, tags = results.overwrite, results.tags
    with contextlib.ExitStack() as stack:
        pieces = pieces_of(store, parts, CLASSES)
        raster = class_raster_of_parts(
            results.classes, pieces, grid, table, counts, overwrite=overwrite, tags=tags
        )
        stack.enter_context(raster)
        if results.probability is not None:
            pieces = pieces_of(store, parts, PROBABILITIES)
            names = [table.names[i] for i in job.chosen]
            raster = probability_raster_of_parts(
                results.probability, pieces, grid, names, overwrite=overwrite, tags=tags
            )
            stack.enter_context(raster)
    _tell(counts, job.plan)


@contextlib.contextmanager
def _given_up_on_error(store: PartStore, parts: Sequence[Part]) -> Iterator[None]:
    """Let another process make the result if this one cannot, and say what stays."""
    try:
        yield
    except BaseException:
        store.disclaim()
        tell_what_stays(parts, store)
        raise


def _tell(counts: NDArray[np.int64], plan: ScenePlan) -> None:
    table, grid = plan.package.contract.classes, plan.layout.out_grid
    seen = int(sum(counts[v] for v in table.values))
    if seen == 0:
        logger.warning("No pixel of %s holds data there: the result is empty.", plan.scene)
        return
    for land_class in table:
        hectares = counts[land_class.value] * grid.cell_area_m2 / 10_000
        share = counts[land_class.value] / seen
        logger.info("%s: %.1f ha, %.1f %%", land_class.name, hectares, 100 * share)
