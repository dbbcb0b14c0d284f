"""Work in parts over growing rasters: time a pixel, memory a process, cost a part, workers.

Run: ``PYTHONPATH=. python benchmarks/scaling.py growth|overhead|workers [--sizes 8192 16384]``

* ``growth`` classifies squares with a network that costs next to nothing, each in a process of its
  own: CPU time a pixel and peak memory must stay flat. The scenes are sparse files, all of whose
  pixels count.
* ``overhead`` computes parts that cost nothing: what a part costs in planning, sending, writing,
  hashing and flushing, in this process, by two workers and by a Dask cluster of two.
* ``workers`` does the same work by one process and by two, several times in turn: single-threaded
  arithmetic, and the classification. On a machine with other work only the ratio of medians means
  something, and that little.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.classify_inputs import contract, write_scene
from benchmarks.classify_memory import StandIn
from geocity.core.grid import blocks
from geocity.core.progress import Progress
from geocity.engine.job import fingerprint, kept
from geocity.engine.plan import Part, plan_parts
from geocity.engine.run import WorkOptions, executor_for, run_parts
from geocity.engine.store import PartStore
from geocity.io.model_packages import write_model
from geocity.io.part_rasters import write_vrt
from geocity.io.rasters import open_scene
from geocity.tools import classify as tool
from geocity.tools.classify_parts import ClassifyJob

_TEXTURE = 4096


@dataclass(frozen=True)
class StandInJob(ClassifyJob):
    """Classification by a network that answers at once."""

    def _engine(self) -> StandIn:
        return kept("stand-in", StandIn)


@dataclass(frozen=True)
class Spin:
    """Parts that cost some single-threaded time and a small file."""

    rounds: int

    stage = "spinning"

    def run(self, span: Sequence[Part], store: PartStore, hear: Progress) -> Iterator[Part]:
        """Spin, and save a number."""
        for part in span:
            total = 0
            for i in range(self.rounds):
                total = (total * 31 + i) % 1_000_003
            store.save(part, {"a.bin": lambda path, n=total: path.write_bytes(str(n).encode())})
            yield part


def repeated_scene(folder: Path, side: int) -> Path:
    """Write a texture of 4096² and a mosaic (VRT) that repeats it, to spare disk."""
    texture = folder / "texture.tif"
    if not texture.exists():
        write_scene(texture, _TEXTURE, _TEXTURE)
    with open_scene(texture) as scene:
        grid = replace(scene.grid, shape=(side, side))
    pieces = [(texture, window) for window in blocks((side, side), _TEXTURE)]
    write_vrt(folder / "scene.vrt", pieces, grid, 3, lambda dataset: None)
    return folder / "scene.vrt"


def classify_once(scene: str, model: str, out: str, workers: str) -> None:
    """Classify in this process; print CPU seconds, wall seconds, peak MB (own, children's)."""
    tool.ClassifyJob = StandInJob
    wall = time.perf_counter()
    tool.classify(scene, model=model, out=out, work=WorkOptions(workers=int(workers)))
    wall = time.perf_counter() - wall
    own = resource.getrusage(resource.RUSAGE_SELF)
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    print(cpu, wall, own.ru_maxrss / 1024, others.ru_maxrss / 1024)


def measured(*arguments: object) -> list[float]:
    command = [sys.executable, __file__, "one", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return [float(number) for number in done.stdout.split()]


def growth(folder: Path, sizes: Sequence[int]) -> None:
    model = write_model(folder / "m.geocity", contract("resnet34"), {"w": np.zeros(1)})
    for size in sizes:
        scene, out = repeated_scene(folder, size), folder / "c.tif"
        cpu, wall, peak, _ = measured(scene, model, out, 1)
        out.unlink()
        per = 1e9 * cpu / size**2
        print(f"{size}²: {per:.0f} ns CPU a pixel, {wall:.0f} s, peak {peak:.0f} MB", flush=True)


def overhead(folder: Path, count: int) -> None:
    parts = plan_parts((count, 1), 1)
    ways = {"this process": WorkOptions(), "two workers": WorkOptions(workers=2)}
    for name, work in ways.items():
        timed_parts(folder, name, parts, work)
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        work = WorkOptions(scheduler=cluster.scheduler_address)
        timed_parts(folder, "Dask, two workers", parts, work)
        # A part a task: nothing is shared but the scheduler.
        alone = [part for part in plan_parts((2 * count, 1), 1) if part.index % 2]
        timed_parts(folder, "Dask, a task a part", alone, work)


def timed_parts(folder: Path, name: str, parts: Sequence[Part], work: WorkOptions) -> None:
    store = PartStore(folder / name, fingerprint(name))
    with executor_for(work) as executor:
        executor.ask(os.getpid)
        wall, cpu = time.perf_counter(), time.process_time()
        run_parts(Spin(0), parts, store, executor=executor)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    ms = 1000 / len(parts)
    print(f"{name}: {wall * ms:.2f} ms a part by the clock, {cpu * ms:.2f} ms CPU here", flush=True)


def workers(folder: Path, size: int, times: int) -> None:
    parts = plan_parts((16, 1), 1)
    spun: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(times):
        for count in (1, 2):
            store = PartStore(folder / f"{turn}.{count}", "x")
            with executor_for(WorkOptions(workers=count)) as executor:
                executor.ask(os.getpid)
                wall = time.perf_counter()
                run_parts(Spin(2_000_000), parts, store, executor=executor)
                spun[count].append(time.perf_counter() - wall)
    tell("single-threaded arithmetic", spun)
    model = write_model(folder / "m.geocity", contract("resnet34"), {"w": np.zeros(1)})
    scene, out = repeated_scene(folder, size), folder / "c.tif"
    took: dict[int, list[float]] = {1: [], 2: []}
    used: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(times):
        for count in (1, 2):
            cpu, wall, *_ = measured(scene, model, out, count)
            out.unlink()
            took[count].append(wall)
            used[count].append(cpu)
    tell(f"classify {size}² with a stand-in network", took)
    ratio = statistics.median(used[2]) / statistics.median(used[1])
    print(f"  CPU of two workers ÷ CPU of one: {ratio:.2f}")


def tell(name: str, took: dict[int, list[float]]) -> None:
    one, two = statistics.median(took[1]), statistics.median(took[2])
    print(f"{name}: {one:.1f} s by one, {two:.1f} s by two: {one / two:.2f} times", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["one"]:
        classify_once(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["growth", "overhead", "workers"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[8192, 16384, 32768])
    parser.add_argument("--parts", type=int, default=1000)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.what == "growth":
            growth(folder, options.sizes)
        elif options.what == "overhead":
            overhead(folder, options.parts)
        else:
            workers(folder, options.sizes[0], options.times)


if __name__ == "__main__":
    main()
