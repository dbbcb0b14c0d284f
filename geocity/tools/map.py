"""Map scenes in one go: classify, filter, clean, outline, and a QGIS project to look at it all."""

import datetime
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict

import pyogrio

import geocity
from geocity.core.progress import Progress, silent
from geocity.engine.job import file_facts, fingerprint
from geocity.engine.run import WorkOptions
from geocity.errors import InputError
from geocity.io.class_rasters import open_class_raster
from geocity.io.geopackages import collect_layers
from geocity.io.history import history
from geocity.io.map_projects import MappedScene, file_label, labels, write_map_project
from geocity.io.model_packages import ModelPackage, read_model
from geocity.io.print_layouts import LayoutText
from geocity.io.rasters import open_scene
from geocity.io.source_files import raster_facts
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.classify import ClassifyOptions, classify
from geocity.tools.clean import clean
from geocity.tools.majority_filter import majority_filter
from geocity.tools.polygonize import polygonize
from geocity.tools.step_journal import Journal

logger = logging.getLogger(__name__)

_MOST_NAMES = 3
_WORK = ".map_work"
_CAUTION = (
    "A model drew these outlines: check them on the ground before they serve a decision about "
    "people."
)


@dataclass(frozen=True, slots=True)
class MapOptions:
    """How scenes are mapped.

    Attributes:
        classify: how each scene is classified.
        passes: of the majority filter; 0 leaves it out.
        min_area_m2: smallest patch to keep. The default, 200 m², is a dozen small dwellings.
        min_hole_m2: smallest hole to keep.
        title: of the project and its print page; made of the classes if empty.
    """

    classify: ClassifyOptions = field(default_factory=ClassifyOptions)
    passes: int | Literal["stable"] = 1
    min_area_m2: float = 200.0
    min_hole_m2: float = 100.0
    title: str = ""


@dataclass(frozen=True, slots=True)
class MapResult:
    """What a map consists of.

    Attributes:
        project: the QGIS project that shows it all.
        outlines: the GeoPackage, one layer a scene.
        scenes: each scene with its class raster, probability raster and layer.
    """

    project: Path
    outlines: Path
    scenes: tuple[MappedScene, ...]


def map(  # noqa: A001 - the command's name
    scenes: PathLike | Sequence[PathLike],
    *,
    model: PathLike,
    out: PathLike,
    options: MapOptions | None = None,
    overwrite: bool = False,
    work: WorkOptions | None = None,
    progress: Progress | None = None,
) -> MapResult:
    """Map one or several scenes and put the result into a QGIS project.

    For each scene the folder gets `classified_….tif` (straight from the model), `probability_….tif`
    and `classes_….tif` (filtered and cleaned); `slums.gpkg` (or `polygons.gpkg`, if the model knows
    other classes) gets a layer of outlines a scene. Each step is a tool of its own and can be run
    again alone. Scenes should show different dates or different places. A map that was stopped goes
    on where it was when it is asked for again.

    Args:
        scenes: the imagery, one path or several.
        model: a model file that `train` wrote.
        out: the folder to fill; it may exist.
        options: how.
        overwrite: replace results that are there.
        work: by whom; a range of parts makes no map.
        progress: told how far each step is.

    Returns:
        What was made.

    Raises:
        InputError: if a scene or an option cannot be used.
        ModelError: if the model cannot be used.
        OutputExistsError: if a result is there already.
    """
    options, work = options or MapOptions(), work or WorkOptions()
    folder = Path(out)
    paths = [Path(scenes)] if isinstance(scenes, str | os.PathLike) else [Path(s) for s in scenes]
    package = read_model(model)
    kept = [c.name for c in package.contract.classes if c.value != 0]
    subject = "slums" if [name.casefold() for name in kept] == ["slum"] else "polygons"
    _check(options, work)
    mapped = _plan(paths, folder, subject)
    outlines, project = folder / f"{subject}.gpkg", folder / "map.qgz"
    made = [p for m in mapped for p in (_classified(m), m.probability, m.classes)]
    told = _fingerprint(paths, package, options)
    journal = Journal(folder / _WORK, told, resume=work.resume, title="map")
    overwrite = overwrite or journal.resumed
    for path in (*made, outlines, project):
        fresh_output(path, overwrite=overwrite)
    journal.begin()
    run = _Run(model, options, journal, overwrite, work, progress or silent)
    try:
        collect_layers({m.layer: run.map(m) for m in mapped}, out=outlines, overwrite=overwrite)
        text = _words(mapped, outlines, package.path.name, kept, options)
        write_map_project(project, outlines, mapped, text, overwrite=overwrite)
    except BaseException:
        journal.pause()
        raise
    journal.end()
    return MapResult(project, outlines, tuple(mapped))


def _fingerprint(paths: Sequence[Path], package: ModelPackage, options: MapOptions) -> str:
    """Return the hash of what a map is made of."""
    aoi = options.classify.aoi
    scenes = [raster_facts(path) for path in paths]
    area = file_facts(aoi) if aoi is not None else None
    contract = package.contract.to_json()
    return fingerprint("map", geocity.__version__, scenes, area, contract, options)


def _check(options: MapOptions, work: WorkOptions) -> None:
    if work.part_range is not None:
        raise InputError(
            "A map is made in several steps; to compute ranges of parts run classify, "
            "majority-filter, clean and polygonize one by one."
        )
    if options.passes == 0 and not (options.min_area_m2 or options.min_hole_m2):
        raise InputError(
            "Filter and cleaning are both switched off; run classify and polygonize by themselves."
        )


def _plan(paths: Sequence[Path], folder: Path, subject: str) -> list[MappedScene]:
    if not paths:
        raise InputError("No scene was given; name the imagery to map.")
    dates = []
    for path in paths:
        with open_scene(path) as scene:
            dates.append(scene.date)
    names = labels(list(zip(paths, dates, strict=True)))
    files = [file_label(name) for name in names]
    if len(set(files)) < len(files):
        files = [f"{name}_{i}" for i, name in enumerate(files, start=1)]
    return [
        MappedScene(
            label=name,
            date=date,
            scene=path,
            classes=folder / f"classes_{file}.tif",
            probability=folder / f"probability_{file}.tif",
            layer=f"{subject}_{file}",
        )
        for path, date, name, file in zip(paths, dates, names, files, strict=True)
    ]


def _classified(mapped: MappedScene) -> Path:
    """Return where the class raster straight from the model goes."""
    return mapped.classes.with_name(mapped.classes.name.replace("classes_", "classified_", 1))


@dataclass(frozen=True)
class _Run:
    """What the steps of all scenes share.

    Attributes:
        model: the model file.
        options: how.
        journal: which steps are done.
        overwrite: replace results that are there.
        work: by whom.
        progress: told how far each step is.
    """

    model: PathLike
    options: MapOptions
    journal: Journal
    overwrite: bool
    work: WorkOptions
    progress: Progress

    def map(self, mapped: MappedScene) -> Path:
        """Run the steps on one scene; the outlines go to a file of their own."""
        logger.info("%s: classify, filter, clean, outline.", mapped.scene.name)
        raw, step = _classified(mapped), self.journal.step
        more = self._more()
        step(
            raw,
            lambda: classify(
                mapped.scene,
                model=self.model,
                out=raw,
                probability=mapped.probability,
                options=self.options.classify,
                **more,
            ),
        )
        self._tidy(raw, mapped)
        outlines = self.journal.work / f"{mapped.layer}.gpkg"
        again: _More = {**more, "overwrite": True}
        return step(
            outlines,
            lambda: polygonize(
                mapped.classes,
                out=outlines,
                layer=mapped.layer,
                probability=mapped.probability,
                **again,
            ),
        )

    def _more(self) -> "_More":
        return {"overwrite": self.overwrite, "work": self.work, "progress": self.progress}

    def _tidy(self, raw: Path, mapped: MappedScene) -> None:
        """Filter, then clean; either may be left out."""
        options, step, more = self.options, self.journal.step, self._more()
        out, filtered = mapped.classes, raw
        cleans = bool(options.min_area_m2 or options.min_hole_m2)
        if options.passes != 0:
            filtered = self.journal.work / f"filtered_{mapped.layer}.tif" if cleans else out
            replaces: _More = {**more, "overwrite": cleans or self.overwrite}
            passes = options.passes
            step(filtered, lambda: majority_filter(raw, out=filtered, passes=passes, **replaces))
        if cleans:
            areas = {"min_area_m2": options.min_area_m2, "min_hole_m2": options.min_hole_m2}
            step(out, lambda: clean(filtered, out=out, **areas, **more))


class _More(TypedDict):
    overwrite: bool
    work: WorkOptions
    progress: Progress


def _words(
    mapped: Sequence[MappedScene],
    outlines: Path,
    model_name: str,
    kept: Sequence[str],
    options: MapOptions,
) -> LayoutText:
    """Return what the print page says."""
    title = options.title or f"{_listed(kept).capitalize()} map"
    newest = max(mapped, key=lambda m: m.date or datetime.date.min)
    areas = pyogrio.read_dataframe(
        outlines, layer=newest.layer, columns=["area_m2"], read_geometry=False
    )["area_m2"]
    outline = "outline" if len(areas) == 1 else "outlines"
    found = f"{len(areas):,} {outline}, {areas.sum() / 10_000:,.1f} ha"
    day = newest.date
    when = f"{day.day} {day:%B} {day.year}" if day else newest.label
    with open_class_raster(newest.classes) as raster:
        steps, crs = history(raster.tags), raster.grid.crs.name
    names = ", ".join(m.scene.name for m in mapped)
    lines = [
        f"Imagery: {names}",
        f"Model: {model_name}",
        f"Coordinates: {crs}",
        f"Steps: {'; '.join(steps)}",
        f"Made with geocity {geocity.__version__}",
        _CAUTION,
    ]
    return LayoutText(title, f"{when}: {found}", "\n".join(lines))


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMES:
        return "class"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
