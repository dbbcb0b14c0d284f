"""Import a network that was trained elsewhere: its weights in, a model file out."""

import logging
from pathlib import Path

from geocity.core.model_contract import ModelContract
from geocity.errors import InputError
from geocity.io.library_versions import versions_with
from geocity.io.model_packages import write_model
from geocity.io.onnx_models import is_onnx
from geocity.io.staging import PathLike, fresh_output
from geocity.io.weight_files import read_weight_file
from geocity.tools.import_model_options import ImportOptions

__all__ = ["import_model"]

logger = logging.getLogger(__name__)

_PACKAGES = ("torch", "segmentation-models-pytorch")


def import_model(
    weights: PathLike, *, out: PathLike, options: ImportOptions, overwrite: bool = False
) -> Path:
    """Turn the weights of a segmentation-models-pytorch network into a model file.

    They may come from torch, geoai, or a checkpoint of TorchGeo. Nothing is run from the file: it
    may hold tensors and plain values alone. Everything else a model file says, which no weights
    file knows, is told by the options.

    Args:
        weights: a ``state_dict`` (.pth, .pt, .ckpt) or a .safetensors file.
        out: the model file to write.
        options: the network and what its images were like.
        overwrite: replace a file that is there.

    Returns:
        The path of the model file.

    Raises:
        InputError: if the file is missing or would run code when read, or an option makes no
            sense.
        ModelError: if the weights are not those of the network described.
        OutputExistsError: if ``out`` is there and may not be replaced.
    """
    path, source = fresh_output(out, overwrite=overwrite), Path(weights)
    if is_onnx(source):
        raise InputError(
            f"{source} is an ONNX file, which needs no import; give it to classify as the model."
        )
    contract = _contract(source, options)
    from geocity.models.foreign_weights import fit_whole_network
    from geocity.models.networks import make_network, network_weights

    arrays = read_weight_file(source)
    bands, classes = len(contract.bands), len(contract.classes)
    network = make_network(contract.architecture, contract.encoder, bands=bands, classes=classes)
    description = (
        f"{contract.architecture} with {contract.encoder}, {bands} bands and {classes} classes"
    )
    outputs = fit_whole_network(network, arrays, source=str(source), description=description)
    if outputs == 1:
        logger.info(
            "%s has one output, the score of %s; the model gives both classes.",
            source.name,
            contract.classes.names[1],
        )
    logger.info("%s is a %s.", source.name, description)
    return write_model(path, contract, network_weights(network), overwrite=overwrite)


def _contract(source: Path, options: ImportOptions) -> ModelContract:
    try:
        return ModelContract(
            architecture=options.architecture,
            encoder=options.encoder,
            bands=options.bands,
            dtype=options.dtype,
            value_range=options.pixel_range,
            cell_size_m=options.cell_size_m,
            classes=options.classes,
            scale=options.pixel_scale,
            mean=options.mean,
            std=options.std,
            tile_size=options.tile_size,
            padding=options.padding,
            options={"imported from": source.name},
            versions=versions_with(*_PACKAGES),
        )
    except ValueError as error:
        raise InputError(f"These options make no model: {error}.") from error
