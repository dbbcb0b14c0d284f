"""A model over whole chips, one at a time, as they were labelled."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geocity.core.agreement import Probabilities
from geocity.core.classes import NODATA, ClassTable
from geocity.core.grid import Window
from geocity.core.normalise import normalise
from geocity.core.padding import pad_reflect
from geocity.core.probabilities import decide, probabilities
from geocity.io.model_packages import ModelPackage
from geocity.models import engines
from geocity.models.engines import Engine

# Encoders halve five times; a side that is no multiple of 32 shifts the decoder's grid.
SIDE_MULTIPLE = 32


class ChipPredictor:
    """Runs a model over whole chips, with one engine for each size of chip that turns up.

    Args:
        package: the model.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    def __init__(self, package: ModelPackage, device: str = "auto") -> None:
        self._package = package
        self._device = device
        self._engines: dict[int, Engine] = {}

    def predict(
        self, pixels: NDArray[Any], valid: NDArray[np.bool_]
    ) -> tuple[NDArray[np.uint8], Probabilities]:
        """Classify a chip.

        Args:
            pixels: the model's bands in its order, (bands, rows, cols), as stored.
            valid: (rows, cols), False where there is no data.

        Returns:
            Class values uint8 (rows, cols), 255 where not valid, and the probability of classes
            by their value: of the second class alone where there are two.

        Raises:
            ModelError: if the network answers with anything but finite numbers.
        """
        contract = self._package.contract
        rows, cols = valid.shape
        side = -(-max(rows, cols) // SIDE_MULTIPLE) * SIDE_MULTIPLE
        inside, square = Window(0, 0, rows, cols), Window(0, 0, side, side)
        ready = normalise(
            pad_reflect(pixels, inside, square), contract, pad_reflect(valid, inside, square)
        )
        logits = engines.finite_logits(self._engine(side), ready[None])[0][:, :rows, :cols]
        layers = probabilities(np.ascontiguousarray(logits), contract.temperature)
        predicted = decide(layers, contract.classes.values, contract.thresholds)
        predicted[~valid] = NODATA
        return predicted, _by_value(layers, contract.classes)

    def _engine(self, side: int) -> Engine:
        if side not in self._engines:
            self._engines[side] = engines.make_engine(self._package, side, device=self._device)
        return self._engines[side]

    def close(self) -> None:
        """Let the engines go."""
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()


def _by_value(layers: NDArray[np.float32], classes: ClassTable) -> Probabilities:
    values = classes.values
    if len(layers) < len(values):
        return {values[-1]: layers[0]}
    return dict(zip(values, layers, strict=True))
