"""A training run: Lightning's trainer, its checkpoints, and what comes out of it."""

import importlib.util
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from numpy.typing import NDArray

from geocity.core.classes import NODATA
from geocity.core.progress import Progress
from geocity.data.module import ChipDataModule
from geocity.errors import MissingDependencyError
from geocity.models.callbacks import EpochLine, History, ProgressReport, epoch_line
from geocity.models.devices import SMALLER_BATCH, within_memory
from geocity.models.epoch_log import follow_epochs
from geocity.models.rank_errors import rank_errors
from geocity.models.segmentation import GRADIENT_NORM, channels_last

LAST = "last.ckpt"
BEST = "best.ckpt"
LOG = "log.csv"

_LIGHTNING_PRECISION = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a training run goes.

    Attributes:
        folder: where checkpoints and the log go.
        epochs: number of epochs.
        device: ``cpu`` or ``cuda``.
        devices: how many of them.
        precision: ``32``, ``bf16`` or ``16``.
        monitor: the measure by which the best epoch is chosen.
        highest: whether the highest value of it is the best.
        patience: epochs without improvement after which the run stops; 0 never stops early.
        tensorboard: folder for TensorBoard's log, or None.
        say: makes a line of an epoch's measures.
        partly_frozen: whether a part of the network gives no gradients for a while.
    """

    folder: Path
    epochs: int
    device: str
    devices: int
    precision: str
    monitor: str
    highest: bool
    patience: int
    tensorboard: Path | None
    say: EpochLine = epoch_line
    partly_frozen: bool = False


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a training run gave.

    Attributes:
        rows: measures per epoch, as `History` keeps them.
        best: the row of the best epoch.
        state: the network's weights after the best epoch.
    """

    rows: tuple[dict[str, float], ...]
    best: dict[str, float]
    state: dict[str, torch.Tensor]

    @property
    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return the weights as arrays by name, as a model file holds them."""
        return {name: tensor.contiguous().numpy() for name, tensor in self.state.items()}


def run_training(
    task: LightningModule,
    data: LightningDataModule,
    options: RunOptions,
    *,
    resume: bool,
    progress: Progress,
) -> RunResult:
    """Train to the end, or on from the last whole epoch.

    A resumed run gives what an undisturbed one would have given, on a CPU bit for bit.

    Args:
        task: what is trained; its network is its ``model``.
        data: what it is trained on.
        options: how the run goes.
        resume: go on from ``last.ckpt`` in the run's folder.
        progress: told of every step.

    Raises:
        InputError: if the loss diverges, or a batch does not fit into the memory of the device;
            with several devices, in whichever process it happens.
        WorkError: if a process of several was killed.
        KeyboardInterrupt: if it was interrupted; the last whole epoch is kept.
    """
    last = options.folder / LAST
    log = options.folder / LOG
    with _quiet(), _followed(options, log, progress), within_memory(SMALLER_BATCH), rank_errors():
        trainer = _make_trainer(options, progress, log)
        try:
            trainer.fit(task, data, ckpt_path=str(last) if resume else None, weights_only=True)
        except SystemExit as stop:
            # Lightning turns Ctrl-C into an exit of its own; the caller decides what it means.
            raise KeyboardInterrupt from stop
    return _collect(options)


def _make_trainer(options: RunOptions, progress: Progress, log: Path) -> Trainer:
    strategy = "auto"
    if options.devices > 1:
        # A frozen encoder gives no gradients, for which plain DDP would wait.
        strategy = "ddp_spawn"
        if options.partly_frozen:
            strategy = "ddp_spawn_find_unused_parameters_true"
    logger = False if options.tensorboard is None else _tensorboard(options.tensorboard)
    return Trainer(
        accelerator="gpu" if options.device == "cuda" else "cpu",
        devices=options.devices,
        strategy=strategy,
        precision=_LIGHTNING_PRECISION[options.precision],  # type: ignore[arg-type]
        max_epochs=options.epochs,
        callbacks=_callbacks(options, progress, log),
        plugins=[WholeCheckpoints()],
        logger=logger,
        gradient_clip_val=GRADIENT_NORM,
        use_distributed_sampler=False,  # the data module shares chips out itself
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=options.folder,
        log_every_n_steps=1,
    )


def _callbacks(options: RunOptions, progress: Progress, log: Path) -> list[Callback]:
    mode = "max" if options.highest else "min"
    callbacks: list[Callback] = [
        ProgressReport(progress),
        History(log, options.say),
        ModelCheckpoint(
            dirpath=options.folder,
            filename=Path(BEST).stem,
            monitor=options.monitor,
            mode=mode,
            save_weights_only=True,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        ),
        ModelCheckpoint(
            dirpath=options.folder,
            filename=Path(LAST).stem,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        ),
    ]
    if options.patience:
        stop = EarlyStopping(
            options.monitor, patience=options.patience, mode=mode, check_on_train_epoch_end=True
        )
        # Before the checkpoints, so that they know how long it has waited.
        callbacks.insert(2, stop)
    return callbacks


def _tensorboard(folder: Path) -> TensorBoardLogger:
    if importlib.util.find_spec("tensorboard") is None:
        raise MissingDependencyError(
            "a TensorBoard log needs the package tensorboard, which is not installed; "
            "install geocity[tensorboard], or leave out --tensorboard"
        )
    return TensorBoardLogger(save_dir=folder, name="", version="")


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that appear whole or not at all, whenever the run is killed."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write beside the place, then rename."""
        beside = Path(f"{path}.part")
        super().save_checkpoint(checkpoint, beside, storage_options)
        beside.replace(path)


def _collect(options: RunOptions) -> RunResult:
    last = _load(options.folder / LAST)
    rows = tuple(last["callbacks"]["History"]["rows"])
    sign = 1 if options.highest else -1
    # The first of equals, as the checkpoint callback keeps it.
    best = max(rows, key=lambda row: sign * row[options.monitor])
    state = _load(options.folder / BEST)["state_dict"]
    prefix = "model."
    network = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    return RunResult(rows, best, network)


def _load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content


@within_memory("free it of other work, and go on with --resume: the training itself is done")
def validation_logits(
    network: torch.nn.Module, data: ChipDataModule, device: str, *, limit: int = 200_000
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Run the validation chips and keep known pixels, evenly spread.

    Args:
        network: the network; moved to the device.
        data: the chips.
        device: ``cpu`` or ``cuda``.
        limit: about how many pixels to keep.

    Returns:
        Logits (pixels, classes) and class indexes (pixels,).

    Raises:
        InputError: if a batch does not fit into the memory of the device.
    """
    network.to(memory_format=torch.channels_last).to(device).eval()
    size = data.folder.chip_size**2 * len(data.val_chips)
    step = max(1, size // limit)
    logits: list[NDArray[np.float32]] = []
    truth: list[NDArray[np.int64]] = []
    with torch.inference_mode():
        for batch in data.val_dataloader():
            known = (batch["mask"] != NODATA).flatten()
            scores = network(channels_last(batch["image"].to(device))).float().cpu()
            flat = scores.movedim(1, -1).flatten(0, 2)
            logits.append(flat[known][::step].numpy())
            truth.append(batch["mask"].flatten()[known][::step].numpy())
    return np.concatenate(logits), np.concatenate(truth)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's tips, advertisements and worries about our choices to itself."""
    names = ("lightning.pytorch", "lightning.fabric", "torch.multiprocessing.spawn")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(lightning|torch)\.")
            warnings.filterwarnings("ignore", message=r".*lr_scheduler\.step.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _followed(options: RunOptions, log: Path, progress: Progress) -> Iterator[None]:
    """With several devices, tell from here what the processes write into the log."""
    if options.devices == 1:
        yield
        return
    done = threading.Event()
    follower = threading.Thread(
        target=follow_epochs, args=(log, options.epochs, options.say, progress, done), daemon=True
    )
    follower.start()
    try:
        yield
    finally:
        done.set()
        follower.join()
