"""An Esri model definition (.emd): how ArcGIS learns what a model takes and gives.

Source: Esri's raster-deep-learning, "Esri Model Definition file".
"""

import json
from typing import Any

from geocity.core.model_contract import ModelContract

NOT_OPENED = (
    "Written to Esri's published specification; not yet opened in ArcGIS Pro. Please report how "
    "it goes."
)


def esri_definition(
    contract: ModelContract, *, name: str, network: str, function: str, runtime: str
) -> str:
    """Write the model definition of a package whose raster function is geocity's own.

    Args:
        contract: the model's contract; tile and padding are those of the network.
        name: of the model.
        network: name of the ONNX file beside the definition.
        function: name of the raster function's file beside the definition.
        runtime: what the function needs, for the description.

    Returns:
        JSON, equal for equal contracts.
    """
    bands = ", ".join(contract.bands)
    classes = ", ".join(contract.classes.names)
    definition: dict[str, Any] = {
        "ModelName": name,
        "ModelType": "ImageClassification",
        "ModelFile": network,
        "InferenceFunction": function,
        "Description": (
            f"{NOT_OPENED} Classifies pixels as {classes}, on imagery with the bands {bands} in "
            f"this order, {contract.dtype}, with pixels of about {contract.cell_size_m:g} m: set "
            f"the cell size of the environment to it. {runtime}"
        ),
        "ImageHeight": contract.tile_size,
        "ImageWidth": contract.tile_size,
        "ExtractBands": list(range(len(contract.bands))),
        "BatchSize": 1,
        "Padding": contract.padding,
        "ImageSpaceUsed": "MAP_SPACE",
        "ModelFormat": "NCHW",
        "Classes": [
            {"Value": c.value, "Name": c.name, "Color": list(c.color)} for c in contract.classes
        ],
        # Read by geocity's raster function alone.
        "Geocity": {
            "Scale": contract.scale,
            "Mean": list(contract.mean),
            "Std": list(contract.std),
            "CellSizeMetres": contract.cell_size_m,
            "Bands": list(contract.bands),
            "DataType": contract.dtype,
            "ModelId": contract.model_id,
        },
    }
    return json.dumps(definition, indent=2, ensure_ascii=False) + "\n"
