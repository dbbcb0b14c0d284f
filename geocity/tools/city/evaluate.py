"""Say how well a model names cities, on places that it was not trained on."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geocity.core.cities.city_calibration import CityCalibration
from geocity.core.cities.city_findings import calibrate, findings
from geocity.core.cities.contract import CityContract
from geocity.core.progress import Progress, silent
from geocity.errors import InputError
from geocity.io.cities.evaluations import (
    city_evaluation_table,
    write_answers,
    write_city_evaluation,
)
from geocity.io.cities.manifest import read_city_folder
from geocity.io.cities.packages import CityPackage, read_city_package, write_city_package
from geocity.io.figures.cities_accuracy import CityLabels
from geocity.io.staging import PathLike, fresh_output, staged_directory
from geocity.tools.city.audit_cues import audit_cues
from geocity.tools.city.city_parts import (
    CityMeans,
    CityPart,
    ask,
    chosen_fold,
    read_part,
    refuse_empty,
)
from geocity.tools.city.evaluate_options import CityEvaluateOptions
from geocity.tools.city.training_measures import COLOUR_BASELINE

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CityEvaluation:
    """What an evaluation found.

    Attributes:
        folder: the files it wrote.
        report: the content of ``metrics.json``.
        calibrated: the calibrated copy of the model, if one was asked for.
    """

    folder: Path
    report: Mapping[str, Any]
    calibrated: Path | None

    @property
    def table(self) -> str:
        """Return the figures as a few lines for people."""
        return city_evaluation_table(self.report)


def evaluate(
    model: PathLike,
    cities: PathLike,
    *,
    out: PathLike,
    write_calibrated: PathLike | None = None,
    options: CityEvaluateOptions | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> CityEvaluation:
    """Compare a city model's answers with the truth, for patches, images and sites.

    Images and sites are answered for by the mean log-probability of their patches. Intervals come
    from drawing sites and images anew, never overlapping patches. The validation part teaches a
    temperature, sets of cities and a threshold for unknown ones; all are measured on the part that
    is evaluated. Writes ``metrics.json``, ``per_city.csv``, ``confused_pairs.csv``,
    ``confusion_matrix.csv``, ``patches.csv``, ``images.csv``, ``sites.csv`` and figures.

    Args:
        model: a city model.
        cities: a city folder of `prepare`. Its patches of cities that the model does not know
            measure how unknown cities are noticed.
        out: the folder to write.
        write_calibrated: also write a copy of the model that carries what validation taught, for
            `identify`; the model itself is never changed.
        options: how.
        overwrite: replace results that are there.
        progress: told how far the work is.

    Returns:
        The folder and the figures.

    Raises:
        InputError: if the cities do not fit the model, or the part is empty.
        ModelError: if the model file cannot be used.
        OutputExistsError: if a result is there already.
    """
    options = options or CityEvaluateOptions()
    package, folder = read_city_package(model), read_city_folder(cities)
    contract = package.contract
    fold = chosen_fold(contract, folder, options.fold)
    part = read_part(folder, contract, options.split, fold)
    refuse_empty(part, options.split, fold)
    validation = _known(read_part(folder, contract, "val", fold))
    _warn(options, part, validation)
    if write_calibrated is not None:
        _check_calibrated(write_calibrated, package, validation, overwrite)
    with staged_directory(out, overwrite=overwrite) as stage:
        report, calibration = _evaluate(package, part, validation, fold, options, stage, progress)
    written = None
    if write_calibrated is not None and calibration is not None:
        written = _write_calibrated(package, calibration, write_calibrated, overwrite)
    return CityEvaluation(Path(out), report, written)


def _evaluate(
    package: CityPackage,
    part: CityPart,
    validation: CityPart,
    fold: int,
    options: CityEvaluateOptions,
    stage: Path,
    progress: Progress,
) -> tuple[dict[str, Any], CityCalibration | None]:
    from geocity.models.cities.inference import load_city_model

    contract = package.contract
    model = load_city_model(package.path, device=options.device)
    how: dict[str, Any] = {"batch_size": options.batch_size, "progress": progress}
    trusted = calibration = None
    if validation.rows:
        means = CityMeans(validation, len(contract.cities))
        trusted = ask(model, validation, stage="validation", means=means, **how)
        wanted = {"coverage": options.coverage, "acceptance": options.acceptance}
        calibration = calibrate(trusted, means=means.means, **wanted)
    answered = ask(model, part, stage=options.split, **how)
    found = findings(answered, trusted, calibration, draws=options.draws, seed=options.seed)
    audit = None
    if options.audit_patches:
        audit = audit_cues(model, part, answered, fold, options, progress)
    labels = CityLabels(contract.codes, contract.names)
    known = _known(part)
    about = _about(package, part, fold, options)
    report = write_city_evaluation(stage, about, labels, found, audit)
    write_answers(stage, part.folder, known.rows, labels, found)
    return report, calibration


def _about(
    package: CityPackage, part: CityPart, fold: int, options: CityEvaluateOptions
) -> dict[str, Any]:
    strangers = len(part.rows) - len(_known(part).rows)
    about: dict[str, Any] = {
        "model": {"file": package.path.name, "id": package.contract.model_id},
        "data": {
            "cities": part.folder.path.resolve().name,
            "part": options.split,
            "fold": fold,
            "patches": len(part.rows),
            "patches_of_unknown_cities": strangers,
        },
    }
    baseline = package.contract.metrics.get(COLOUR_BASELINE)
    if baseline is not None:
        about["colour_baseline"] = baseline
    return about


def _known(part: CityPart) -> CityPart:
    return part.take((part.truth >= 0).nonzero()[0])


def _warn(options: CityEvaluateOptions, part: CityPart, validation: CityPart) -> None:
    if options.split == "train":
        logger.warning(
            "These are the patches that models are trained on: the figures say how well one "
            "remembers, not how well it names."
        )
    if options.split == "val":
        logger.warning(
            "Temperature, sets and thresholds are learned from the validation part: measured on "
            "it they flatter."
        )
    shared = len(set(part.place.tolist()) & set(validation.place.tolist()))
    if shared and options.split == "test":
        logger.warning(
            "Test and validation share %d of their sites, so what validation taught fits the test "
            "part better than it would fit new sites.",
            shared,
        )
    if not validation.rows:
        logger.warning(
            "There are no validation patches: no calibration, no sets of cities, no threshold for "
            "unknown ones. Prepare the cities with a validation part."
        )


def _check_calibrated(
    out: PathLike, package: CityPackage, validation: CityPart, overwrite: bool
) -> None:
    if Path(out).resolve() == package.path.resolve():
        raise InputError(
            f"{out} is the model itself, and a model file is never changed; name another file for "
            "the calibrated copy."
        )
    fresh_output(out, overwrite=overwrite)
    if not validation.rows:
        raise InputError(
            "There are no validation patches to calibrate the model on; prepare the cities with a "
            "validation part, or leave out --write-calibrated."
        )


def _write_calibrated(
    package: CityPackage, calibration: CityCalibration, out: PathLike, overwrite: bool
) -> Path:
    contract: CityContract = replace(
        package.contract,
        temperature=calibration.patch.temperature,
        calibration=calibration.plain(),
    )
    return write_city_package(out, contract, package.weights(), overwrite=overwrite)
