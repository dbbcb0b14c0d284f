"""Train a network on chips: `geocity train`."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geocity.core.model_contract import COMPACT
from geocity.core.progress import Progress, silent
from geocity.errors import InputError, ModelError
from geocity.io.chips import ChipFolder, read_chip_folder
from geocity.io.model_packages import read_model, write_model
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.starting_weights import starting_weights
from geocity.tools.train_options import TrainOptions, is_weight_file
from geocity.tools.training_contract import training_contract
from geocity.tools.training_run import (
    CURVES,
    began,
    begin,
    check_same,
    close_run,
    open_run,
    resumable,
    stoppable,
    tables_hash,
)

if TYPE_CHECKING:
    from geocity.data.module import ChipDataModule
    from geocity.models.rate_finder import RangeTest
    from geocity.models.segmentation import SegmentationTask
    from geocity.models.training import RunResult

__all__ = ["TrainOptions", "train"]

logger = logging.getLogger(__name__)


_USUAL_ENCODER = "resnet34"
# A network answers differently in a large tile when it has only ever seen small crops.
_COMPACT_CROP_M, _DEEP_CROP_M = 150.0, 300.0


def train(
    chips: PathLike,
    *,
    out: PathLike,
    options: TrainOptions | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Train a network on a chip folder and write it as one model file.

    The weights of the last epoch are kept, or of the best one, as asked. Beside the model, a folder
    ``<model>.training`` keeps the log (``log.csv``), the curves (``curves.png``), and, until the
    run is done, its checkpoint.

    Args:
        chips: a folder written by `export_chips`, or by ArcGIS Pro as Classified_Tiles.
        out: the model file to write.
        options: every choice about the run; the defaults if None.
        resume: go on after the last whole epoch of a run that was stopped; on a CPU the model is
            then the same, bit for bit, as that of an undisturbed run.
        overwrite: replace a model, or a stopped run, that is there.
        progress: told of every step.

    Returns:
        The path of the model file.

    Raises:
        InputError: if chips or options cannot serve, or the training diverges.
        OutputExistsError: if the model is there, or a stopped run is and ``resume`` is not asked.
    """
    options = options or TrainOptions()
    progress = progress or silent
    path = fresh_output(out, overwrite=overwrite)
    folder = read_chip_folder(chips)
    options.monitored(folder.classes)
    run = open_run(path, resume=resume, overwrite=overwrite)
    resume = resume and resumable(run)
    data, task, options = _prepare(folder, options, run, resume, progress)
    with stoppable(run, folder.path):
        result = _run(data, task, options, run, resume, progress)
    contract = training_contract(data, options, result)
    write_model(path, contract, result.weights, overwrite=overwrite)
    _finish(run, result)
    return path


def _check_cell_size(folder: ChipFolder) -> None:
    if folder.cell_size_m <= 0:
        raise InputError(
            f"{folder.path} does not say how large its pixels are on the ground; "
            "export the chips from a scene that has a coordinate system"
        )


def _same_options(run: Path, options: TrainOptions, folder: ChipFolder) -> TrainOptions:
    """Check that a run goes on with what it began with, and take its resolved learning rate."""
    rate = began(run)["options"]["lr"]
    now = _run_record(options, folder)
    if options.lr == "auto":
        now["options"]["lr"] = rate  # it was found when the run began
    check_same(run, now)
    return replace(options, lr=float(rate))


def _run_record(options: TrainOptions, folder: ChipFolder) -> dict[str, dict[str, Any]]:
    parts = {part: len(folder.split(part)) for part in ("train", "val")}
    about = {**parts, "chip_size": folder.chip_size, "tables": tables_hash(folder.path)}
    return {"chips": about, "options": options.to_json()}


def settle(folder: ChipFolder, options: TrainOptions) -> tuple["ChipDataModule", TrainOptions]:
    """Make the data of a run, and settle what the options leave to the device and the chips."""
    from geocity.data.module import BatchOptions, ChipDataModule
    from geocity.models.devices import choose_device, choose_precision

    device = choose_device(options.device)
    precision = choose_precision(options.precision, device)
    _check_cell_size(folder)
    encoder = _chosen_encoder(options)
    data = ChipDataModule(
        folder,
        BatchOptions(
            batch_size=options.batch_size,
            crop_size=options.crop_size,
            crop_m=_COMPACT_CROP_M if encoder == COMPACT else _DEEP_CROP_M,
            augment=options.augment,
            draw=options.draw,
            seed=options.seed,
            devices=options.devices,
        ),
    )
    options = replace(options, device=device, precision=precision, encoder=encoder)
    return data, replace(options, crop_size=data.crop_size)


def _chosen_encoder(options: TrainOptions) -> str:
    if options.encoder != "auto":
        return options.encoder
    if options.weights == "none" and options.architecture == "unet":
        return COMPACT
    if is_weight_file(options.weights):
        try:
            return read_model(options.weights).contract.encoder
        except ModelError:
            return _USUAL_ENCODER  # a file from elsewhere does not say what it is for
    # TorchGeo names weights by network: ResNet18_Weights.SENTINEL2_RGB_MOCO.
    network, named, _ = options.weights.partition("_Weights.")
    return network.lower() if named else _USUAL_ENCODER


def _prepare(
    folder: ChipFolder, options: TrainOptions, run: Path, resume: bool, progress: Progress
) -> tuple["ChipDataModule", "SegmentationTask", TrainOptions]:
    """Make data and task; find the learning rate; write down how the run begins."""
    data, options = settle(folder, options)
    if resume:
        options = _same_options(run, options, folder)
    logger.info(
        "%d training and %d validation chips, crops of %d pixels, %d steps an epoch, on %s in %s.",
        len(data.train_chips),
        len(data.val_chips),
        data.crop_size,
        len(data.train_dataloader()),
        options.device,
        {"32": "float32", "bf16": "bfloat16", "16": "float16"}[options.precision],
    )
    if options.lr == "auto":
        options = replace(options, lr=find_rate(data, options, progress=progress).suggestion.rate)
    task = make_task(data, options)
    if not resume:
        begin(run, _run_record(options, folder))
    return data, task, options


def find_rate(
    data: "ChipDataModule", options: TrainOptions, *, progress: Progress, steps: int = 150
) -> "RangeTest":
    """Run the learning rate range test for options whose device and precision are settled."""
    from geocity.models.rate_finder import range_test

    found = range_test(
        make_task(data, options),
        data.endless(),
        device=options.device,
        precision=options.precision,
        prepare=data.augmented,
        steps=steps,
        progress=progress,
    )
    logger.info("The learning rate test suggests %.2e.", found.suggestion.rate)
    return found


def make_task(data: "ChipDataModule", options: TrainOptions) -> "SegmentationTask":
    """Make the task of a run, its weights decided by the seed and by where they start."""
    import torch

    from geocity.models.segmentation import SegmentationTask, TaskOptions

    folder = data.folder
    start = starting_weights(options.weights, options.encoder)
    torch.manual_seed(options.seed)
    task_options = TaskOptions(
        architecture=options.architecture,
        encoder=options.encoder,
        bands=len(folder.band_names),
        class_names=folder.classes.names,
        loss=options.loss,
        class_weights=_class_weights(folder) if options.class_weights == "balanced" else None,
        logit_shift=data.logit_shift(),
        rate=1e-3 if options.lr == "auto" else options.lr,
        pretrained=start is not None,
        freeze_epochs=options.frozen_epochs(),
        seed=options.seed,
    )
    return SegmentationTask(task_options, start, Path(options.weights).name)


def _class_weights(folder: ChipFolder) -> tuple[float, ...]:
    """Return weights that give every class of the training part the same say; 0 if absent."""
    counts = folder.class_pixels("train")
    present = sum(count > 0 for count in counts.values())
    total = sum(counts.values())
    return tuple(total / (present * count) if count else 0.0 for count in counts.values())


def _run(
    data: "ChipDataModule",
    task: "SegmentationTask",
    options: TrainOptions,
    run: Path,
    resume: bool,
    progress: Progress,
) -> "RunResult":
    from geocity.models.training import RunOptions, run_training

    monitor, highest = options.monitored(data.folder.classes)
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
            partly_frozen=options.frozen_epochs() > 0,
        ),
        resume=resume,
        progress=progress,
    )


def _finish(run: Path, result: "RunResult") -> None:
    """Draw the curves, and drop the checkpoints: the model file holds what they were for."""
    from geocity.io.figures.training import draw_curves

    draw_curves(result.rows, run / CURVES, overwrite=True)
    close_run(run)
    best = result.best
    logger.info(
        "Epoch %d is kept: validation mean IoU %.3f. Log and curves are in %s.",
        int(best["epoch"]),
        best["val_miou"],
        run,
    )
