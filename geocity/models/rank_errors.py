"""What stopped a process of a training on several devices, raised in the one that started it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from geocity import errors
from geocity.models.devices import is_out_of_memory

_HEADER = "Traceback (most recent call last):\n"


@contextmanager
def rank_errors() -> Iterator[None]:
    """Raise what a started process said before it ended, as if it had been said here.

    Only the text of an error comes over from another process. Those of ours, and those about the
    memory of a card, are made again from it; any other is passed on as it came.

    Raises:
        GeocityError: the one that was raised there.
        OutOfMemoryError: if the memory of its card was too small.
        WorkError: if it was killed.
    """
    try:
        yield
    except ProcessRaisedException as error:
        kind, message = _last_words(error.msg)
        if is_out_of_memory(RuntimeError(message)) or kind == "torch.OutOfMemoryError":
            raise torch.OutOfMemoryError(message) from error
        ours = getattr(errors, kind.removeprefix(f"{errors.__name__}."), None)
        if ours is None:
            raise
        raise ours(message) from error
    except ProcessExitedException as error:
        raise errors.WorkError(
            f"process {error.error_index} of the training was ended from outside "
            f"({error.signal_name or f'exit code {error.exit_code}'}), as happens where memory "
            "runs out; give a smaller --batch-size or fewer --devices"
        ) from error


def _last_words(text: str) -> tuple[str, str]:
    """Return the class and the message of the error that a traceback ends with."""
    lines = text.rpartition(_HEADER)[2].splitlines()
    # The frames before it are indented.
    last = next((line for line in lines if line and not line[0].isspace()), "")
    kind, _, message = last.partition(": ")
    return kind, message
