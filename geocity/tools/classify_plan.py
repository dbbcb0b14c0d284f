"""A scene and a model that go together: checked against each other, and the work laid out."""

import json
import logging
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import geocity
from geocity.core.findings import Finding
from geocity.core.layout import Layout, lay_out
from geocity.core.model_contract import ModelContract
from geocity.core.scene_fit import SceneFacts, bands_to_read, scene_fit
from geocity.errors import BandMismatchError, ClassTableError, InputError
from geocity.io.gdal_cache import cache_bytes
from geocity.io.history import with_step
from geocity.io.label_layers import read_area
from geocity.io.model_packages import ModelPackage
from geocity.io.rasters import Scene
from geocity.io.run_records import describe
from geocity.io.scene_facts import scene_facts
from geocity.io.staging import PathLike
from geocity.tools.classify_options import ClassifyOptions, options_as_typed

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScenePlan:
    """A scene and a model that go together.

    Attributes:
        scene: path of the scene.
        date: when it was taken, as text; empty where nobody knows.
        package: the model.
        options: how.
        bands: 0-based positions of the model's bands in the scene.
        band_names: their names in the scene.
        layout: where the work happens and where the result lies.
        cache_bytes: what GDAL may keep of the scene while it is read.
    """

    scene: Path
    date: str
    package: ModelPackage
    options: ClassifyOptions
    bands: tuple[int, ...]
    band_names: tuple[str, ...]
    layout: Layout
    cache_bytes: int


def plan_scene(stored: Scene, package: ModelPackage, options: ClassifyOptions) -> ScenePlan:
    """Check a scene against a model and lay out the work.

    Raises:
        InputError: if the scene or an option does not fit the model.
        NoOverlapError: if the area asked for misses the scene.
    """
    contract = package.contract
    facts = scene_facts(stored)
    if options.cell_size_m is not None:
        facts = replace(facts, cell_size_m=options.cell_size_m)
    bands = _fitting_bands(facts, contract)
    layout = layout_of(stored, contract, options)
    return ScenePlan(
        scene=stored.path,
        date=stored.date.isoformat() if stored.date else "",
        package=package,
        options=options,
        bands=bands,
        band_names=tuple(stored.band_names[b] for b in bands),
        layout=layout,
        cache_bytes=cache_bytes(stored, layout.plan.tile),
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


def thresholds_of(options: ClassifyOptions, contract: ModelContract) -> tuple[float, ...] | None:
    """Return the lowest probability of each class, for `geocity.core.probabilities.decide`."""
    if options.threshold is None:
        return contract.thresholds
    return (options.threshold,) * len(contract.classes)


def provenance(plan: ScenePlan, engine: str, out: PathLike) -> dict[str, str]:
    """Return what a result says about how it was made; the same input says the same.

    Args:
        plan: what was done.
        engine: name and version of what ran the model.
        out: the result, as it was asked for.
    """
    model, contract = plan.package.path, plan.package.contract
    told = {k: v for k, v in asdict(plan.options).items() if v is not None}
    tiles = plan.layout.plan
    told |= {"tile_size": tiles.tile, "padding": tiles.padding}
    # The result's name without its folder: the same run elsewhere gives the same bytes.
    command = ["geocity", "classify", str(plan.scene), "-m", str(model), "-o", Path(out).name]
    command += options_as_typed(plan.options)
    tags = {
        "GEOCITY_SOURCE": plan.scene.name,
        "GEOCITY_MODEL": model.name,
        "GEOCITY_MODEL_SHA256": contract.weights_sha256,
        "GEOCITY_OPTIONS": json.dumps(told, default=str, sort_keys=True),
        "GEOCITY_ENGINE": engine,
        "GEOCITY_VERSION": geocity.__version__,
        "GEOCITY_COMMAND": shlex.join(command),
    }
    source = describe(str(plan.scene), Path.cwd()).sha256
    if source is not None:
        tags["GEOCITY_SOURCE_SHA256"] = source
    if plan.date:
        tags["ACQUISITION_DATE"] = plan.date
    return with_step(tags, f"classify: {plan.scene.name} with {model.name} ({contract.model_id})")
