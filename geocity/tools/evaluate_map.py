"""Say how good a map of a whole scene is: a model's, or one that is there already."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.agreement import Agreement, Ground, Probabilities
from geocity.core.boundary import halo
from geocity.core.classes import NODATA
from geocity.core.grid import Window, blocks
from geocity.core.progress import Progress, silent
from geocity.errors import GridMismatchError, NoOverlapError
from geocity.io.class_rasters import (
    ClassRaster,
    ProbabilityRaster,
    open_class_raster,
    open_probability_raster,
)
from geocity.io.evaluations import WorstPieces, piece_row, write_evaluation
from geocity.io.figures.accuracy import Comparison
from geocity.io.figures.style import stretch
from geocity.io.model_packages import read_model
from geocity.io.rasters import Scene, open_scene
from geocity.io.staging import PathLike, staged_directory
from geocity.tools.classify import ClassifyOptions, classify
from geocity.tools.evaluate import (
    TOLERANCE_M,
    Evaluation,
    check_classes,
    title_of,
    tolerance_in_pixels,
)

if TYPE_CHECKING:
    from geocity.data.chip_sources import LabelSource

_BLOCK = 512


@dataclass(frozen=True, slots=True)
class TruthOptions:
    """How labels are read, and how strictly borders are compared.

    Attributes:
        class_field: field of the outlines that holds the class; by default every outline is one
            of class 1.
        class_values: {value of the field or raster: class name}.
        labelled_area: polygons outside of which nothing is known, so nothing is counted.
        tolerance_m: how far a border may lie from the true one and still count as found.
    """

    class_field: str | None = None
    class_values: Mapping[str, str] | None = None
    labelled_area: PathLike | None = None
    tolerance_m: float = TOLERANCE_M


def evaluate_scene(
    model: PathLike,
    scene: PathLike,
    labels: PathLike,
    *,
    out: PathLike,
    truth: TruthOptions | None = None,
    options: ClassifyOptions | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Classify a scene and compare the map with labels, pixel by pixel on the scene's grid.

    Writes what `evaluate` writes, with blocks of 512 pixels in the place of chips, and beside it
    ``classes.tif`` and ``probability.tif`` to look at.

    Args:
        model: the model file that `train` wrote.
        scene: imagery that the model was not trained on.
        labels: outlines, or a classified raster; they should cover the scene, or say with
            ``truth.labelled_area`` what they cover: where there is no outline is background.
        out: the folder to write.
        truth: how labels are read.
        options: how the scene is classified.
        overwrite: replace the folder.
        progress: told how far the work is.

    Returns:
        The folder and the figures.

    Raises:
        InputError: if scene, model and labels do not fit together.
        NoOverlapError: if no pixel of the map has a true class.
        OutputExistsError: if the folder is there already.
    """
    contract = read_model(model).contract
    about = {
        "model": {"file": Path(model).name, "id": contract.model_id},
        "data": {"scene": Path(scene).name, "labels": Path(labels).name},
    }
    with staged_directory(out, overwrite=overwrite) as stage:
        classes, chances = stage / "classes.tif", stage / "probability.tif"
        classify(
            scene,
            model=model,
            out=classes,
            probability=chances,
            options=options,
            progress=progress,
        )
        files = _Files(classes, Path(labels), Path(scene), chances)
        report = _compare(files, stage, truth or TruthOptions(), about, progress)
    return Evaluation(Path(out), report)


def evaluate_map(
    classes: PathLike,
    labels: PathLike,
    *,
    out: PathLike,
    scene: PathLike | None = None,
    truth: TruthOptions | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Compare a class raster with labels, whoever made it: filtered and cleaned maps too.

    Writes what `evaluate` writes, with blocks of 512 pixels in the place of chips; without
    probabilities there is no reliability curve.

    Args:
        classes: the class raster.
        labels: outlines, or a classified raster.
        out: the folder to write.
        scene: imagery on the same grid, shown in the figures; its missing pixels are not counted.
        truth: how labels are read.
        overwrite: replace the folder.
        progress: told how far the work is.

    Returns:
        The folder and the figures.

    Raises:
        InputError: if map and labels do not fit together.
        GridMismatchError: if the scene is on another grid.
        NoOverlapError: if no pixel of the map has a true class.
        OutputExistsError: if the folder is there already.
    """
    about = {"data": {"classes": Path(classes).name, "labels": Path(labels).name}}
    with staged_directory(out, overwrite=overwrite) as stage:
        files = _Files(Path(classes), Path(labels), Path(scene) if scene is not None else None)
        report = _compare(files, stage, truth or TruthOptions(), about, progress)
    return Evaluation(Path(out), report)


@dataclass(frozen=True, slots=True)
class _Files:
    """What is compared, by path."""

    classes: Path
    labels: Path
    scene: Path | None = None
    probability: Path | None = None


@dataclass(frozen=True, slots=True)
class _Sides:
    """Map and truth, open."""

    mapped: ClassRaster
    truth: "LabelSource"
    scene: Scene | None
    chances: ProbabilityRaster | None

    def read(self, window: Window) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Probabilities]:
        """Return truth, map and probabilities of a window, unknown where there is no imagery."""
        truth = self.truth.burn(self.mapped.grid[window])
        if self.scene is not None:
            truth[~self.scene.read(window)[1]] = NODATA
        return truth, self.mapped.read(window), self._probabilities(window)

    def _probabilities(self, window: Window) -> Probabilities:
        if self.chances is None:
            return {}
        classes = self.mapped.classes
        return {
            classes.by_name(name).value: self.chances.read(window, band)
            for band, name in enumerate(self.chances.class_names)
        }

    def picture(self, window: Window) -> NDArray[np.uint8]:
        """Return imagery of a window; plain grey where there is none."""
        if self.scene is None:
            return np.full((*window.shape, 3), 200, np.uint8)
        return stretch(*self.scene.read(window))


def _compare(
    files: _Files,
    stage: Path,
    options: TruthOptions,
    about: Mapping[str, Any],
    progress: Progress,
) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        sides = _open(files, options, stack)
        grid, classes = sides.mapped.grid, sides.mapped.classes
        tolerance_px = tolerance_in_pixels(options.tolerance_m, grid.cell_size_m)
        agreement = Agreement(classes, Ground(grid.cell_area_m2, tolerance_px))
        rows, worst = [], WorstPieces()
        for window in _told(list(blocks(grid.shape, _BLOCK)), progress):
            read = window.pad(halo(tolerance_px)).intersect(grid.window) or window
            core = window.shift(-read.row, -read.col)
            truth, mapped, layers = sides.read(read)
            piece = agreement.update(truth, mapped, layers, core)
            if not piece.pixels:
                continue
            row = piece_row(f"row {window.row} column {window.col}", "block", piece, classes)
            rows.append(row)
            if worst.wants(row["wrong_px"]):
                shown = (sides.picture(window), truth[core.slices], mapped[core.slices])
                worst.add(row["wrong_px"], Comparison(title_of(row), *shown))
        if not agreement.matrix.pixels:
            raise NoOverlapError(
                f"{files.classes.name} and {files.labels} have no pixel in common with a class in "
                "both; are they of the same place?"
            )
        return write_evaluation(stage, about, agreement, rows, worst)


def _open(files: _Files, options: TruthOptions, stack: contextlib.ExitStack) -> _Sides:
    from geocity.data.chip_sources import open_labels
    from geocity.data.labels import LabelRules

    mapped = stack.enter_context(open_class_raster(files.classes))
    scene = stack.enter_context(open_scene(files.scene)) if files.scene else None
    if scene is not None and not scene.grid.same_as(mapped.grid):
        raise GridMismatchError(
            f"{files.scene} and {files.classes} do not share a grid; name the scene that the map "
            "was made from, or leave it out."
        )
    area = Path(options.labelled_area) if options.labelled_area is not None else None
    rules = LabelRules(options.class_field, options.class_values, labelled_area=area)
    truth = open_labels(files.labels, rules, mapped.grid.crs)
    check_classes(truth.classes, mapped.classes, str(files.labels))
    chances = (
        stack.enter_context(open_probability_raster(files.probability))
        if files.probability
        else None
    )
    return _Sides(mapped, truth, scene, chances)


def _told(windows: list[Window], progress: Progress) -> Iterator[Window]:
    for number, window in enumerate(windows):
        progress(number, len(windows), "compare")
        yield window
    progress(len(windows), len(windows), "compare")
