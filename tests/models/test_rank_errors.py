"""What a process of a training says before it ends reaches whoever started it."""

import pytest
import torch
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, spawn

from geocity.errors import InputError, WorkError
from geocity.models.rank_errors import rank_errors
from tests.failing_rank import refuse


def test_a_refusal_comes_over_as_the_same_sentence():
    with (
        pytest.raises(InputError, match=r"^the training diverged .* its loss is no number$"),
        rank_errors(),
    ):
        spawn(refuse, nprocs=1)


def test_a_killed_process_is_told_of():
    with pytest.raises(WorkError, match=r"process 0 .* \(SIGKILL\).*--devices"), rank_errors():
        raise ProcessExitedException("process 0 …", 0, 99, exit_code=-9, signal_name="SIGKILL")


def ended(last):
    """The error of a process whose traceback ends so, as torch hands it over."""
    frames = 'Traceback (most recent call last):\n  File "train.py", line 1, in step\n    x()\n'
    text = f"{frames}geocity.errors.InputError: handled since\n\nDuring …\n\n{frames}{last}\n"
    return ProcessRaisedException(f"\n\n-- Process 1 terminated with …:\n{text}", 1, 99)


@pytest.mark.parametrize(
    "last",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
        "torch.AcceleratorError: CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation'",
    ],
)
def test_a_full_card_is_a_full_card(last):
    with pytest.raises(torch.OutOfMemoryError, match="out of memory"), rank_errors():
        raise ended(last)


@pytest.mark.parametrize("last", ["ValueError: odd", "KeyError: 'loss'", "AssertionError"])
def test_anything_else_is_passed_on_as_it_came(last):
    with pytest.raises(ProcessRaisedException, match="Process 1"), rank_errors():
        raise ended(last)
