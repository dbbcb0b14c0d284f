"""What runs a network over tiles, and which of them suits the machine."""

import ctypes
import logging
import math
import sys
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geocity.errors import InputError, MissingDependencyError, ModelError
from geocity.io.model_packages import ModelPackage, OnnxPackage

logger = logging.getLogger(__name__)

DEVICES = ("auto", "cpu", "cuda")
ENGINES = ("auto", "openvino", "torch")


class Engine(Protocol):
    """Runs one network.

    Attributes:
        name: what computes, and how precisely, for example ``openvino bf16``.
        version: version of the software behind it.
        default_batch: tiles at a time that suit it.
    """

    name: str
    version: str
    default_batch: int

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits (n, classes, tile, tile) of normalised tiles (n, bands, tile, tile)."""

    def close(self) -> None:
        """Give back what it holds."""


def make_engine(
    package: ModelPackage, tile: int, *, device: str = "auto", engine: str = "auto"
) -> Engine:
    """Choose and start what runs a model here.

    CUDA where there is a card that works; else OpenVINO on the CPU, in bfloat16 where the
    processor has it; torch on the CPU where OpenVINO cannot run the network. ONNX models run
    through OpenVINO.

    Args:
        package: the model.
        tile: side of the tiles in pixels.
        device: ``auto``, ``cpu`` or ``cuda``.
        engine: ``auto``, ``openvino`` (CPU only) or ``torch``.

    Raises:
        InputError: if device and engine do not go together, or there is no such device.
        ModelError: if the model cannot be run.
    """
    if device not in DEVICES or engine not in ENGINES:
        raise InputError(
            f"Device {device!r} and engine {engine!r}: expected one of {', '.join(DEVICES)} and "
            f"one of {', '.join(ENGINES)}."
        )
    if isinstance(package, OnnxPackage):
        return _onnx(package, tile, device, engine)
    if device == "cuda" and engine == "openvino":
        raise InputError("OpenVINO runs on the CPU here; use --engine torch with --device cuda.")
    if engine != "openvino" and device != "cpu" and _has_cuda():
        return _torch(package, "cuda")
    if device == "cuda":
        raise InputError(
            "No CUDA device works here (is the driver installed, and torch built for it?); "
            "use --device cpu."
        )
    if engine == "torch":
        return _torch(package, "cpu")
    return _openvino(package, tile, forced=engine == "openvino")


def finite_logits(engine: Engine, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a batch; see `Engine.predict`.

    Raises:
        ModelError: if the network answers with anything but finite numbers, which would end as
            background.
    """
    logits = engine.predict(batch)
    # The sum costs less than a look at every number, and is finite only where all of them are.
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(logits.sum())
    if not math.isfinite(total) and not np.isfinite(logits).all():
        raise ModelError(
            f"The network answers with values that are no finite numbers (run by {engine.name}); "
            "its pixels are not scaled as in its training, or its weights are damaged: see the "
            "model's scale, mean and std, or make the model again."
        )
    return logits


def _onnx(package: OnnxPackage, tile: int, device: str, engine: str) -> Engine:
    if device == "cuda" or engine == "torch":
        raise InputError(
            f"{package.path} is an ONNX model, which OpenVINO runs on the CPU; leave out --device "
            "and --engine, or give the model that it was made of."
        )
    from geocity.models.onnx_engine import OnnxEngine

    return OnnxEngine(package, tile)


def _openvino(package: ModelPackage, tile: int, *, forced: bool) -> Engine:
    from geocity.models.openvino_engine import OpenVinoEngine

    try:
        return OpenVinoEngine(package, tile)
    except (ModelError, MissingDependencyError) as error:
        if forced:
            raise
        logger.warning("%s Going on with torch, which is slower.", error)
        return _torch(package, "cpu")


def _torch(package: ModelPackage, device: str) -> Engine:
    from geocity.models.torch_engine import TorchEngine

    return TorchEngine(package, device)


def _has_cuda() -> bool:
    """Tell whether torch can use an NVIDIA card, without importing torch where there is none."""
    if not _has_nvidia_driver():
        return False
    import torch

    return torch.cuda.is_available()


def _has_nvidia_driver() -> bool:
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL(name)
        started = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    except (OSError, AttributeError):
        return False
    return started and count.value > 0
