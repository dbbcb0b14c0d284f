"""What the compact U-Net costs beside a U-Net with a ResNet34: a forward pass, a training step.

Both run in torch, float32, on one thread, in turn, so that what else the machine does hits both. A
training step is a forward pass, a backward pass and the update of AdamW. The median ratio counts.

Run: PYTHONPATH=. python benchmarks/compact_unet.py [--side 256] [--times 5]
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch

from geocity.core.model_contract import COMPACT
from geocity.models.networks import make_network

BANDS, CLASSES = 3, 2


def seconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def forward(network: torch.nn.Module, images: torch.Tensor) -> Callable[[], object]:
    """Return a forward pass as inference does it."""

    def run() -> object:
        network.eval()
        with torch.inference_mode():
            return network(images)

    return run


def training_step(network: torch.nn.Module, images: torch.Tensor) -> Callable[[], object]:
    """Return a step of training."""
    optimizer = torch.optim.AdamW(network.parameters())
    labels = torch.zeros(len(images), *images.shape[2:], dtype=torch.long)

    def run() -> None:
        network.train()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=256, help="of a crop, in pixels")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    images = torch.rand(options.batch, BANDS, options.side, options.side)
    small = make_network("unet", COMPACT, bands=BANDS, classes=CLASSES)
    large = make_network("unet", "resnet34", bands=BANDS, classes=CLASSES)
    for network, name in ((small, "compact"), (large, "U-Net-ResNet34")):
        weights = sum(p.numel() for p in network.parameters())
        print(f"{name}: {weights / 1e6:.2f} million weights")
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}")
    for name, make in (("forward pass", forward), ("training step", training_step)):
        works = [make(network, images) for network in (large, small)]
        for work in works:
            work()  # the first call lays out memory
        ratios = [seconds(works[0]) / seconds(works[1]) for _ in range(options.times)]
        spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
        print(f"{name}: U-Net-ResNet34 / compact = {statistics.median(ratios):.1f} ({spread})")


if __name__ == "__main__":
    main()
