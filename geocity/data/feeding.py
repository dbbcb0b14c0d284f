"""How batches reach a device: read by processes of their own where a GPU would else wait."""

import os
import shutil
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from geocity.errors import InputError

_WORKERS = 4
# Batches that a process may hold in shared memory: two that wait, and the one it makes.
_BATCHES_HELD = 3
# Training and validation each have their processes.
_LOADERS = 2
_SHARED_MEMORY = Path("/dev/shm")


def feeding(trainer: Trainer | None, batch_bytes: int, *, most: int = _WORKERS) -> dict[str, Any]:
    """Return the options by which a DataLoader keeps the device of a trainer busy.

    On a CPU, reading and training share the cores, and one process does both. Samples are decided
    by their keys, so they are the same whoever reads them.

    Args:
        trainer: says what the device is; None is no training.
        batch_bytes: what a batch takes.
        most: processes at most, however many cores there are.
    """
    if trainer is None or trainer.strategy.root_device.type != "cuda":
        return {}
    cores = _cores() // trainer.num_devices - 1  # one is the trainer's own
    workers = max(0, min(most, cores, _room(batch_bytes) // trainer.num_devices))
    return {"num_workers": workers, "persistent_workers": workers > 0, "pin_memory": True}


def refuse_idle_devices(devices: int, samples: int, kind: str) -> None:
    """Refuse more devices than there are validation samples to share between them.

    Raises:
        InputError: if a device would have none; the others would wait for it for ever.
    """
    if samples < devices:
        raise InputError(
            f"There are {samples} validation {kind} for {devices} devices, and each needs one; "
            f"train on {samples} (--devices {samples}), or give more {kind}."
        )


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _room(batch_bytes: int) -> int:
    """Return for how many processes there is shared memory; containers often have little."""
    if not _SHARED_MEMORY.is_dir():
        return _WORKERS
    return shutil.disk_usage(_SHARED_MEMORY).free // (_BATCHES_HELD * _LOADERS * batch_bytes)
