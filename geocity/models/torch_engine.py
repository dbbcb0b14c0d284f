"""Runs a network through torch: on CUDA in half precision, or on the CPU when asked to."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geocity.io.model_packages import ModelPackage
from geocity.models.devices import has_bf16
from geocity.models.networks import load_network


class TorchEngine:
    """A network in torch, channels last; see `geocity.models.engines.Engine`.

    On CUDA it computes in float16 and takes whole batches, halving them when the memory of the
    card is too small; on the CPU tile by tile, in bfloat16 where the processor has it.

    Args:
        package: the model.
        device: ``cpu`` or ``cuda``.
        precision: ``f32``, ``bf16`` or ``f16``; by default what the device is quickest at.
    """

    def __init__(self, package: ModelPackage, device: str, *, precision: str | None = None) -> None:
        self.precision = precision or _quickest_precision(device)
        self.name = f"torch {device} {self.precision}"
        self.version = str(torch.__version__)
        self.default_batch = 8 if device == "cuda" else 1
        self._device = torch.device(device)
        self._dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[
            self.precision
        ]
        network = load_network(package).to(self._device)
        network = network.to(self._dtype) if device == "cuda" else network
        self._network: Any = network.to(memory_format=torch.channels_last)

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run a batch of tiles."""
        if self._device.type == "cuda":
            return self._on_cuda(batch)
        return np.concatenate([self._forward(tile[None]) for tile in batch])

    def _on_cuda(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            return self._forward(batch)
        except torch.cuda.OutOfMemoryError:
            if len(batch) == 1:
                raise
        torch.cuda.empty_cache()
        middle = len(batch) // 2
        return np.concatenate([self._on_cuda(batch[:middle]), self._on_cuda(batch[middle:])])

    def _forward(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        tiles = torch.from_numpy(batch).to(self._device)
        cuda = self._device.type == "cuda"
        tiles = tiles.to(self._dtype if cuda else torch.float32, memory_format=torch.channels_last)
        half = not cuda and self._dtype is not torch.float32
        with torch.inference_mode(), torch.autocast("cpu", self._dtype, enabled=half):
            logits: NDArray[np.float32] = self._network(tiles).float().cpu().numpy()
        return np.ascontiguousarray(logits)

    def close(self) -> None:
        """Let the network and the memory of the card go."""
        self._network = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def _quickest_precision(device: str) -> str:
    if device == "cuda":
        return "f16"
    return "bf16" if has_bf16(device) else "f32"
