"""The learning rate range test (Smith 2017), as ArcGIS runs it."""

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from geocity.core.learning_rate import Suggestion, range_test_rate, smooth_losses, suggest_rate
from geocity.core.progress import Progress, silent
from geocity.errors import InputError
from geocity.models.segmentation import SegmentationTask, channels_last, make_optimizer

STEPS = 150
_DIVERGED = 4.0
_SKIPPED = 5

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


def range_test(
    task: SegmentationTask,
    batches: Iterable[Batch],
    *,
    device: str,
    bf16: bool = False,
    prepare: Callable[[Batch], Batch] = lambda batch: batch,
    steps: int = STEPS,
    progress: Progress = silent,
) -> RangeTest:
    """Train for some steps while the rate rises from 1e-6 towards 1, then put the weights back.

    It stops when the smoothed loss is four times its best, or is no number.

    Args:
        task: the task; its weights are the same afterwards.
        batches: training batches, as many as ``steps`` or without end.
        device: ``cpu`` or ``cuda``.
        bf16: compute in bfloat16.
        prepare: applied to each batch on the device, for example augmentation.
        steps: number of steps.
        progress: told of every step.

    Raises:
        InputError: if the loss diverged before there was anything to see.
    """
    before = copy.deepcopy(task.state_dict())
    task.to(memory_format=torch.channels_last).to(device).train()
    optimizer = make_optimizer(task.model, task.options)
    shares = [group["lr"] / task.options.rate for group in optimizer.param_groups]
    rates: list[float] = []
    raw: list[float] = []
    for step, batch in zip(range(steps), batches, strict=False):
        rate = range_test_rate(step, steps)
        for group, share in zip(optimizer.param_groups, shares, strict=True):
            group["lr"] = rate * share
        loss = _step(task, prepare({k: v.to(device) for k, v in batch.items()}), optimizer, bf16)
        rates.append(rate)
        raw.append(loss)
        smoothed = smooth_losses(raw)
        progress(step + 1, steps, "finding the learning rate")
        if not math.isfinite(loss) or smoothed[-1] > _DIVERGED * min(smoothed):
            break
    task.load_state_dict(before)
    return _conclude(rates, raw)


def _step(
    task: SegmentationTask, batch: Batch, optimizer: torch.optim.Optimizer, bf16: bool
) -> float:
    image = channels_last(batch["image"])
    with torch.autocast(image.device.type, torch.bfloat16, enabled=bf16):
        logits = task(image)
    loss: Tensor = task.criterion(logits, batch["mask"])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    optimizer.step()
    return float(loss.detach())


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
