"""Deep learning packages (.dlpk): a zip of a model definition, a network and a raster function."""

import json
from pathlib import Path

from geocity.core.esri_definition import NOT_OPENED, esri_definition
from geocity.core.model_contract import ModelContract
from geocity.io import esri_raster_function
from geocity.io.model_cards import model_card
from geocity.io.staging import PathLike, staged
from geocity.io.stored_zips import write_stored_zip

NETWORK = "model.onnx"
FUNCTION = "GeocityClassifier.py"
RUNTIME = "It needs numpy and onnxruntime, which ArcGIS Pro brings from 3.3 on."


def write_deep_learning_package(
    out: PathLike,
    contract: ModelContract,
    network: bytes,
    item: dict[str, object],
    *,
    name: str,
    overwrite: bool = False,
) -> Path:
    """Write a deep learning package.

    Args:
        out: the file to write (``.dlpk``).
        contract: the model's contract; tile and padding are those of the network.
        network: the ONNX file.
        item: the STAC item that describes it.
        name: of the model.
        overwrite: replace a file that is there.

    Returns:
        The path of the file. Equal models have equal bytes.
    """
    definition = esri_definition(
        contract, name=name, network=NETWORK, function=FUNCTION, runtime=RUNTIME
    )
    function = Path(esri_raster_function.__file__).read_bytes()
    members = {
        f"{name}.emd": definition.encode(),
        FUNCTION: function,
        NETWORK: network,
        "model_card.md": model_card(contract).encode(),
        "stac-item.json": (json.dumps(item, indent=2, ensure_ascii=False) + "\n").encode(),
        "README.md": _readme(contract, name).encode(),
    }
    with staged(out, overwrite=overwrite) as stage:
        write_stored_zip(stage.path, members)
    return Path(out)


def _readme(contract: ModelContract, name: str) -> str:
    return f"""# {name}

{NOT_OPENED}

In ArcGIS Pro with the Image Analyst extension: Classify Pixels Using Deep Learning, this package as
the model definition. In the tool's environments set the cell size to {contract.cell_size_m:g} m.
The imagery needs the bands {", ".join(contract.bands)}, in this order, of type {contract.dtype}.

{RUNTIME} The raster function `{FUNCTION}` is part of geocity (Apache-2.0) and can be read.
"""
