"""Weights of a whole network from another program, fitted to one of ours by name and shape."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from geocity.errors import ModelError

Weights = Mapping[str, NDArray[np.generic]]

# What TorchGeo, Lightning, DataParallel, torch.compile and geocity's own task put before names.
_PREFIXES = (
    "",
    "model.",
    "module.",
    "model.module.",
    "network.",
    "net.",
    "_orig_mod.",
    "model._orig_mod.",
)
_HEAD = ("segmentation_head.0.weight", "segmentation_head.0.bias")
_NAMED = 3


def fit_whole_network(
    network: nn.Module, weights: Weights, *, source: str, description: str
) -> int:
    """Give a network all its weights from a file of another program.

    Whatever prefix the names carry is taken off. What stands beside the network (a loss, measures)
    is left aside. A network with one output, the score of the second of two classes, becomes one
    with two outputs and the same probabilities.

    Args:
        network: of `geocity.models.networks.make_network`; changed in place.
        weights: arrays by name.
        source: what to call the file in messages.
        description: what to call the network in messages.

    Returns:
        How many outputs the file's network has.

    Raises:
        ModelError: if a tensor is missing, is of another shape, or belongs to another network.
    """
    own = network.state_dict()
    found: dict[str, NDArray[np.generic]] = {}
    for prefix in _PREFIXES:
        stripped = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        if len(stripped.keys() & own.keys()) > len(found.keys() & own.keys()):
            found = stripped
    found = {name: value for name, value in found.items() if not _stands_beside(name)}
    outputs = _outputs(found)
    found = _two_outputs(found, own)
    _check(own, found, source, description)
    state = {
        name: torch.from_numpy(np.array(found[name])).to(tensor.dtype)
        for name, tensor in own.items()
    }
    network.load_state_dict(state)
    return outputs or len(own[_HEAD[0]])


def _stands_beside(name: str) -> bool:
    return name.split(".")[0] in ("criterion", "loss", "loss_fn") or "_metrics." in name


def _outputs(found: Weights) -> int:
    head = found.get(_HEAD[0])
    return 0 if head is None else len(head)


def _two_outputs(found: Weights, own: Mapping[str, torch.Tensor]) -> dict[str, NDArray[np.generic]]:
    """Turn the head of one score z into logits 0 and z: their soft-max is its sigmoid."""
    result = dict(found)
    one = _outputs(found) == 1 and _HEAD[0] in own and len(own[_HEAD[0]]) == 2
    for name in _HEAD if one else ():
        if name in found:
            result[name] = np.concatenate([np.zeros_like(found[name]), found[name]])
    return result


def _check(own: Mapping[str, torch.Tensor], found: Weights, source: str, description: str) -> None:
    missing = [name for name in own if name not in found]
    foreign = [name for name in found if name not in own]
    odd = [
        f"{name} is {tuple(found[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in found and tuple(found[name].shape) != tuple(tensor.shape)
    ]
    reasons = []
    if missing:
        reasons.append(f"{len(missing)} tensors are missing ({_listed(missing)})")
    if foreign:
        reasons.append(f"{len(foreign)} are not the network's ({_listed(foreign)})")
    if odd:
        reasons.append("; ".join(odd[:_NAMED]))
    if reasons:
        raise ModelError(
            f"{source} does not fit {description}: {', '.join(reasons)}; check the architecture, "
            "the encoder, the bands and the classes"
        )


def _listed(names: list[str]) -> str:
    more = ", …" if len(names) > _NAMED else ""
    return ", ".join(name[:80] for name in names[:_NAMED]) + more
