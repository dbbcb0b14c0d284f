"""What a chip costs: a plain windowed read, our SceneDataset, and TorchGeo's own RasterDataset.

Run: python benchmarks/chip_reading.py [SCENE.tif] [--size 512] [--chips 200]
Without a scene, one of 4096 x 4096 pixels is made up. Only the ratios mean something.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window as RioWindow
from torchgeo.datasets import RasterDataset

from geocity.core.grid import Window
from geocity.data.scenes import SceneDataset


def made_up_scene(folder: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (3, 512, 512), dtype=np.uint8)
    path = folder / "scene.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=4096, height=4096, count=3, dtype="uint8",
        crs="EPSG:32643",
        transform=rasterio.Affine(0.5, 0, 275000, 0, -0.5, 2116000), tiled=True, compress="deflate",
        blockxsize=256, blockysize=256,
    ) as target:  # fmt: skip
        target.write(np.tile(noise, (1, 8, 8)))
    return path


def cpu_ms(read: Callable[[Window], object], windows: list[Window]) -> float:
    read(windows[0])
    start = time.process_time()
    for window in windows:
        read(window)
    return (time.process_time() - start) / len(windows) * 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scene", nargs="?", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--chips", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare(options.scene or made_up_scene(Path(folder)), options.size, options.chips)


def compare(path: Path, size: int, chips: int) -> None:
    scenes = SceneDataset(path)
    stored = SceneDataset(path, as_stored=True)
    grid = scenes.images[0].grid
    rng = np.random.default_rng(1)
    rows, cols = rng.integers(0, np.array(grid.shape)[:, None] - size, (2, chips))
    windows = [Window(int(r), int(c), size, size) for r, c in zip(rows, cols, strict=True)]

    def query(window: Window) -> tuple[slice, slice]:
        left, bottom, right, top = grid[window].bounds
        return slice(left, right), slice(bottom, top)

    class Plain(RasterDataset):
        filename_glob = path.name

    torchgeo = Plain(path)
    source = rasterio.open(path)

    def plain(window: Window) -> object:
        inside = RioWindow(window.col, window.row, window.cols, window.rows)
        return source.read(window=inside), source.dataset_mask(window=inside)

    readers: dict[str, Callable[[Window], object]] = {
        "plain windowed read, pixels and mask": plain,
        "SceneDataset, as stored": lambda window: stored[query(window)],
        "SceneDataset, float32": lambda window: scenes[query(window)],
        "TorchGeo RasterDataset, float32": lambda window: torchgeo[query(window)],
    }
    print(f"{path.name}: {chips} chips of {size} x {size}, CPU time each")
    costs = {name: cpu_ms(read, windows) for name, read in readers.items()}
    base = next(iter(costs.values()))
    for name, cost in costs.items():
        print(f"  {name:40s} {cost:7.2f} ms  {cost / base:6.2f} x")


if __name__ == "__main__":
    main()
