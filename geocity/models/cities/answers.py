"""A model's answers to many patches, run in parts so that memory holds logits alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, Subset

from geocity.core.progress import Progress, silent
from geocity.models.cities.inference import CityModel, Predictions, predict_patches

_PART = 4096
"""Patches whose embeddings are held at once."""


def patch_logits(
    model: CityModel,
    dataset: Dataset[dict[str, Any]],
    *,
    batch_size: int = 32,
    take: Callable[[Predictions], None] | None = None,
    progress: Progress = silent,
    stage: str = "patches",
) -> NDArray[np.float32]:
    """Return the logits of every patch of a dataset, (patches, cities), in its order.

    Args:
        model: the model.
        dataset: samples as `CityPatchDataset` gives them.
        batch_size: patches at once.
        take: is given each part of the predictions, embeddings included.
        progress: told how many patches are done.
        stage: what to call it.
    """
    total = len(dataset)  # type: ignore[arg-type]  # map-style datasets have a length
    logits = np.zeros((total, len(model.contract.cities)), np.float32)
    for start in range(0, total, _PART):
        end = min(start + _PART, total)

        def tell(done: int, _total: int, _stage: str, start: int = start) -> None:
            progress(start + done, total, stage)

        part = predict_patches(
            model, Subset(dataset, range(start, end)), batch_size=batch_size, progress=tell
        )
        logits[start:end] = part.logits
        if take is not None:
            take(part)
    return logits
