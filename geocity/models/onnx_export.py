"""A model file's network as one ONNX file that old and new readers open.

The file is single, of version 8 with operators of version 18, which onnxruntime has opened from
1.14 on and so do Deepness in QGIS (1.17) and ArcGIS Pro (1.17 to 1.22). Temperature and soft-max
are in the graph: probabilities come out. Equal models make equal bytes.
"""

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from geocity.core.model_contract import ModelContract
from geocity.errors import MissingDependencyError, ModelError
from geocity.io.model_packages import ModelPackage
from geocity.models.networks import load_network
from geocity.models.openvino_runtime import openvino

IR_VERSION = 8
OPSET = 18
INPUT, OUTPUT = "image", "probabilities"

_TOLERANCE = 2e-3


class _Probabilities(nn.Module):
    """A network whose answer is probabilities.

    Args:
        network: gives logits.
        contract: of the model.
        bare: the program that runs it knows neither holes nor context beyond a raster's edge.
            Then pixels that are 0 in every band count as pixels without data, which enter a
            network as 0 after normalisation; and the tile is mirrored at its sides and into what
            is empty to its right and below, as geocity does where a tile reaches outside.
    """

    black: Tensor
    near: Tensor

    def __init__(self, network: nn.Module, contract: ModelContract, *, bare: bool) -> None:
        super().__init__()
        self.network = network
        self.temperature = contract.temperature
        self.bare = bare
        self.margin = contract.padding if bare else 0
        mean, std = (torch.tensor(v, dtype=torch.float64) for v in (contract.mean, contract.std))
        # Normalised, and half a step of the pixels' values around it.
        self.register_buffer("black", (-mean / std).float().view(1, -1, 1, 1))
        self.register_buffer("near", (0.5 / (contract.scale * std)).float().view(1, -1, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Return the probability of every class."""
        if self.bare:
            image = self._filled(image)
        if not self.margin:
            return torch.softmax(self.network(image) / self.temperature, dim=1)
        image = functional.pad(image, (self.margin,) * 4, mode="reflect")
        inside = slice(self.margin, -self.margin)
        logits = self.network(image)[:, :, inside, inside]
        return torch.softmax(logits / self.temperature, dim=1)

    def _filled(self, image: Tensor) -> Tensor:
        seen = ((image - self.black).abs() > self.near).to(image.dtype).amax(dim=1, keepdim=True)
        image = image * seen
        holds_data = seen[0, 0]
        image = image.index_select(2, _mirrored(holds_data))
        return image.index_select(3, _mirrored(holds_data.T))


def _mirrored(holds_data: Tensor) -> Tensor:
    """Return which row stands at each place, mirrored about the last that holds data.

    Only about a straight edge, of a raster or of a hole: one where most of that row holds data. A
    slanting one belongs to a collar without data, which stays empty.

    Args:
        holds_data: (rows, cols), 1 where there is data.
    """
    places = torch.arange(len(holds_data))
    last = (places * holds_data.amax(dim=1).to(places.dtype)).amax(dim=0)
    edge = holds_data.index_select(0, last.reshape(1)).sum()
    straight = edge >= 0.5 * holds_data.amax(dim=0).sum()
    last = torch.where(straight, last, places[-1])
    return torch.where(places <= last, places, 2 * last - places).clamp(min=0)


def onnx_bytes(
    package: ModelPackage, tile: int, metadata: Mapping[str, str], *, bare: bool
) -> bytes:
    """Write a network as ONNX.

    Args:
        package: the model.
        tile: side of its input in pixels, which is fixed.
        metadata: texts by key that go into the file.
        bare: for a program that knows neither holes nor context beyond a raster's edge: pixels
            that are 0 in every band count as holes, and tiles are mirrored at their sides.

    Returns:
        The content of the file: it takes (1, bands, tile, tile) float32, normalised, and gives the
        probability of every class, (1, classes, tile, tile).

    Raises:
        MissingDependencyError: if what writes ONNX is not installed.
        ModelError: if the network cannot be written, or answers otherwise once it is.
    """
    onnx = _onnx()
    network = load_network(package)
    contract = package.contract
    whole = _Probabilities(network, contract, bare=bare).eval()
    image = torch.zeros(1, len(contract.bands), tile, tile)
    model = _exported(onnx, whole, image, package.path)
    _make_plain(model)
    model.metadata_props.sort(key=lambda entry: entry.key)
    onnx.helper.set_model_props(model, dict(sorted(metadata.items())))
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    _compare(content, whole, image.shape, package.path)
    return content


def _onnx() -> Any:
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch writes through it
    except ImportError as error:
        raise MissingDependencyError(
            f"{error.name} is not installed, which writes ONNX files; install it with "
            "pip install 'geocity[export]'."
        ) from error
    return onnx


def _exported(onnx: Any, network: nn.Module, image: Tensor, path: Path) -> Any:
    # It explains itself at length on stdout and in the log; one sentence on failure is enough.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(False), torch.no_grad():
        file = Path(folder) / "network.onnx"
        try:
            torch.onnx.export(
                network,
                (image,),
                file,
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        except (RuntimeError, TypeError, ValueError, torch.onnx.OnnxExporterError) as error:
            raise ModelError(
                f"{path} cannot be written as ONNX ({_reason(error)}); its architecture has parts "
                "that ONNX lacks"
            ) from error
        return onnx.load(file)


def _reason(error: BaseException) -> str:
    """Return what was the matter at the bottom of a chain of errors."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _make_plain(model: Any) -> None:
    """Take out what tells of the machine it was made on, and what old readers refuse."""
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version, model.doc_string = "geocity", "", ""
    graph = model.graph
    graph.name, graph.doc_string = "geocity", ""
    for part in (model, graph, *graph.node, *graph.initializer, *graph.value_info):
        del part.metadata_props[:]
        part.doc_string = ""
    for port in (*graph.input, *graph.output):
        del port.metadata_props[:]
        port.doc_string = ""


def _compare(content: bytes, network: nn.Module, shape: torch.Size, path: Path) -> None:
    """Make sure that the file answers as the network does."""
    pixels = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = network(pixels).numpy()
    ov = openvino()
    core = ov.Core()
    run = core.compile_model(core.read_model(content), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    apart = float(np.abs(run(pixels.numpy())[0] - expected).max())
    if not apart <= _TOLERANCE:
        raise ModelError(
            f"{path} answers otherwise once it is ONNX (probabilities differ by {apart:.2g}); "
            "please report its architecture and encoder"
        )
