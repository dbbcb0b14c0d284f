"""Checkpoints of torchvision ResNets, read without running code from them.

DL-SLICER saved whole pickled modules. torch's restricted unpickler reads them when it is allowed
exactly the classes of such a network; tensors are then taken out of the objects by name, and no
method of theirs is called. timm's ResNets have torchvision's names and give the same logits.
"""

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from geocity.errors import InputError, ModelError
from geocity.models.cities.networks import make_city_network
from geocity.models.networks import network_weights

_ALLOWED = [
    nn.DataParallel,
    ResNet,
    BasicBlock,
    Bottleneck,
    nn.Conv2d,
    nn.BatchNorm2d,
    nn.ReLU,
    nn.MaxPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Sequential,
    nn.Linear,
    set,
]
# Blocks per stage, and whether they have a third convolution.
_RESNETS: dict[tuple[tuple[int, ...], bool], str] = {
    ((2, 2, 2, 2), False): "resnet18",
    ((3, 4, 6, 3), False): "resnet34",
    ((3, 4, 6, 3), True): "resnet50",
    ((3, 4, 23, 3), True): "resnet101",
    ((3, 8, 36, 3), True): "resnet152",
}
_STATES = ("state_dict", "model_state_dict", "model", "net")
_DEEPEST = 20
_BANDS = 3


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        backbone: its name.
        cities: number of outputs.
        weights: arrays by name, as geocity's network has them.
    """

    backbone: str
    cities: int
    weights: Mapping[str, NDArray[np.generic]]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a ResNet's checkpoint: a pickled module or a state_dict, in DataParallel or not.

    Raises:
        InputError: if there is no such file, or it holds no ResNet of 18 to 152 layers.
        ModelError: if it is damaged, or reading it would mean running code from it.
    """
    state = {_bare(name): tensor for name, tensor in _tensors(_load(path)).items()}
    backbone = _backbone(path, state)
    head = state.get("fc.weight")
    if head is None or head.ndim != 2:
        raise InputError(f"{path} has no head fc that names cities; expected a whole ResNet")
    network = make_city_network(backbone, bands=_BANDS, cities=len(head))
    own = network.state_dict()
    for name, tensor in own.items():
        if name.endswith("num_batches_tracked"):
            state.setdefault(name, torch.zeros_like(tensor))  # old torch did not keep it
    odd = [name for name in own if name not in state or state[name].shape != own[name].shape]
    odd += sorted(state.keys() - own.keys())
    if odd:
        raise InputError(
            f"{path} looks like a {backbone}, but {len(odd)} of its tensors are not its, first "
            f"{odd[0]!r}; expected torchvision's network with three bands"
        )
    network.load_state_dict(state)
    return Checkpoint(backbone, len(head), network_weights(network))


def _load(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path}: there is no such checkpoint; give a .pth file")
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(_why_refused(path, str(error))) from error
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path} is no checkpoint that torch can read ({str(error)[:160]}); get it again"
        ) from error


def _why_refused(path: Path, reason: str) -> str:
    found = re.search(r"GLOBAL (\S+)", reason)
    what = f"{found.group(1)}, which is no part of a ResNet" if found else "more than a ResNet"
    return (
        f"{path} holds {what} and could run code when it is read, so it was not; expected a "
        "torchvision ResNet or its state_dict: save the bare state_dict where you trust the file"
    )


def _tensors(content: Any) -> dict[str, torch.Tensor]:
    if isinstance(content, nn.Module):
        return _module_tensors(content)
    for key in _STATES:
        if isinstance(content, dict) and isinstance(content.get(key), dict | nn.Module):
            return _tensors(content[key])
    found = content.items() if isinstance(content, dict) else ()
    return {str(name): t for name, t in found if isinstance(t, torch.Tensor)}


def _module_tensors(module: nn.Module, prefix: str = "", depth: int = 0) -> dict[str, torch.Tensor]:
    """Take tensors out of a module's dictionaries; it came from outside, so nothing is called."""
    if depth > _DEEPEST:
        raise ModelError("a module of the checkpoint holds itself; it is no network")
    found: dict[str, torch.Tensor] = {}
    inside = vars(module)
    for group in ("_parameters", "_buffers"):
        for name, tensor in dict(inside.get(group, {})).items():
            if isinstance(tensor, torch.Tensor):
                found[f"{prefix}{name}"] = tensor.detach()
    for name, child in dict(inside.get("_modules", {})).items():
        if isinstance(child, nn.Module):
            found |= _module_tensors(child, f"{prefix}{name}.", depth + 1)
    return found


def _bare(name: str) -> str:
    for prefix in ("module.", "model.", "module."):
        name = name.removeprefix(prefix)
    return name


def _backbone(path: Path, state: Mapping[str, torch.Tensor]) -> str:
    blocks = tuple(
        len({name.split(".")[1] for name in state if name.startswith(f"layer{stage}.")})
        for stage in range(1, 5)
    )
    backbone = _RESNETS.get((blocks, "layer1.0.conv3.weight" in state))
    if backbone is None:
        raise InputError(
            f"{path} holds {len(state)} tensors, but no ResNet of 18, 34, 50, 101 or 152 layers; "
            "expected a checkpoint of DL-SLICER or another torchvision ResNet"
        )
    return backbone
