"""Weights that a user brings: safetensors, a geocity model, or a torch file of plain tensors."""

from pathlib import Path

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from geocity.errors import InputError, ModelError
from geocity.io.cities.packages import read_city_package
from geocity.io.model_packages import read_model
from geocity.io.staging import PathLike


def read_weight_file(path: PathLike) -> dict[str, NDArray[np.generic]]:
    """Read the arrays of a weight file, by name.

    Nothing is unpickled but tensors and plain containers (torch's ``weights_only``), so a file
    cannot run code. A training checkpoint's ``state_dict`` is found by itself.

    Raises:
        InputError: if the file is missing or holds no weights that can be read safely.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path}: there is no such weight file; give a .safetensors or .pth file, a geocity "
            "model, none, imagenet, or a TorchGeo weights name"
        )
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    for read in (read_model, read_city_package):
        try:
            return read(path).weights()
        except ModelError:
            continue
    return _read_torch(path)


def _read_safetensors(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        arrays: dict[str, NDArray[np.generic]] = safetensors.numpy.load_file(path)
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise InputError(f"{path} is not a safetensors file ({error}); export it again") from error
    return arrays


def _read_torch(path: Path) -> dict[str, NDArray[np.generic]]:
    import pickle
    import zipfile

    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} holds no weights that can be read without running code from it; "
            "save the bare state_dict, or better a .safetensors file"
        ) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    tensors = content.items() if isinstance(content, dict) else ()
    arrays = {
        str(name): tensor.float().numpy() if tensor.is_floating_point() else tensor.numpy()
        for name, tensor in tensors
        if isinstance(tensor, torch.Tensor)
    }
    if not arrays:
        raise InputError(f"{path} holds no tensors; expected a state_dict of the encoder")
    return arrays
