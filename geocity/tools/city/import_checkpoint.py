"""Turn a checkpoint of DL-SLICER into a city model."""

import logging
from pathlib import Path

from geocity.core.cities import dl_slicer
from geocity.core.cities.contract import CityContract
from geocity.errors import InputError
from geocity.io.cities.manifest import read_city_folder
from geocity.io.cities.packages import write_city_package
from geocity.io.library_versions import versions_with
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.city.train_options import BANDS, IMAGENET_MEAN, IMAGENET_STD

__all__ = ["import_checkpoint"]

logger = logging.getLogger(__name__)


def import_checkpoint(
    checkpoint: PathLike,
    *,
    out: PathLike,
    cities: PathLike | None = None,
    overwrite: bool = False,
) -> Path:
    """Read a torchvision ResNet's checkpoint safely and write it as a city model.

    Nothing is run from the file: it may hold tensors and the classes of such a network alone, in
    ``DataParallel`` or not, whole or as a ``state_dict``. The model gives the same logits. Patches
    are expected as DL-SLICER made them: 200 m, resized to 224 pixels, ImageNet's normalisation.

    Args:
        checkpoint: the ``.pth`` file.
        out: the model file to write.
        cities: a city folder whose cities, in their order, are the network's outputs; if None,
            the 45 of DL-SLICER.
        overwrite: replace a file that is there.

    Returns:
        The path of the model file.

    Raises:
        InputError: if the file is missing, holds no ResNet, or has another number of outputs.
        ModelError: if it is damaged, or would run code when read.
        OutputExistsError: if ``out`` is there and may not be replaced.
    """
    from geocity.models.cities.checkpoint import read_checkpoint

    path = fresh_output(out, overwrite=overwrite)
    source = Path(checkpoint)
    names = dl_slicer.CITIES if cities is None else _names(cities)
    found = read_checkpoint(source)
    if found.cities != len(names):
        whose = "DL-SLICER has" if cities is None else f"{cities} has"
        raise InputError(
            f"{source} tells {found.cities} cities apart, and {whose} {len(names)}; give the city "
            "folder that it was trained on (--cities)"
        )
    contract = CityContract(
        backbone=found.backbone,
        cities=names,
        bands=BANDS,
        dtype="uint8",
        value_range=(0.0, 255.0),
        patch_m=dl_slicer.PATCH_M,
        cell_size_m=dl_slicer.PATCH_M / dl_slicer.PATCH_PX,
        input_px=dl_slicer.INPUT_PX,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        per_image=False,
        options={"imported from": source.name},
        versions=versions_with("timm"),
    )
    logger.info("%s is a %s for %d cities.", source.name, found.backbone, found.cities)
    return write_city_package(path, contract, found.weights, overwrite=overwrite)


def _names(cities: PathLike) -> tuple[tuple[str, str], ...]:
    return tuple((city.code, city.name) for city in read_city_folder(cities).cities)
