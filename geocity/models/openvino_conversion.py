"""From a model file to OpenVINO's own format, in a process of its own.

Reading the network takes torch, which alone takes hundreds of megabytes and seconds; running it
does not. So the conversion happens once per model, in a child process (``python -m
geocity.models.openvino_conversion MODEL FOLDER TILE``), and its result is cached.
"""

import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import geocity
from geocity.errors import ModelError
from geocity.io.model_packages import ModelPackage, read_model
from geocity.io.user_cache import cached_folder
from geocity.models.openvino_runtime import openvino

logger = logging.getLogger(__name__)

NETWORK = "network.xml"
_ONE_SIZE = "runs_at_one_size"
_ANY_SIZE = 0
_VERSION = "1"  # of this conversion; another one makes the cache start anew
_TRACED_AT = 128
_CHECKED_AT = (192, 160)
_TOLERANCE = 1e-3


def converted(package: ModelPackage, tile: int) -> Path:
    """Return the network of a model file as OpenVINO reads it, from the cache if it can.

    Args:
        package: the model.
        tile: side of the tiles it will see; counts only for networks that work at one size.

    Raises:
        ModelError: if it cannot be converted.
    """
    contract = package.contract
    told = (contract.weights_sha256, contract.architecture, contract.encoder)
    version = openvino().get_version()
    key = hashlib.sha256("\n".join((*told, version, _VERSION)).encode()).hexdigest()[:32]
    for size in (_ANY_SIZE, tile):

        def make(folder: Path, size: int = size) -> None:
            logger.info("Preparing the model for this processor; this is done once per model.")
            _convert_in_child(package.path, folder, size)

        folder = cached_folder("openvino", f"{key}-{size or 'any'}", make)
        if (folder / NETWORK).exists():
            return folder / NETWORK
    raise ModelError(f"{package.path} has no OpenVINO network in {folder}; remove that folder.")


def _convert_in_child(model: Path, folder: Path, size: int) -> None:
    command = [sys.executable, "-m", __name__, str(model.resolve()), str(folder), str(size)]
    # The child must find the same geocity, wherever this one was imported from.
    paths = [str(Path(geocity.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise ModelError(
            f"{model} cannot be prepared for OpenVINO ({last[:300]}); "
            "run it with torch instead (--engine torch)."
        )


def convert(model: Path, folder: Path, size: int) -> None:
    """Convert a model file, and make sure that the copy answers as the original does.

    Args:
        model: the model file.
        folder: where the network is written, or a note that it runs at one size only: some
            decoders remember the size that they were traced at.
        size: side of the tiles, or 0 for a network that takes any.
    """
    import torch

    from geocity.models.networks import load_network

    ov = openvino()
    package = read_model(model)
    network = load_network(package)
    bands = len(package.contract.bands)
    side, free = (size, size) if size else (_TRACED_AT, -1)
    with torch.inference_mode():
        result = ov.convert_model(
            network,
            example_input=torch.zeros(1, bands, side, side),
            input=[1 if size else -1, bands, free, free],
        )
        if not size and not _agrees(ov, result, network, bands):
            (folder / _ONE_SIZE).write_text("The network depends on the size of its input.\n")
            return
    ov.save_model(result, folder / NETWORK, compress_to_fp16=False)


def _agrees(ov: Any, converted_network: Any, network: Any, bands: int) -> bool:
    import torch

    pixels = torch.rand((1, bands, *_CHECKED_AT), generator=torch.Generator().manual_seed(0)) - 0.5
    expected = network(pixels).numpy()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    try:
        found = ov.compile_model(converted_network, "CPU", options)(pixels.numpy())[0]
    except RuntimeError:
        return False
    apart = abs(found - expected).max()
    return bool(apart <= _TOLERANCE * max(1.0, abs(expected).max()))


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
