"""Where a network's weights start: from chance, from ImageNet, by a TorchGeo name, from a file."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geocity.io.weight_files import read_weight_file
from geocity.tools.train_options import is_weight_file

Start = Mapping[str, NDArray[np.generic]] | Literal["imagenet"] | None


def starting_weights(weights: str, network: str) -> Start:
    """Find what a choice of weights means.

    Args:
        weights: ``none``, ``imagenet``, a TorchGeo weights name, or a file.
        network: name of the encoder or backbone that they are for.

    Returns:
        Arrays by name, ``imagenet``, or None for random weights.

    Raises:
        InputError: if there are no such weights, or the file cannot be read safely.
    """
    if weights == "none":
        return None
    if weights == "imagenet":
        return "imagenet"
    if is_weight_file(weights):
        return read_weight_file(weights)
    from geocity.models.networks import torchgeo_weights

    return torchgeo_weights(weights, network)
