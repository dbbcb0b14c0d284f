"""The learning rate range test (Smith 2017), as ArcGIS runs it."""

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from geocity.core.learning_rate import Suggestion, range_test_rate, smooth_losses, suggest_rate
from geocity.core.progress import Progress, silent
from geocity.errors import InputError
from geocity.models.devices import SMALLER_BATCH, within_memory
from geocity.models.segmentation import GRADIENT_NORM, SegmentationTask, make_optimizer

STEPS = 150
_DIVERGED = 4.0
_SKIPPED = 5
_AUTOCAST = {"bf16": torch.bfloat16, "16": torch.float16}

Batch = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class RangeTest:
    """What a range test found.

    Attributes:
        rates: learning rate of each step.
        losses: smoothed loss of each step.
        suggestion: the rate to use.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: Suggestion


@within_memory(SMALLER_BATCH)
def range_test(
    task: SegmentationTask,
    batches: Iterable[Batch],
    *,
    device: str,
    precision: str = "32",
    prepare: Callable[[Batch], Batch] = lambda batch: batch,
    steps: int = STEPS,
    progress: Progress = silent,
) -> RangeTest:
    """Train for some steps while the rate rises from 1e-6 towards 1, then put the weights back.

    The steps are those of a training's first epoch: the same loss, precision and shortening of
    gradients, and the encoder as it is where training begins so. The test ends when the smoothed
    loss is four times its best, or is no number.

    Args:
        task: the task; afterwards it is on the CPU with the weights that it had, no tensor of the
            test is left, and torch's cache of a card's memory is empty.
        batches: training batches, as many as ``steps`` or without end.
        device: ``cpu`` or ``cuda``.
        precision: ``32``, ``bf16`` or ``16``.
        prepare: applied to each batch on the device, for example augmentation.
        steps: number of steps.
        progress: told of every step.

    Raises:
        InputError: if the loss diverged before there was anything to see, or a batch does not fit
            into the memory of the device.
    """
    before = copy.deepcopy(task.state_dict())
    ready = ({k: v.to(device) for k, v in batch.items()} for batch in batches)
    try:
        rates, raw = _climb(task, map(prepare, ready), device, precision, steps, progress)
    finally:
        task.zero_grad(set_to_none=True)
        task.to("cpu").load_state_dict(before)
        # Training may run in a process of its own, which wants the same card.
        torch.cuda.empty_cache()
    return _conclude(rates, raw)


def _climb(
    task: SegmentationTask,
    batches: Iterator[Batch],
    device: str,
    precision: str,
    steps: int,
    progress: Progress,
) -> tuple[list[float], list[float]]:
    """Return the rates and the losses of the steps that were made."""
    task.to(memory_format=torch.channels_last).to(device).train()
    task.begin_epoch(0)
    optimizer = make_optimizer(task.model, task.options)
    scaler = torch.amp.GradScaler(device, enabled=precision == "16")
    shares = [group["lr"] / task.options.rate for group in optimizer.param_groups]
    rates: list[float] = []
    raw: list[float] = []
    for step, batch in zip(range(steps), batches, strict=False):
        rate = range_test_rate(step, steps)
        for group, share in zip(optimizer.param_groups, shares, strict=True):
            group["lr"] = rate * share
        with torch.autocast(device, _AUTOCAST.get(precision), enabled=precision in _AUTOCAST):
            loss = task.loss_of(batch)
        _step(task, loss, optimizer, scaler)
        rates.append(rate)
        raw.append(float(loss.detach()))
        smoothed = smooth_losses(raw)
        progress(step + 1, steps, "finding the learning rate")
        if not math.isfinite(raw[-1]) or smoothed[-1] > _DIVERGED * min(smoothed):
            break
    return rates, raw


def _step(
    task: SegmentationTask, loss: Tensor, optimizer: Optimizer, scaler: torch.amp.GradScaler
) -> None:
    optimizer.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(task.parameters(), GRADIENT_NORM)
    scaler.step(optimizer)
    scaler.update()


def _conclude(rates: list[float], raw: list[float]) -> RangeTest:
    finite = [loss for loss in raw if math.isfinite(loss)]
    if len(finite) <= 2 * _SKIPPED:
        raise InputError(
            f"the loss diverged after {len(finite)} steps of the learning rate test; "
            "check the chips with show-chips, or give a rate with --lr"
        )
    losses = smooth_losses(finite)
    kept = rates[: len(losses)]
    return RangeTest(tuple(kept), tuple(losses), suggest_rate(kept, losses, skip=_SKIPPED))
