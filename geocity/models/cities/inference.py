"""A city model at work: patches in, logits and embeddings out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from geocity.core.cities.contract import CityContract
from geocity.core.progress import Progress, silent
from geocity.data.cities.normalise import Normalisation, resized
from geocity.io.cities.packages import read_city_package
from geocity.io.staging import PathLike
from geocity.models.cities.networks import (
    city_head,
    city_stages,
    load_city_network,
    logits_and_embeddings,
)
from geocity.models.devices import SMALLER_BATCH, choose_device, within_memory


class CityModel:
    """A network that names cities, with all that its pixels need first.

    Attributes:
        contract: what it expects and gives.
        network: (batch, bands, input_px, input_px) to logits (batch, cities), in ``eval`` mode.
        device: where it computes. A batch that does not fit into its memory is an `InputError`.
        stages: names of a ResNet's stages from the image to the head; empty for other networks.
    """

    def __init__(self, contract: CityContract, network: nn.Module, *, device: str = "cpu") -> None:
        self.contract = contract
        self.device = torch.device(device)
        with within_memory("free it of other work, or give --device cpu"):
            network = network.to(self.device)
        self.network = network.to(memory_format=torch.channels_last).eval()
        self.stages = city_stages(network)
        self._normalisation = Normalisation(contract.per_image, contract.mean, contract.std)
        self._head = city_head(network, len(contract.cities))

    @within_memory(SMALLER_BATCH)
    def prepare(self, pixels: Tensor) -> Tensor:
        """Resize and normalise patches.

        Args:
            pixels: (batch, bands, rows, cols), 0 to 255.

        Returns:
            The network's input (batch, bands, input_px, input_px), on the model's device.
        """
        x = resized(pixels.to(self.device, torch.float32), self.contract.input_px)
        x = self._normalisation(x)
        return x.contiguous(memory_format=torch.channels_last)

    @within_memory(SMALLER_BATCH)
    def logits(self, prepared: Tensor) -> Tensor:
        """Return the logits (batch, cities) of prepared patches, with gradients if they are on."""
        logits: Tensor = self.network(prepared)
        return logits

    def embeddings(self, prepared: Tensor) -> Tensor:
        """Return what the head sees of prepared patches: (batch, features)."""
        return self.logits_and_embeddings(prepared)[1]

    @within_memory(SMALLER_BATCH)
    def logits_and_embeddings(self, prepared: Tensor) -> tuple[Tensor, Tensor]:
        """Return both from one run of the network."""
        return logits_and_embeddings(self.network, self._head, prepared)


def load_city_model(path: PathLike, *, device: str = "auto") -> CityModel:
    """Load a city model, ready to predict.

    Raises:
        ModelError: if the file is no city model, or is damaged.
        InputError: if the device is not there.
    """
    package = read_city_package(path)
    return CityModel(package.contract, load_city_network(package), device=choose_device(device))


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model said about patches, in the order in which they were asked.

    Attributes:
        logits: float32 (patches, cities), not yet divided by the temperature.
        embeddings: float32 (patches, features).
        labels: int64 (patches,), the true cities.
        patches: int64 (patches,), rows of the city folder's patches.
    """

    logits: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    labels: NDArray[np.int64]
    patches: NDArray[np.int64]


def predict_patches(
    model: CityModel,
    dataset: Dataset[dict[str, Any]],
    *,
    batch_size: int = 32,
    progress: Progress = silent,
) -> Predictions:
    """Run a model over every patch of a dataset, in its order.

    Args:
        model: the model.
        dataset: samples as `CityPatchDataset` gives them.
        batch_size: patches at once.
        progress: told how many patches are done.
    """
    total = len(dataset)  # type: ignore[arg-type]  # map-style datasets have a length
    logits, embeddings, labels, patches = [], [], [], []
    done = 0
    with torch.inference_mode():
        for batch in DataLoader(dataset, batch_size=batch_size):
            scores, seen = model.logits_and_embeddings(model.prepare(batch["image"]))
            logits.append(scores.float().cpu().numpy())
            embeddings.append(seen.float().cpu().numpy())
            labels.append(batch["label"].numpy().astype(np.int64))
            patches.append(batch["patch"].numpy().astype(np.int64))
            done += len(scores)
            progress(done, total, "patches")
    return Predictions(*(_joined(part) for part in (logits, embeddings, labels, patches)))


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0)
