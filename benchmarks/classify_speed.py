"""How much time classification spends outside the network, and against the plain TorchGeo loop.

Run: ``python benchmarks/classify_speed.py [--rows 3584] [--tile 1024] [--loop-tiles 4]``

Three ways over the same tiles of one generated scene, with one U-Net-ResNet34 of random weights:

1. the engine's pure forward passes, nothing else;
2. ``geocity.classify``, end to end, blending and the cloud-optimised GeoTIFF included; the start of
   the engine, about two seconds whatever the scene, is told apart;
3. the loop that TorchGeo's documentation leads to: RasterDataset, GridGeoSampler, DataLoader, the
   float32 network, centres pasted. It is timed on a few tiles and scaled to all of them.

Wall and CPU time are both given: on a machine with other work only CPU time means something.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.classify_inputs import write_network, write_scene
from geocity.core.tiles import plan_tiles
from geocity.io.model_packages import read_model
from geocity.models import engines
from geocity.models.engines import Engine
from geocity.tools.classify import ClassifyOptions, classify


def timed(work: Callable[[], object]) -> tuple[float, float, object]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def forward_passes(engine: Engine, tiles: int, side: int) -> tuple[float, float]:
    batch = np.random.default_rng(0).normal(size=(1, 3, side, side)).astype(np.float32)
    wall, cpu, _ = timed(lambda: [engine.predict(batch) for _ in range(tiles)])
    return wall, cpu


def start(model: Path, side: int) -> tuple[float, float, Engine]:
    """Start the engine and run a first tile, which also sets things up."""

    def begin() -> Engine:
        engine = engines.make_engine(read_model(model), side, engine="openvino")
        engine.predict(np.zeros((1, 3, side, side), np.float32))
        return engine

    wall, cpu, engine = timed(begin)
    return wall, cpu, engine


def end_to_end(
    scene: Path, model: Path, out: Path, side: int, padding: int, engine: Engine
) -> tuple[float, float]:
    """Classify with an engine that has started: its start is told apart."""
    options = ClassifyOptions(tile_size=side, padding=padding, engine="openvino")
    with (
        mock.patch.object(engines, "make_engine", return_value=engine),
        mock.patch.object(engine, "close"),
    ):
        wall, cpu, _ = timed(lambda: classify(scene, model=model, out=out, options=options))
    return wall, cpu


def plain_loop(
    scene: Path, model: Path, side: int, padding: int, tiles: int
) -> tuple[float, float, np.ndarray]:
    import torch
    from torch.utils.data import DataLoader
    from torchgeo.datasets import RasterDataset, stack_samples
    from torchgeo.samplers import GridGeoSampler

    from geocity.models.networks import load_network

    package = read_model(model)
    network = load_network(package)
    mean = torch.tensor(package.contract.mean)[:, None, None]
    std = torch.tensor(package.contract.std)[:, None, None]
    dataset = RasterDataset(str(scene))
    sampler = GridGeoSampler(dataset, size=side, stride=side - 2 * padding)
    loader = DataLoader(dataset, sampler=sampler, batch_size=1, collate_fn=stack_samples)
    results = []

    def loop() -> None:
        with torch.inference_mode():
            for number, sample in enumerate(loader):
                if number == tiles:
                    break
                logits = network((sample["image"] / package.contract.scale - mean) / std)
                classes = logits.argmax(1)[0, padding : side - padding, padding : side - padding]
                results.append(classes.numpy().astype(np.uint8))

    wall, cpu, _ = timed(loop)
    return wall, cpu, np.stack(results)


def agreement(scene: Path, model: Path, side: int) -> float:
    """Return the share of pixels where the engine and torch in float32 name the same class."""
    import torch

    from geocity.core.grid import Window
    from geocity.core.normalise import normalise
    from geocity.io.rasters import open_scene
    from geocity.models.networks import load_network

    package = read_model(model)
    with open_scene(scene) as source:
        pixels, valid = source.read(Window(0, 0, side, side))
    batch = normalise(pixels, package.contract, valid)[None]
    engine = engines.make_engine(package, side, engine="openvino")
    with torch.inference_mode():
        expected = load_network(package)(torch.from_numpy(batch)).numpy()
    return float((engine.predict(batch).argmax(1) == expected.argmax(1)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=3584)
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--padding", type=int, default=64)
    parser.add_argument("--loop-tiles", type=int, default=4)
    parser.add_argument("--scene", type=Path, help="a real scene to measure agreement on")
    options = parser.parse_args()
    from geocity.models.openvino_engine import processor

    print("processor:", processor())
    side, padding = options.tile, options.padding
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = write_scene(folder / "scene.tif", options.rows, options.rows)
        model = write_network(folder / "unet.geocity", "resnet34")
        tiles = len(plan_tiles((options.rows, options.rows), side, padding))
        mpx = options.rows**2 / 1e6
        print(f"{tiles} tiles of {side} with padding {padding}, {mpx:.1f} Mpx")
        start(model, side)  # prepares the network, which is done once per model
        began = start(model, side)
        engine = began[2]
        first = forward_passes(engine, tiles, side)
        whole = end_to_end(scene, model, folder / "c.tif", side, padding, engine)
        second = forward_passes(engine, tiles, side)
        pure = [(a + b) / 2 for a, b in zip(first, second, strict=True)]
        print(f"engine's start  {began[0]:7.1f} s wall {began[1]:7.1f} s CPU")
        print(f"forward passes  {pure[0]:7.1f} s wall {pure[1]:7.1f} s CPU")
        print(f"classify        {whole[0]:7.1f} s wall {whole[1]:7.1f} s CPU")
        print(f"  ratio         {whole[0] / pure[0]:7.2f}        {whole[1] / pure[1]:7.2f}")
        if options.loop_tiles:
            wall, cpu, _ = plain_loop(scene, model, side, padding, options.loop_tiles)
            scale = tiles / options.loop_tiles
            print(f"plain loop      {wall * scale:7.1f} s wall {cpu * scale:7.1f} s CPU")
            ratios = wall * scale / whole[0], cpu * scale / whole[1]
            print(f"  ratio         {ratios[0]:7.2f}        {ratios[1]:7.2f}")
        same = agreement(options.scene or scene, model, side)
        print(f"agreement with float32 on a tile: {same:.4%}")


if __name__ == "__main__":
    main()
