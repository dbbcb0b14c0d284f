"""The model file of the slum half: a `ModelContract` in a file of `geocity.io.package_files`."""

from dataclasses import replace
from pathlib import Path

from geocity.core.contract_fields import SLUMS
from geocity.core.model_contract import FORMAT_VERSION, ModelContract
from geocity.io.model_cards import model_card
from geocity.io.package_files import Package, Weights, read_contract, write_package
from geocity.io.staging import PathLike

__all__ = [
    "FORMAT_VERSION",
    "ModelContract",
    "ModelPackage",
    "read_model",
    "write_model",
]


class ModelPackage(Package[ModelContract]):
    """A model file that gives every pixel a class."""

    __slots__ = ()


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

    def seal(sha256: str) -> ModelContract:
        return replace(contract, weights_sha256=sha256)

    return write_package(out, weights, seal, model_card, overwrite=overwrite)


def read_model(path: PathLike) -> ModelPackage:
    """Open a model file: check it and read its contract.

    Raises:
        ModelError: if the file is missing, is not a geocity model, is a city model, is damaged,
            was tampered with, or was written by a newer version.
    """
    return ModelPackage(Path(path), read_contract(path, SLUMS, ModelContract.from_json))
