"""Runs an ONNX model through OpenVINO, which reads ONNX itself."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Window
from geocity.core.padding import pad_reflect
from geocity.errors import InputError, ModelError
from geocity.io.model_packages import OnnxPackage
from geocity.models.openvino_engine import quickest_precision
from geocity.models.openvino_runtime import openvino

# Rounding may carry a soft-max this far out of 0 … 1, no farther.
_SLACK = 0.01
_LEAST = 1e-30


class OnnxEngine:
    """An ONNX network on the CPU; see `geocity.models.engines.Engine`.

    It gives probabilities, so its logits are their logarithms: a soft-max over those gives the
    probabilities back.

    Args:
        package: the model.
        tile: side of the tiles; smaller ones than the network takes are filled up by mirroring.
        precision: ``f32`` or ``bf16``; by default what the processor is quickest at.

    Raises:
        InputError: if the tiles are larger than the network takes.
        ModelError: if OpenVINO cannot run the network.
    """

    default_batch = 1

    def __init__(self, package: OnnxPackage, tile: int, *, precision: str | None = None) -> None:
        ov = openvino()
        core = ov.Core()
        self.precision = precision or quickest_precision(core)
        self.name = f"openvino {self.precision}"
        self.version: str = ov.get_version()
        self._path = package.path
        self._classes = len(package.contract.classes)
        options = {"INFERENCE_PRECISION_HINT": self.precision, "PERFORMANCE_HINT": "LATENCY"}
        try:
            network = core.read_model(str(package.path))
            self._side = _side(network, tile)
            network.reshape([1, len(package.contract.bands), self._side, self._side])
            found = tuple(network.output(0).partial_shape.to_shape())
            self._request: Any = core.compile_model(network, "CPU", options).create_infer_request()
        except RuntimeError as error:
            reason = str(error).strip().splitlines()
            raise ModelError(
                f"{package.path} cannot be run by OpenVINO ({reason[-1][:200] if reason else ''}); "
                "export it again with other operators"
            ) from error
        if tile > self._side:
            raise InputError(
                f"{package.path} takes tiles of {self._side} pixels and {tile} were asked for; "
                "leave the tile size to the model"
            )
        if found[2:] != (self._side, self._side) or found[1] not in (1, self._classes):
            raise ModelError(
                f"{package.path} gives {found} for a tile of {self._side} pixels, expected "
                f"{self._classes} probabilities for each of its pixels"
            )

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run tiles one at a time; see `geocity.models.engines.Engine`.

        Raises:
            ModelError: if the network gives anything but probabilities.
        """
        return np.stack([self._predict(tile) for tile in batch])

    def _predict(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        rows, cols = tile.shape[1:]
        square = Window(0, 0, self._side, self._side)
        full = np.ascontiguousarray(pad_reflect(tile, Window(0, 0, rows, cols), square))
        scores = self._request.infer({0: full[None]}, share_inputs=True)[0][0, :, :rows, :cols]
        low, high = float(scores.min()), float(scores.max())
        if not (low >= -_SLACK and high <= 1 + _SLACK):
            raise ModelError(
                f"{self._path} gives values of {low:.3g} to {high:.3g}, expected probabilities "
                "from 0 to 1; export it with the soft-max or sigmoid in its graph"
            )
        if len(scores) < self._classes:
            scores = np.concatenate([1 - scores, scores])
        logits: NDArray[np.float32] = np.log(np.clip(scores, _LEAST, 1))
        return logits

    def close(self) -> None:
        """Let the network go."""
        self._request = None


def _side(network: Any, tile: int) -> int:
    """Return the side of the network's input: its own where it is fixed, else the tile's."""
    rows = network.input(0).partial_shape[2]
    return int(rows.get_length()) if rows.is_static else tile
