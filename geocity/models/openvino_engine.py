"""Runs a network through OpenVINO: the quickest way on a CPU, and without torch in memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.io.model_packages import ModelPackage
from geocity.models.openvino_conversion import converted
from geocity.models.openvino_runtime import openvino


class OpenVinoEngine:
    """A network on the CPU; see `geocity.models.engines.Engine`.

    Args:
        package: the model.
        tile: side of the tiles.
        precision: ``f32`` or ``bf16``; by default what the processor is quickest at.
    """

    default_batch = 1

    def __init__(self, package: ModelPackage, tile: int, *, precision: str | None = None) -> None:
        ov = openvino()
        core = ov.Core()
        self.precision = precision or quickest_precision(core)
        self.name = f"openvino {self.precision}"
        self.version: str = ov.get_version()
        network = core.read_model(converted(package, tile))
        network.reshape([1, len(package.contract.bands), tile, tile])
        options = {"INFERENCE_PRECISION_HINT": self.precision, "PERFORMANCE_HINT": "LATENCY"}
        self._request: Any = core.compile_model(network, "CPU", options).create_infer_request()

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run tiles one at a time, so that a tile's answer never depends on its neighbours."""
        answers = []
        for tile in batch:
            # The answer lies in memory that the next tile reuses: copy it out.
            answers.append(self._request.infer({0: tile[None]}, share_inputs=True)[0][0].copy())
        return np.stack(answers) if len(answers) > 1 else answers[0][None]

    def close(self) -> None:
        """Let the network go."""
        self._request = None


def quickest_precision(core: Any) -> str:
    """Return the precision that the processor computes natively: bf16 (AMX, AVX512_BF16) or f32.

    OpenVINO emulates bf16 elsewhere, at a fifth of the speed of f32.
    """
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def processor() -> str:
    """Return the processor's name and what it can do, for a report."""
    core = openvino().Core()
    able = ", ".join(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    return f"{core.get_property('CPU', 'FULL_DEVICE_NAME')} ({able})"
