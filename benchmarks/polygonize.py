"""What polygons cost: the usual way and `geocity polygonize`, time and peak memory of each.

The usual way is rasterio.features.shapes on the whole array, shapely.geometry.shape for each
polygon, a GeoDataFrame, to_file; it writes one field and measures nothing.

Run: python benchmarks/polygonize.py [CLASSES.tif] [--size 8192]
Without a raster, patches of one class are made up: 8192 x 8192 pixels hold 80,000 polygons, 20,000
x 20,000 half a million. Every way runs in a process of its own; only the ratios mean something.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window as RioWindow
from scipy.ndimage import gaussian_filter

TILE = 2048


def made_up_classes(folder: Path, size: int) -> Path:
    rng = np.random.default_rng(0)
    patterns = []
    for _ in range(4):
        field = gaussian_filter(rng.standard_normal((TILE, TILE)), 4, mode="wrap")
        patterns.append((field > 0.9 * field.std()).astype(np.uint8))
    path = folder / "classes.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=size, height=size, count=1, dtype="uint8", nodata=255,
        crs="EPSG:32643", transform=rasterio.Affine(0.5, 0, 270000, 0, -0.5, 2110000),
        tiled=True, blockxsize=512, blockysize=512, compress="deflate",
    ) as target:  # fmt: skip
        for row in range(0, size, TILE):
            for col in range(0, size, TILE):
                shift = tuple(rng.integers(0, TILE, 2))
                pattern = np.roll(patterns[rng.integers(4)], shift, (0, 1))
                rows, cols = min(TILE, size - row), min(TILE, size - col)
                target.write(pattern[:rows, :cols], 1, window=RioWindow(col, row, cols, rows))
    return path


def the_usual_way(classes: Path, out: Path) -> int:
    import geopandas
    from rasterio.features import shapes
    from shapely.geometry import shape

    with rasterio.open(classes) as source:
        values = source.read(1)
        mask = (values != 0) & (values != source.nodata)
        found = [
            (shape(geometry), int(value))
            for geometry, value in shapes(
                values, mask=mask, connectivity=4, transform=source.transform
            )
        ]
        frame = geopandas.GeoDataFrame(
            {"class_id": [value for _, value in found]},
            geometry=[geometry for geometry, _ in found],
            crs=source.crs,
        )
    frame.to_file(out)
    return len(frame)


def our_way(classes: Path, out: Path) -> int:
    import pyogrio

    from geocity.tools.polygonize import polygonize

    polygonize(classes, out=out)
    return int(pyogrio.read_info(out, layer=out.stem)["features"])


WAYS = {"usual": the_usual_way, "geocity": our_way}


def run_here(way: str, classes: Path, out: Path) -> None:
    """Run one way and print what it took; imports count as memory but not as time."""
    import geopandas  # noqa: F401

    import geocity.tools.polygonize  # noqa: F401

    wall, cpu = time.perf_counter(), time.process_time()
    count = WAYS[way](classes, out)
    took = {
        "polygons": count,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(took))


def compare(classes: Path, folder: Path) -> None:
    took = {}
    for way in WAYS:
        command = [sys.executable, __file__, str(classes), "--way", way, "--out"]
        command.append(str(folder / f"{way}.gpkg"))
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        took[way] = json.loads(told.stdout.splitlines()[-1])
        print(f"{way:8}", *(f"{key} {value:,.1f}" for key, value in took[way].items()))
    usual, ours = took["usual"], took["geocity"]
    print(
        f"geocity is {usual['cpu_s'] / ours['cpu_s']:.1f} times as fast (processor time; "
        f"{usual['wall_s'] / ours['wall_s']:.1f} by the clock) and takes "
        f"{ours['peak_mb'] / usual['peak_mb']:.2f} of the memory of shapes -> shape -> to_file"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("classes", nargs="?", type=Path)
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        run_here(options.way, options.classes, options.out)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compare(options.classes or made_up_classes(folder, options.size), folder)


if __name__ == "__main__":
    main()
