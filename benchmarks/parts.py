"""What two processes gain over one: filter, clean and outline a class raster in parts.

For each job: seconds by the clock, of the processor in the rounds of parts, of the processor in
workers and in all, and the peak memory of the process that plans and of a worker. The rounds are
what `--workers` divides; the rest (reading headers, deciding about patches, bringing the blocks of
parts into one COG, writing the GeoPackage) is done once. Results are compared byte by byte. On a
machine that is not quiet the clock says little; then the gain is that of the processor: the rounds
of one process over what each of two workers spends, the start of its process included.

Run: python benchmarks/parts.py [CLASSES.tif] [--size 12000] [--jobs polygonize clean]
Without a raster, patches of one class are made up. `--package FOLDER` measures another version of
geocity, without parts, in the same run: the baseline.
"""

import argparse
import contextlib
import hashlib
import importlib
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

JOBS: dict[str, tuple[str, dict[str, Any], str]] = {
    "polygonize": ("polygonize", {}, ".gpkg"),
    "clean": ("clean", {"min_area_m2": 20.0, "min_hole_m2": 10.0}, ".tif"),
    "filter": ("majority_filter", {"neighbors": "eight"}, ".tif"),
    "stable": ("majority_filter", {"neighbors": "eight", "passes": "stable"}, ".tif"),
}
WHERE = ("majority_filter", "filter_parts", "clean", "polygonize")


def timed(run: Callable[..., Any], sums: dict[str, float]) -> Callable[..., Any]:
    """Add the time that a function takes to two sums."""

    def measured(*arguments: Any, **options: Any) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = run(*arguments, **options)
        sums["rounds_s"] += time.perf_counter() - wall
        sums["rounds_cpu_s"] += time.process_time() - cpu
        return result

    return measured


def watch_workers(sums: dict[str, float]) -> None:
    """Keep the highest memory of any worker, twice a second."""
    while True:
        for child in multiprocessing.active_children():
            with contextlib.suppress(OSError, IndexError):
                told = Path(f"/proc/{child.pid}/status").read_text().split("VmHWM:")[1]
                sums["worker_mb"] = max(sums["worker_mb"], int(told.split()[0]) / 1024)
        time.sleep(0.5)


def run_here(name: str, classes: Path, out: Path, workers: int) -> None:
    """Do one job and print what it took; imports count as memory but not as time."""
    tool, options, _ = JOBS[name]
    module = importlib.import_module(f"geocity.tools.{tool}")
    sums = {"rounds_s": 0.0, "rounds_cpu_s": 0.0, "worker_mb": 0.0}
    if workers:
        from geocity.engine.run import WorkOptions

        options = {**options, "work": WorkOptions(workers=workers)}
        for where in WHERE:
            place = importlib.import_module(f"geocity.tools.{where}")
            place.run_parts = timed(place.run_parts, sums)
    threading.Thread(target=watch_workers, args=(sums,), daemon=True).start()
    wall, before = time.perf_counter(), os.times()
    getattr(module, tool)(classes, out=out, **options)
    took = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": sum(os.times()[:4]) - sum(before[:4]),
        "workers_cpu_s": sum(os.times()[2:4]) - sum(before[2:4]),
        **sums,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest()[:12],
    }
    print(json.dumps(took))


def measure(
    name: str, classes: Path, folder: Path, workers: int, package: Path | None
) -> dict[str, Any]:
    """Do a job in a process of its own."""
    out = folder / f"{name}_{workers}" / f"out{JOBS[name][2]}"
    command = [sys.executable, __file__, str(classes), "--job", name, "--out", str(out)]
    # The version that is measured comes first on the path of the process.
    path = {"PYTHONPATH": str(package)} if package else {}
    told = subprocess.run(
        [*command, "--workers", str(workers)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **path, "OMP_NUM_THREADS": "1"},
    )
    took: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    label = f"{workers} workers" if workers else "without parts"
    figures = (f"{key} {value:,.1f}" for key, value in took.items() if key != "sha256")
    print(f"{name:10} {label:14}", *figures, took["sha256"], flush=True)
    return took


def compare(names: list[str], classes: Path, folder: Path, package: Path | None) -> None:
    for name in names:
        if package is not None:
            measure(name, classes, folder, 0, package)
        one = measure(name, classes, folder, 1, None)
        two = measure(name, classes, folder, 2, None)
        same = "the same bytes" if one["sha256"] == two["sha256"] else "OTHER BYTES"
        each = two["workers_cpu_s"] / 2 + two["rounds_cpu_s"]
        print(
            f"{name}: rounds are {one['rounds_cpu_s'] / one['cpu_s']:.0%} of the processor time; "
            f"two workers do them {one['rounds_cpu_s'] / each:.2f} times as fast by the processor, "
            f"{one['rounds_s'] / two['rounds_s']:.2f} by the clock; {same}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("classes", nargs="?", type=Path)
    parser.add_argument("--size", type=int, default=12_000)
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--package", type=Path, help="folder that holds another geocity")
    parser.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        run_here(options.job, options.classes, options.out, options.workers)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        classes = options.classes
        if classes is None:
            from benchmarks.polygonize import made_up_classes

            classes = made_up_classes(folder, options.size)
        compare(options.jobs, classes, folder, options.package)


if __name__ == "__main__":
    main()
