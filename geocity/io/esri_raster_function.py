"""A Python raster function that gives every pixel a class, for deep learning packages.

This file is shipped as it is: in a package it stands beside the model definition (.emd) as
``GeocityClassifier.py``, where ArcGIS finds the class of that name. It needs numpy and onnxruntime
alone, which ArcGIS Pro brings from 3.3 on, and no geocity.

Written to Esri's published description of Python raster functions and of the deep learning ones
(their methods, and what they are given); not yet run by ArcGIS Pro itself.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np

# Pixel type, NoData, dimensions and resampling come from the input (bits of Esri's description).
_INHERITED = 2 | 4 | 8
# Statistics and histogram of the input mean nothing for classes.
_INVALIDATED = 2 | 4


class GeocityClassifier:
    """Classifies pixels tile by tile with the network of a geocity model."""

    def __init__(self) -> None:
        self.name = "geocity classifier"
        self.description = "Gives every pixel one of the classes of a geocity model."
        self._definition: dict[str, Any] = {}
        self._session: Any = None
        self._network = ""
        self._device = -1
        self._tile = 0
        self._padding = 0

    def initialize(self, **kwargs: Any) -> None:
        """Read the model definition: the path of the .emd, or its text.

        Args:
            kwargs: ``model``, and ``device``: -1 for the CPU, else a graphics card.
        """
        if "model" not in kwargs:
            return
        told = str(kwargs["model"])
        folder = Path(__file__).resolve().parent
        if not told.lstrip().startswith("{"):
            folder = Path(told).resolve().parent
            told = Path(told).read_text(encoding="utf-8")
        self._definition = json.loads(told)
        network = Path(self._definition["ModelFile"])
        self._network = str(network if network.is_absolute() else folder / network)
        self._tile = int(self._definition["ImageHeight"])
        self._padding = int(self._definition["Padding"])
        self._device = int(kwargs.get("device", -1))

    def getParameterInfo(self) -> list[dict[str, Any]]:  # noqa: N802 - ArcGIS's name
        """Tell ArcGIS what a user may set."""
        return [
            {
                "name": "raster",
                "dataType": "raster",
                "required": True,
                "displayName": "Raster",
                "description": "Imagery with the bands of the model, in its order.",
            },
            {
                "name": "model",
                "dataType": "string",
                "required": True,
                "displayName": "Input Model Description (EMD) File",
                "description": "Model definition: the .emd file.",
            },
            {
                "name": "device",
                "dataType": "numeric",
                "required": False,
                "value": -1,
                "displayName": "Device ID",
                "description": "-1 for the CPU, otherwise the number of a graphics card.",
            },
            {
                "name": "padding",
                "dataType": "numeric",
                "required": False,
                "value": self._padding,
                "displayName": "Padding",
                "description": "Pixels of context around what is kept of each tile; below half.",
            },
        ]

    def getConfiguration(self, **scalars: Any) -> dict[str, Any]:  # noqa: N802 - ArcGIS's name
        """Tell ArcGIS which pixels to bring: kept squares with a margin of padding."""
        self._padding = int(float(scalars.get("padding", self._padding)))
        if not 0 <= 2 * self._padding < self._tile:
            raise ValueError(
                f"A padding of {self._padding} leaves nothing of a tile of {self._tile} pixels; "
                f"give 0 to {self._tile // 2 - 1}."
            )
        kept = self._tile - 2 * self._padding
        return {
            "extractBands": tuple(self._definition["ExtractBands"]),
            "padding": self._padding,
            "tx": kept,
            "ty": kept,
            "fixedTileSize": 1,
            "inheritProperties": _INHERITED,
            "invalidateProperties": _INVALIDATED,
            "inputMask": True,
        }

    def updateRasterInfo(self, **kwargs: Any) -> dict[str, Any]:  # noqa: N802 - ArcGIS's name
        """Describe the result: one band of class values with their names and colours."""
        info = kwargs["output_info"]
        info["bandCount"] = 1
        info["pixelType"] = "u1"
        info["statistics"] = ()
        info["histogram"] = ()
        info["rasterAttributeTable"] = json.dumps(self._attribute_table())
        return kwargs

    def updatePixels(  # noqa: N802 - ArcGIS's name
        self,
        tlc: Any,
        shape: Any,
        props: dict[str, Any],
        **pixelBlocks: Any,  # noqa: N803
    ) -> dict[str, Any]:
        """Classify one block.

        Args:
            tlc: where its top left corner lies; not needed.
            shape: of the block that is asked for.
            props: properties of the result; ``pixelType`` is used.
            pixelBlocks: ``raster_pixels`` (bands, rows, cols) with the margin, ``raster_mask``
                (0 where there is no data).
        """
        pixels = np.asarray(pixelBlocks["raster_pixels"])
        mask = pixelBlocks.get("raster_mask")
        valid = np.ones(pixels.shape, bool) if mask is None else np.asarray(mask) != 0
        valid = valid.all(axis=0) if valid.ndim == 3 else valid
        classes, holds_data = self._classify(pixels, valid)
        pixelBlocks["output_pixels"] = classes[None].astype(props["pixelType"], copy=False)
        pixelBlocks["output_mask"] = holds_data[None].astype("u1", copy=False)
        return pixelBlocks

    def _classify(self, pixels: Any, valid: Any) -> tuple[Any, Any]:
        """Classify the inside of a block, tile by tile.

        Returns:
            Class values and which pixels hold data, both without the margin.
        """
        tile, margin = self._tile, self._padding
        kept = tile - 2 * margin
        rows, cols = (length - 2 * margin for length in valid.shape)
        classes = np.zeros((rows, cols), np.uint8)
        for row in range(0, rows, kept):
            for col in range(0, cols, kept):
                window = (slice(row, row + tile), slice(col, col + tile))
                if not valid[window].any():
                    continue
                square = self._prepare(pixels[(slice(None), *window)], valid[window])
                part = self._run(square)[margin : tile - margin, margin : tile - margin]
                place = (slice(row, row + kept), slice(col, col + kept))
                room = classes[place].shape
                classes[place] = part[: room[0], : room[1]]
        inside = (slice(margin, margin + rows), slice(margin, margin + cols))
        holds_data = valid[inside]
        classes[~holds_data] = 0
        return classes, holds_data

    def _prepare(self, pixels: Any, valid: Any) -> Any:
        """Normalise a tile, and mirror it into what lies beyond the raster.

        Rows and columns at its sides without any data are beyond the raster's edge, where geocity
        mirrors the image. Other pixels without data become 0, the average.
        """
        rows = _mirrored(valid, self._tile)
        cols = _mirrored(valid.T, self._tile)
        pixels = pixels[:, rows[:, None], cols]
        valid = valid[rows[:, None], cols]
        own = self._definition["Geocity"]
        mean, std = np.asarray(own["Mean"], np.float64), np.asarray(own["Std"], np.float64)
        gain = (1.0 / (own["Scale"] * std)).astype(np.float32)
        offset = (-mean / std).astype(np.float32)
        ready = pixels.astype(np.float32)
        ready *= gain[:, None, None]
        ready += offset[:, None, None]
        ready = np.nan_to_num(ready, nan=0.0, posinf=0.0, neginf=0.0)
        ready[:, ~valid] = 0.0
        return ready

    def _run(self, square: Any) -> Any:
        if self._session is None:
            self._session = self._open()
        name = self._session.get_inputs()[0].name
        scores = self._session.run(None, {name: square[None]})[0][0]
        values = np.asarray([c["Value"] for c in self._definition["Classes"]], np.uint8)
        return values[scores.argmax(axis=0)]

    def _open(self) -> Any:
        runtime = importlib.import_module("onnxruntime")
        providers = ["CPUExecutionProvider"]
        if self._device != -1 and "CUDAExecutionProvider" in runtime.get_available_providers():
            # -2 leaves the choice of the card to us: the first one.
            card = {"device_id": max(self._device, 0)}
            return runtime.InferenceSession(
                self._network, providers=[("CUDAExecutionProvider", card), *providers]
            )
        return runtime.InferenceSession(self._network, providers=providers)

    def _attribute_table(self) -> dict[str, Any]:
        fields = [("OID", "OID"), ("Value", "Integer"), ("Class", "String")]
        fields += [(name, "Integer") for name in ("Red", "Green", "Blue")]
        features = []
        for number, entry in enumerate(self._definition["Classes"], start=1):
            red, green, blue = entry["Color"]
            attributes = {
                "OID": number,
                "Value": entry["Value"],
                "Class": entry["Name"],
                "Red": red,
                "Green": green,
                "Blue": blue,
            }
            features.append({"attributes": attributes})
        return {
            "objectIdFieldName": "OID",
            "fields": [
                {"name": name, "type": f"esriFieldType{kind}", "alias": name}
                for name, kind in fields
            ],
            "features": features,
        }


def _mirrored(valid: Any, length: int) -> Any:
    """Return which of a tile's rows stands at each place of a full tile.

    It is mirrored about straight edges alone, of a raster or of a hole: rows most of which hold
    data. A slanting one belongs to a collar without data, which stays empty.

    Args:
        valid: (rows, cols), True where there is data, somewhere at least.
        length: rows of a full tile.
    """
    counts = valid.sum(axis=1)
    most = 0.5 * valid.any(axis=0).sum()
    inside = np.flatnonzero(counts)
    first = int(inside[0]) if counts[inside[0]] >= most else 0
    last = int(inside[-1]) if counts[inside[-1]] >= most else len(valid) - 1
    if first == last:
        return np.full(length, first)
    period = 2 * (last - first)
    places = (np.arange(length) - first) % period
    return first + np.minimum(places, period - places)
