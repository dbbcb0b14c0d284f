"""Runs a network through torch: on CUDA, or on the CPU when asked to."""

import logging
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geocity.core.model_contract import ModelContract
from geocity.core.normalise import normalise
from geocity.io.model_packages import ModelPackage
from geocity.models.devices import has_bf16, within_memory
from geocity.models.networks import load_network

logger = logging.getLogger(__name__)

_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
_PROBE_SIDE = 128
# Sound networks are some hundredths apart at most; one whose numbers overflow is far off.
_FARTHEST_APART = 0.1
_REMEDY = "give a smaller --tile-size, or --device cpu"


class TorchEngine:
    """A network in torch, channels last; see `geocity.models.engines.Engine`.

    Its weights and the statistics of its norms stay in float32, and torch computes in half
    precision what can bear it (autocast): a variance above 65504, which a network for unscaled
    reflectances may well hold, is infinite in float16 and would silence its channel.

    On CUDA it takes whole batches, halving them when the memory of the card is too small; on the
    CPU it goes tile by tile.

    Args:
        package: the model.
        device: ``cpu`` or ``cuda``.
        precision: ``f32``, ``bf16`` or ``f16``; by default what the device is quickest at, if the
            network then answers as it does in float32.

    Raises:
        InputError: if the network does not fit into the memory of the card.
    """

    def __init__(self, package: ModelPackage, device: str, *, precision: str | None = None) -> None:
        self.version = str(torch.__version__)
        self.default_batch = 8 if device == "cuda" else 1
        self._device = torch.device(device)
        with within_memory(_REMEDY):
            network = load_network(package).to(self._device)
            self._network: Any = network.to(memory_format=torch.channels_last)
            chosen = precision or self._faithful(_quickest_precision(device), package.contract)
        self.precision = chosen
        self.name = f"torch {device} {self.precision}"

    def predict(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run a batch of tiles.

        Raises:
            InputError: if not even one tile fits into the memory of the card.
        """
        if self._device.type == "cuda":
            with within_memory(_REMEDY):
                return self._halving(batch)
        return np.concatenate([self._forward(tile[None], self.precision) for tile in batch])

    def _halving(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            return self._forward(batch, self.precision)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
        torch.cuda.empty_cache()
        middle = len(batch) // 2
        return np.concatenate([self._halving(batch[:middle]), self._halving(batch[middle:])])

    def _faithful(self, precision: str, contract: ModelContract) -> str:
        """Return the precision if the network's answers bear it, else ``f32``.

        The question is put by a tile that the contract alone decides, so that all processes that
        share a scene come to the same precision.
        """
        if precision == "f32":
            return precision
        probe = _probe(contract)
        expected, found = self._forward(probe, "f32"), self._forward(probe, precision)
        # Not "above": where one of them is no number, nothing compares.
        if _norm(found - expected) <= _FARTHEST_APART * _norm(expected):
            return precision
        logger.warning(
            "In %s this network does not answer as it does in float32; it runs in float32, which "
            "is slower.",
            precision,
        )
        return "f32"

    def _forward(self, batch: NDArray[np.float32], precision: str) -> NDArray[np.float32]:
        tiles = torch.from_numpy(batch).to(self._device, memory_format=torch.channels_last)
        kind, dtype = self._device.type, _DTYPES[precision]
        with torch.inference_mode(), torch.autocast(kind, dtype, enabled=precision != "f32"):
            logits: NDArray[np.float32] = self._network(tiles).float().cpu().numpy()
        return np.ascontiguousarray(logits)

    def close(self) -> None:
        """Let the network and the memory of the card go."""
        self._network = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def _quickest_precision(device: str) -> str:
    if has_bf16(device):
        return "bf16"
    return "f16" if device == "cuda" else "f32"


def _probe(contract: ModelContract) -> NDArray[np.float32]:
    """Return a noisy ramp over all pixel values that a model may meet, as the network sees it."""
    low, high = contract.value_range
    ramp = np.linspace(0, 1, _PROBE_SIDE)
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (len(contract.bands), *ramp.shape * 2))
    pixels = low + (high - low) * np.clip(ramp + noise, 0, 1)
    return normalise(pixels, contract)[None]


def _norm(values: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(values.astype(np.float64).ravel()))
