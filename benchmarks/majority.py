"""The majority filter: against scipy's generic filter, against a block copy, and its memory.

Run: ``python benchmarks/majority.py [FOLDER]``; the folder takes about 100 MB of rasters.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.class_map import Job, class_values, compare_jobs, copy_blocks, report
from geocity.core.majority import majority_filter as filter_array
from geocity.core.modal import modal_filter
from geocity.tools.majority_filter import majority_filter

REPEATS = 2
MODES = [(n, t) for n in ("four", "eight") for t in ("majority", "half")]
RING = {"four": (1, 5, 7, 3), "eight": (0, 1, 2, 5, 8, 7, 6, 3)}
NEED = {("four", "majority"): 3, ("four", "half"): 2, ("eight", "majority"): 5}


def scipy_rule(neighbors: str, threshold: str) -> Callable[[NDArray[np.uint8]], int]:
    """The same rule for a cell inside the raster, as a function for generic_filter."""
    ring, need = RING[neighbors], NEED.get((neighbors, threshold), 4)

    def rule(window: NDArray[np.uint8]) -> int:
        own = window[4]
        if own == 255:
            return own
        around = [window[k] for k in ring]
        found = set()
        for start in range(len(ring)):
            run = [around[(start + k) % len(ring)] for k in range(need)]
            if run[0] != 255 and run.count(run[0]) == need:
                found.add(run[0])
        return own if own in found or not found else min(found)

    return rule


def seconds(work: Callable[[], object]) -> float:
    """The best CPU time of some runs."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def compare_arrays() -> None:
    large, small = class_values(4096, 4096), class_values(384, 384)
    copy_s = seconds(large.copy) / large.size
    print("| one pass, arrays | ns/px | memcpy | generic_filter ns/px | times faster |")
    print("|---|---|---|---|---|")
    for neighbors, threshold in MODES:
        mode = {"neighbors": neighbors, "threshold": threshold}
        ours_s = seconds(lambda mode=mode: filter_array(large, **mode)) / large.size
        rule = scipy_rule(neighbors, threshold)
        start = time.process_time()
        oracle = ndimage.generic_filter(small, rule, size=3)
        theirs_s = (time.process_time() - start) / small.size
        same = np.array_equal(oracle[1:-1, 1:-1], filter_array(small, **mode)[1:-1, 1:-1])
        if not same:
            raise SystemExit(f"{neighbors} {threshold}: generic_filter disagrees")
        print(
            f"| {neighbors} {threshold} | {ours_s * 1e9:.2f} | {ours_s / copy_s:.0f}x "
            f"| {theirs_s * 1e9:.0f} | {theirs_s / ours_s:.0f} |"
        )
    for size in (5, 11):
        ours_s = seconds(lambda size=size: modal_filter(large, size)) / large.size
        print(f"| window of {size} | {ours_s * 1e9:.0f} | {ours_s / copy_s:.0f}x | | |")


JOBS: dict[str, Job] = {
    "block copy": copy_blocks,
    **{
        f"{n} {t}": lambda path, out, n=n, t=t: majority_filter(
            path, out=out, neighbors=n, threshold=t, overwrite=True
        )
        for n, t in MODES
    },
    "window of 5": lambda path, out: majority_filter(path, out=out, size=5, overwrite=True),
    "four majority, stable": lambda path, out: majority_filter(
        path, out=out, passes="stable", overwrite=True
    ),
}


if __name__ == "__main__":
    if len(sys.argv) == 4:
        job, path, out = sys.argv[1:]
        report(lambda: JOBS[job](Path(path), Path(out)))
    else:
        compare_arrays()
        with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as made:
            sides = (4096, 16384)
            compare_jobs(__file__, JOBS, Path(made), sides=sides, repeats=REPEATS)
