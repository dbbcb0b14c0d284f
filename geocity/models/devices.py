"""Where a network computes, how precisely, and what to do where its memory is too small."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from geocity.errors import InputError

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "32", "bf16", "16")
SMALLER_BATCH = "give a smaller --batch-size, or --device cpu"
"""What helps where many samples at a time do not fit."""


def choose_device(device: str) -> str:
    """Return ``cpu`` or ``cuda``.

    Raises:
        InputError: if a GPU is asked for and there is none, or the name is unknown.
    """
    if device not in DEVICES:
        raise InputError(f"unknown device {device!r}; expected {', '.join(DEVICES)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device was found; use --device cpu, or auto to choose by itself")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def choose_precision(precision: str, device: str) -> str:
    """Return ``32``, ``bf16`` or ``16``: bf16 where the device computes it itself, else 32.

    A CPU that emulates bfloat16 is slower with it than without.

    Raises:
        InputError: if the name is unknown, or the device cannot compute so.
    """
    if precision not in PRECISIONS:
        raise InputError(f"unknown precision {precision!r}; expected {', '.join(PRECISIONS)}")
    if precision == "16" and device == "cpu":
        raise InputError("16-bit floats need a GPU; use --precision auto, 32 or bf16 on a CPU")
    if precision == "auto":
        return "bf16" if has_bf16(device) else "32"
    return precision


def has_bf16(device: str) -> bool:
    """Tell whether a device multiplies bfloat16 itself."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Not public, and torch has no public way to ask: where a question is missing, the answer is no.
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, name, bool)()) for name in names)


@contextmanager
def within_memory(remedy: str) -> Iterator[None]:
    """Say in a sentence that the memory of the card is too small for what is done inside.

    It also serves as a decorator.

    Args:
        remedy: what the user can do about it.

    Raises:
        InputError: if it is.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(f"the memory of the GPU is too small for this; {remedy}") from error


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether an error means that the memory of the card is used up."""
    # A card that others have filled up refuses already its first use, by an error of the driver.
    return isinstance(error, torch.OutOfMemoryError) or "CUDA error: out of memory" in str(error)
