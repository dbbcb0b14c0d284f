"""The model file of the city half: a `CityContract` in a file of `geocity.io.package_files`."""

from pathlib import Path

from geocity.core.cities.contract import CityContract
from geocity.core.contract_fields import CITY
from geocity.io.cities.model_cards import city_model_card
from geocity.io.package_files import Package, Weights, read_contract, write_package
from geocity.io.staging import PathLike


class CityPackage(Package[CityContract]):
    """A model file that names the city of a patch."""

    __slots__ = ()


def write_city_package(
    out: PathLike, contract: CityContract, weights: Weights, *, overwrite: bool = False
) -> Path:
    """Write a city model.

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
    return write_package(out, contract, weights, city_model_card, overwrite=overwrite)


def read_city_package(path: PathLike) -> CityPackage:
    """Open a city model: check it and read its contract.

    Raises:
        ModelError: if the file is missing, is not a geocity model, is a slum model, is damaged,
            was tampered with, or was written by a newer version.
    """
    return CityPackage(Path(path), read_contract(path, CITY, CityContract.from_json))
