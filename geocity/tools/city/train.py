"""Train a network that names the city of a patch."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geocity.core.cities.acquisitions import cities_of_one_acquisition
from geocity.core.progress import Progress, silent
from geocity.io.cities.manifest import CityFolder, read_city_folder, without_cities
from geocity.io.cities.packages import write_city_package
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.city.train_options import (
    BANDS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    PRESETS,
    CityTrainOptions,
)
from geocity.tools.city.training_measures import (
    Measures,
    city_contract,
    city_measures,
    colour_alone,
    split_counts,
)
from geocity.tools.starting_weights import starting_weights
from geocity.tools.training_run import (
    CURVES,
    begin,
    check_same,
    close_run,
    open_run,
    resumable,
    stoppable,
    tables_hash,
)

if TYPE_CHECKING:
    from geocity.data.cities.module import CityDataModule
    from geocity.models.cities.task import CityTask
    from geocity.models.training import RunResult

__all__ = ["PRESETS", "CityTrainOptions", "train"]

logger = logging.getLogger(__name__)

_MONITORS = {"accuracy": ("val_accuracy", True), "loss": ("val_loss", False)}


def train(
    cities: PathLike,
    *,
    out: PathLike,
    options: CityTrainOptions | None = None,
    baseline: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Train a network on a city folder and write it as one model file.

    Every city is drawn equally often. The weights of the best epoch are kept. Beside the model, a
    folder ``<model>.training`` keeps the log (``log.csv``), the curves (``curves.png``), and,
    until the run is done, its checkpoint.

    Args:
        cities: a folder made by `geocity.city.prepare`.
        out: the model file to write.
        options: every choice about the run; the defaults if None.
        baseline: also say how far colour histograms alone go on the same patches.
        resume: go on after the last whole epoch of a run that was stopped; on a CPU the model is
            then the same, bit for bit, as that of an undisturbed run.
        overwrite: replace a model, or a stopped run, that is there.
        progress: told of every step.

    Returns:
        The path of the model file.

    Raises:
        InputError: if folder or options cannot serve, or the training diverges.
        OutputExistsError: if the model is there, or a stopped run is and ``resume`` is not asked.
    """
    options = options or CityTrainOptions()
    progress = progress or silent
    path = fresh_output(out, overwrite=overwrite)
    folder = without_cities(read_city_folder(cities), options.leave_out)
    data, options = _settle(folder, options)
    _warn_of_single_acquisitions(folder)
    run = open_run(path, resume=resume, overwrite=overwrite)
    resume = resume and resumable(run)
    record = _record(data, options, folder.path)
    if resume:
        check_same(run, record)
    colour = colour_alone(data, options, progress) if baseline else {}
    task = _make_task(data, options)
    if not resume:
        begin(run, record)
    with stoppable(run, folder.path):
        result = _run(data, task, options, run, resume, progress)
    metrics = city_measures(data, options, result, progress) | colour
    contract = city_contract(data, options, metrics)
    write_city_package(path, contract, result.weights, overwrite=overwrite)
    _finish(run, result, metrics)
    return path


def _settle(
    folder: CityFolder, options: CityTrainOptions
) -> tuple["CityDataModule", CityTrainOptions]:
    """Make the data of a run, and settle what the options leave to the device."""
    from geocity.data.cities.module import CityDataModule, PatchBatchOptions
    from geocity.data.cities.normalise import Normalisation
    from geocity.models.devices import choose_device, choose_precision

    device = choose_device(options.device)
    options = replace(options, device=device, precision=choose_precision(options.precision, device))
    data = CityDataModule(
        folder,
        PatchBatchOptions(
            batch_size=options.batch_size,
            input_px=options.input_px,
            augment=options.augment,
            fold=options.fold,
            seed=options.seed,
            devices=options.devices,
        ),
        Normalisation(options.normalise == "patch", IMAGENET_MEAN, IMAGENET_STD),
    )
    logger.info(
        "%d cities, %d training and %d validation patches of %d pixels, %d steps an epoch, on %s.",
        len(folder.cities),
        len(data.train_patches),
        len(data.val_patches),
        options.input_px,
        len(data.train_dataloader()),
        device,
    )
    return data, options


def _warn_of_single_acquisitions(folder: CityFolder) -> None:
    names = [city.name for city in folder.cities]
    single = cities_of_one_acquisition(folder.images, names)
    if single:
        logger.warning(
            "%s: all images are of one date, or of unknown dates, so city and acquisition cannot "
            "be told apart; the network may learn the light, season or camera instead of the "
            "city. Add images of another date, or trust its figures only for this acquisition.",
            ", ".join(single[:8]) + (f" and {len(single) - 8} more" if len(single) > 8 else ""),
        )


def _record(
    data: "CityDataModule", options: CityTrainOptions, folder: Path
) -> dict[str, dict[str, Any]]:
    about = {**split_counts(data), "tables": tables_hash(folder)}
    return {"cities": about, "options": options.to_json()}


def _make_task(data: "CityDataModule", options: CityTrainOptions) -> "CityTask":
    """Make the task of a run, its weights decided by the seed and by where they start."""
    import torch

    from geocity.models.cities.task import CityTask, CityTaskOptions

    start = starting_weights(options.weights, options.backbone)
    torch.manual_seed(options.seed)
    return CityTask(
        CityTaskOptions(
            backbone=options.backbone,
            bands=len(BANDS),
            cities=len(data.folder.cities),
            rate=options.lr,
            schedule=options.schedule,
            weight_decay=options.weight_decay,
            seed=options.seed,
        ),
        start,
        Path(options.weights).name,
    )


def _run(
    data: "CityDataModule",
    task: "CityTask",
    options: CityTrainOptions,
    run: Path,
    resume: bool,
    progress: Progress,
) -> "RunResult":
    from geocity.models.cities.task import city_epoch_line
    from geocity.models.training import RunOptions, run_training

    monitor, highest = _MONITORS[options.monitor]
    return run_training(
        task,
        data,
        RunOptions(
            folder=run,
            epochs=options.epochs,
            device=options.device,
            devices=options.devices,
            precision=options.precision,
            monitor=monitor,
            highest=highest,
            patience=options.patience,
            tensorboard=options.tensorboard,
            say=city_epoch_line,
        ),
        resume=resume,
        progress=progress,
    )


def _finish(run: Path, result: "RunResult", metrics: Measures) -> None:
    """Draw the curves, drop the checkpoints, and say how good the model is."""
    from geocity.io.figures.training import draw_city_curves

    draw_city_curves(result.rows, run / CURVES, overwrite=True)
    close_run(run)
    accuracy = metrics["balanced accuracy"]
    logger.info(
        "Epoch %d was the best: balanced accuracy %s. Log and curves are in %s.",
        int(result.best["epoch"]),
        ", ".join(f"{value:.3f} ({part})" for part, value in accuracy.items()),
        run,
    )
