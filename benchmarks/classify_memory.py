"""Peak memory of classification over scenes of growing size: it must not grow with them.

Run: ``python benchmarks/classify_memory.py [--sizes 8192 20000] [--real-rows 2048]``

Each size runs in a process of its own, whose peak resident memory is read at the end.

* The flatness runs cover whole squares with a network that costs next to nothing (a stand-in that
  answers at once), so that 20,000 x 20,000 pixels take minutes: everything around the network is
  the real thing.
* The peak with a real U-Net-ResNet34 is measured on scenes of the same *width* and fewer rows. Rows
  do not count: tiles go row by row, and what is held (tiles in flight, the strips that blending
  and writing wait for, GDAL's cache) depends on the width alone, as the flatness runs show.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.classify_inputs import contract, write_network, write_scene


class StandIn:
    """Answers with the brightness of the first band."""

    name, version, default_batch = "stand-in", "1", 1

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """Return logits at once."""
        first = batch[:, 0]
        return np.stack([-first, first], axis=1)

    def close(self) -> None:
        """Hold nothing."""


def classify_once(scene: str, model: str, out: str, kind: str) -> None:
    from geocity.models import engines
    from geocity.tools.classify import ClassifyOptions, classify

    if kind == "stand-in":

        def stand_in(*_: Any, **__: Any) -> StandIn:
            return StandIn()

        engines.make_engine = stand_in
    started = time.perf_counter()
    classify(scene, model=model, out=out, options=ClassifyOptions(engine="openvino"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{peak:.0f} {time.perf_counter() - started:.0f}")


def peak_mb(scene: Path, model: Path, out: Path, kind: str) -> tuple[float, float]:
    command = [sys.executable, __file__, "--one", str(scene), str(model), str(out), kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    out.unlink(missing_ok=True)
    if done.returncode:
        sys.exit(done.stderr)
    peak, seconds = done.stdout.split()
    return float(peak), float(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[8192, 20000])
    parser.add_argument("--real-rows", type=int, default=2048)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        classify_once(*options.one)
        return
    from geocity.io.model_packages import write_model

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = write_model(folder / "plain.geocity", contract("resnet34"), {"w": np.zeros(1)})
        for size in options.sizes:
            scene = write_scene(folder / "scene.tif", size, size)
            peak, seconds = peak_mb(scene, plain, folder / "c.tif", "stand-in")
            print(f"{size} x {size}, stand-in: peak {peak:.0f} MB, {seconds:.0f} s", flush=True)
        if not options.real_rows:
            return
        real = write_network(folder / "unet.geocity", "resnet34")
        for size in options.sizes:
            scene = write_scene(folder / "scene.tif", options.real_rows, size)
            peak, seconds = peak_mb(scene, real, folder / "c.tif", "real")
            print(
                f"{options.real_rows} rows x {size}, U-Net-ResNet34: peak {peak:.0f} MB, "
                f"{seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
