"""A model's answers to the patches of one image, row of patches by row of patches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from geocity.models.cities.inference import CityModel

ReadPatch = Callable[[int, int, int], tuple[NDArray[np.uint8], float]]
"""Upper row, left column and side of a patch to its pixels (3, side, side) and valid share."""

_ENOUGH_VALID = 0.5
"""A patch with fewer valid pixels says more about the edge of the data than about a city."""


@dataclass(frozen=True, eq=False)
class RowAnswers:
    """What a model said about one row of patches; patches without enough data are left out.

    Attributes:
        row: upper pixel row of the patches.
        cols: int64 (patches,), their left pixel columns.
        logits: float32 (patches, cities).
        embeddings: float32 (patches, features).
    """

    row: int
    cols: NDArray[np.int64]
    logits: NDArray[np.float32]
    embeddings: NDArray[np.float32]


def answers_by_row(
    model: CityModel,
    read_patch: ReadPatch,
    origins: tuple[Sequence[int], Sequence[int]],
    side: int,
    *,
    batch_size: int = 32,
) -> Iterator[RowAnswers]:
    """Ask a model about all patches of an image.

    Args:
        model: the model.
        read_patch: reads a patch.
        origins: upper rows and left columns of the patches.
        side: of a patch, in pixels of the image.
        batch_size: patches at a time.

    Yields:
        One row of patches after the other, from the top; a row without data is left out.
    """
    rows, cols = origins
    for row in rows:
        parts = [
            _ask(model, read_patch, row, cols[start : start + batch_size], side)
            for start in range(0, len(cols), batch_size)
        ]
        found = [part for part in parts if part is not None]
        if found:
            yield RowAnswers(row, *(np.concatenate(column) for column in zip(*found, strict=True)))


def _ask(
    model: CityModel, read_patch: ReadPatch, row: int, cols: Sequence[int], side: int
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]] | None:
    patches, kept = [], []
    for col in cols:
        pixels, valid = read_patch(row, col, side)
        if valid >= _ENOUGH_VALID:
            patches.append(torch.from_numpy(pixels))
            kept.append(col)
    if not patches:
        return None
    with torch.inference_mode():
        prepared = model.prepare(torch.stack(patches).float())
        logits, embeddings = model.logits_and_embeddings(prepared)
    columns = (logits.float().cpu().numpy(), embeddings.float().cpu().numpy())
    return np.array(kept, np.int64), *columns
