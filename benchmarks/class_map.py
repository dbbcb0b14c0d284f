"""A made-up class map for benchmarks, and jobs measured in processes of their own."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from geocity.core.classes import ClassTable
from geocity.core.grid import Grid, blocks
from geocity.io.class_raster_sinks import create_class_raster
from geocity.io.class_rasters import open_class_raster
from geocity.io.gdal_cache import class_cache_bytes, limited_cache

Job = Callable[[Path, Path], object]
ROOT = Path(__file__).resolve().parent.parent


def class_values(rows: int, cols: int, seed: int = 0) -> NDArray[np.uint8]:
    """Patches like those of a U-Net map: blobs of four classes, specks, holes, a nodata collar."""
    rng = np.random.default_rng(seed)
    fine = ndimage.gaussian_filter(rng.standard_normal((rows, cols), dtype=np.float32), 4)
    values = np.digitize(fine / fine.std(), (0.8, 1.4, 1.9)).astype(np.uint8)
    specks = rng.random((rows, cols), dtype=np.float32) < 0.002
    values[specks] = np.where(values[specks] == 0, 1, 0)
    return values


def write_class_map(path: Path, side: int) -> Path:
    """Write a square class map without holding it."""
    grid = Grid(
        pyproj.CRS.from_epsg(32643), Affine(0.8, 0, 275744.6, 0, -0.8, 2116329.4), (side, side)
    )
    tile = class_values(2048, 2048)
    table = ClassTable.named(["background", "slum", "forest", "water"])
    with create_class_raster(path, grid, table) as sink:
        for number, window in enumerate(blocks(grid.shape, 2048)):
            values = np.rot90(tile, number % 4)[: window.rows, : window.cols].copy()
            values[: max(0, 100 - window.row)] = 255
            sink.write(values, window)
    return path


def measure(script: str, job: str, *arguments: Path) -> dict[str, float]:
    """Run ``script job arguments`` in a fresh process: {"wall_s", "cpu_s", "peak_mb"}."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, script, job, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return json.loads(done.stdout.splitlines()[-1])


def report(work: Callable[[], object]) -> None:
    """In that process: do the work, then print what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    took = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**took, "peak_mb": peak_mb}))


def copy_blocks(path: Path, out: Path) -> None:
    """Read and write a class raster block by block: what any tool pays for its files."""
    with (
        open_class_raster(path) as source,
        limited_cache(class_cache_bytes(source.grid.shape[1])),
        create_class_raster(out, source.grid, source.classes, overwrite=True) as sink,
    ):
        for window in blocks(source.grid.shape, 512):
            sink.write(source.read(window), window)


def compare_jobs(
    script: str, jobs: Iterable[str], folder: Path, *, sides: Iterable[int], repeats: int
) -> None:
    """Print a table of jobs from file to file; the first one is what the others are held to."""
    print("| file to file | side | CPU s | wall s | CPU, of the first | peak MB |")
    print("|---|---|---|---|---|---|")
    for side in sides:
        path = write_class_map(folder / f"classes_{side}.tif", side)
        first_s = 0.0
        for name in jobs:
            runs = [measure(script, name, path, folder / "out.tif") for _ in range(repeats)]
            cpu_s, wall_s = min(r["cpu_s"] for r in runs), min(r["wall_s"] for r in runs)
            first_s = first_s or cpu_s
            peak_mb = max(r["peak_mb"] for r in runs)
            print(
                f"| {name} | {side} | {cpu_s:.1f} | {wall_s:.1f} | {cpu_s / first_s:.2f} "
                f"| {peak_mb:.0f} |",
                flush=True,
            )
