"""The model file of the slum half: a `ModelContract` in a file of `geocity.io.package_files`.

ONNX files that carry a contract are opened through the same door.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geocity.core.contract_fields import SLUMS
from geocity.core.model_contract import FORMAT_VERSION, ModelContract
from geocity.errors import ModelError
from geocity.io.model_cards import model_card
from geocity.io.onnx_models import is_onnx, read_onnx_contract
from geocity.io.package_files import Package, Weights, read_contract, write_package
from geocity.io.staging import PathLike

__all__ = [
    "FORMAT_VERSION",
    "ModelContract",
    "ModelPackage",
    "OnnxPackage",
    "read_model",
    "write_model",
]


class ModelPackage(Package[ModelContract]):
    """A model file that gives every pixel a class."""

    __slots__ = ()


class OnnxPackage(ModelPackage):
    """An ONNX file with a contract in its metadata: it can be run, and nothing else."""

    __slots__ = ()

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Refuse: the weights are woven into the graph.

        Raises:
            ModelError: always.
        """
        raise ModelError(
            f"{self.path} is an ONNX file, which can be run and not taken apart; give the model "
            "that geocity train or geocity import-model wrote"
        )

    def card(self) -> str:
        """Write the model card from the contract."""
        return model_card(self.contract)


def write_model(
    out: PathLike,
    contract: ModelContract,
    weights: Weights,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a model file.

    Args:
        out: the file to write.
        contract: what the model expects and gives; its hash is filled in.
        weights: arrays by name.
        overwrite: replace a file that is there.

    Returns:
        The path of the file.

    Raises:
        ModelError: if a weight is not finite.
        OutputExistsError: if ``out`` is there and may not be replaced.
    """
    return write_package(out, contract, weights, model_card, overwrite=overwrite)


def read_model(path: PathLike) -> ModelPackage:
    """Open a model file: check it and read its contract.

    Args:
        path: a file of geocity, or an ONNX file (``.onnx``) with the metadata of Deepness.

    Raises:
        ModelError: if the file is missing, is not a geocity model, is a city model, is damaged,
            was tampered with, or was written by a newer version; or if an ONNX file does not
            give every pixel a class.
    """
    if is_onnx(path):
        return OnnxPackage(Path(path), read_onnx_contract(path))
    return ModelPackage(Path(path), read_contract(path, SLUMS, ModelContract.from_json))
