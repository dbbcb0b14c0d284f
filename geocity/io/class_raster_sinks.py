"""Writing class rasters and probability rasters: cloud-optimised GeoTIFFs that explain themselves.

A class raster is uint8 with nodata 255, a colour table, the class names in a tag, in the
``.aux.xml`` that GDAL and ArcGIS read, and in the ``.qml`` that QGIS reads. A probability raster
holds one band a class, stored as 0 to 254 with scale 1/254, which GIS programs show as 0 to 1.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.windows import Window as RioWindow

import geocity
from geocity.core.class_counts import class_counts
from geocity.core.classes import NODATA, ClassTable
from geocity.core.grid import Grid, Window, blocks
from geocity.core.probability_tally import PROBABILITY_STEPS
from geocity.io import pam, styles
from geocity.io.class_tiles import (
    ALIGNED,
    BLOCK,
    tiles_of_parts,
    with_further_overviews,
    write_class_part,
)
from geocity.io.staging import PathLike, Stage, staged
from geocity.io.tiled_tiffs import FiledTiles, Tags, read_directories, write_tiles

QUICK_BLOCKS: Mapping[str, Any] = MappingProxyType(
    {
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "interleave": "band",
        "compress": "deflate",
        "zlevel": 1,
    }
)
"""Creation options for what will be compressed for good later."""

_SCRATCH = {**QUICK_BLOCKS, "bigtiff": "IF_SAFER", "sparse_ok": True}

CLASSES_TAG = "GEOCITY_CLASSES"
"""Names the tag that holds the class table as JSON."""


class ClassRasterSink:
    """Takes the class values of a raster, window by window, each pixel once."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.counts = np.zeros(NODATA + 1, dtype=np.int64)

    def write(self, values: NDArray[np.uint8], window: Window) -> None:
        """Write class values (rows, cols) where the window says."""
        if values.shape != window.shape or values.dtype != np.uint8:
            raise ValueError(f"got {values.dtype} {values.shape} for a uint8 window {window}")
        self.counts += class_counts(values)
        self._dataset.write(values, 1, window=rio_window(window))


class ProbabilitySink:
    """Takes probabilities, window by window."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def write(self, probabilities: NDArray[np.float32], window: Window) -> None:
        """Write probabilities (classes, rows, cols), NaN where there is none."""
        stored = np.rint(probabilities * PROBABILITY_STEPS)
        np.nan_to_num(stored, copy=False, nan=NODATA)
        self._dataset.write(stored.astype(np.uint8), window=rio_window(window))


@contextlib.contextmanager
def create_class_raster(
    out: PathLike,
    grid: Grid,
    classes: ClassTable,
    *,
    overwrite: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Iterator[ClassRasterSink]:
    """Write a class raster as a stream; what is never written stays nodata.

    Memory does not depend on the size of the raster. The file and its ``.qml`` and ``.aux.xml``
    appear together when the block ends without an error.

    Args:
        out: the GeoTIFF to make.
        grid: where its pixels are.
        classes: what its values mean.
        overwrite: replace what is there.
        tags: provenance, kept in the file.

    Yields:
        The sink to write windows to.
    """
    with staged(out, overwrite=overwrite) as stage:
        scratch = stage.scratch(".tif")
        with rasterio.open(scratch, "w", **byte_raster(grid, 1), **_SCRATCH) as dataset:
            sink = ClassRasterSink(dataset)
            yield sink
        levels = class_levels(scratch, stage.scratch(".parts"))
        finish_classes(levels, stage, grid, ClassesTold(classes, sink.counts, tags))


@dataclass(frozen=True, slots=True)
class ClassesTold:
    """What a class raster tells of itself.

    Attributes:
        classes: what its values mean.
        counts: pixels of each value, (256,).
        tags: provenance.
    """

    classes: ClassTable
    counts: NDArray[np.int64]
    tags: Mapping[str, str] | None


def class_levels(source: Path, folder: Path) -> list[FiledTiles]:
    """Compress a class raster of any make, and its first overviews, into the tiles of ours.

    Args:
        source: the raster.
        folder: where the tiles may lie.
    """
    folder.mkdir(exist_ok=True)
    pieces = []
    with rasterio.open(source) as dataset:
        for number, window in enumerate(blocks(dataset.shape, ALIGNED)):
            path = folder / f"{number}.tif"
            write_class_part(path, dataset.read(1, window=rio_window(window)))
            pieces.append((path, window))
        levels = tiles_of_parts(pieces, dataset.shape)
    if levels is None:
        raise ValueError("parts just written are not what they are")
    return levels


def dress_classes(dataset: Any, classes: ClassTable, tags: Mapping[str, str] | None = None) -> None:
    """Tell a dataset that is being written what its class values mean and how it was made."""
    dataset.write_colormap(1, classes.colormap())
    dataset.set_band_description(1, "class")
    names = {str(c.value): c.name for c in classes}
    dataset.update_tags(
        **{
            **_standard_tags(),
            **(tags or {}),
            CLASSES_TAG: classes.to_json(),
            "CLASS_NAMES": json.dumps(names, ensure_ascii=False),
        }
    )


def finish_classes(
    levels: Sequence[FiledTiles], stage: Stage, grid: Grid, told: ClassesTold
) -> None:
    """Make a staged class raster with its sidecars out of compressed tiles.

    Args:
        levels: the tiles of the raster and its first overviews.
        stage: of the class raster to make.
        grid: where its pixels are.
        told: what it tells of itself.
    """
    folder = stage.scratch(".overviews")
    folder.mkdir()
    write_tiles(stage.path, _tags(grid, told), with_further_overviews(levels, folder), BLOCK)
    classes = told.classes
    counted = {c.value: int(told.counts[c.value]) for c in classes}
    pam_text = pam.class_raster_pam(classes, counted)
    stage.sidecar_full(".aux.xml").write_text(pam_text, encoding="utf-8")
    stage.sidecar(".qml").write_text(styles.class_raster_qml(classes), encoding="utf-8")


def _tags(grid: Grid, told: ClassesTold) -> Tags:
    """Let GDAL say in tags of TIFF where a class raster lies and what it means."""
    corner = grid[grid.window.intersect(Window(0, 0, BLOCK, BLOCK)) or grid.window]
    more = {"bigtiff": "NO", "endianness": "LITTLE"}
    with MemoryFile() as memory:
        with memory.open(**byte_raster(corner, 1), **{**_SCRATCH, **more}) as dataset:
            dress_classes(dataset, told.classes, told.tags)
            counts = dict(enumerate(told.counts.tolist()))
            # Without them QGIS computes its own and drops a file beside the raster.
            dataset.update_tags(1, **pam.class_statistics(counts))
        memory.seek(0)
        return read_directories(memory)[0].tags


@contextlib.contextmanager
def create_probability_raster(
    out: PathLike,
    grid: Grid,
    class_names: Sequence[str],
    *,
    overwrite: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Iterator[ProbabilitySink]:
    """Write a probability raster with one band a class as a stream.

    Args:
        out: the GeoTIFF to make.
        grid: where its pixels are.
        class_names: one a band.
        overwrite: replace what is there.
        tags: provenance, kept in the file.

    Yields:
        The sink to write windows to.
    """
    with staged(out, overwrite=overwrite) as stage:
        scratch = stage.scratch(".tif")
        with rasterio.open(
            scratch, "w", **byte_raster(grid, len(class_names)), **_SCRATCH
        ) as dataset:
            dress_probabilities(dataset, class_names, tags)
            yield ProbabilitySink(dataset)
        finish_probabilities(scratch, stage, class_names)


def dress_probabilities(
    dataset: Any, class_names: Sequence[str], tags: Mapping[str, str] | None = None
) -> None:
    """Tell a dataset that is being written whose probabilities it holds and how it was made."""
    dataset.scales = [1 / PROBABILITY_STEPS] * len(class_names)
    dataset.offsets = [0.0] * len(class_names)
    for band, name in enumerate(class_names, start=1):
        dataset.set_band_description(band, f"p({name})")
    dataset.update_tags(**{**_standard_tags(), **(tags or {})})


def finish_probabilities(source: Path, stage: Stage, class_names: Sequence[str]) -> None:
    """Turn a dressed raster of probabilities into a staged COG with its sidecar."""
    _to_cog(source, stage.path, overview_resampling="AVERAGE", predictor="2")
    stage.sidecar(".qml").write_text(styles.probability_qml(class_names[0]), encoding="utf-8")


def byte_raster(grid: Grid, bands: int) -> dict[str, Any]:
    """Return the creation options of a GeoTIFF of bytes, nodata 255, on a grid."""
    return {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": bands,
        "height": grid.shape[0],
        "width": grid.shape[1],
        "crs": grid.crs.to_wkt(),
        "transform": grid.transform,
        "nodata": NODATA,
    }


def _to_cog(scratch: Path, out: Path, **options: str) -> None:
    # STATISTICS: without them QGIS computes its own and drops a file beside the raster.
    rasterio.shutil.copy(
        scratch,
        out,
        driver="COG",
        blocksize=str(BLOCK),
        compress="DEFLATE",
        bigtiff="IF_SAFER",
        statistics="YES",
        num_threads="ALL_CPUS",
        **options,
    )


def _standard_tags() -> dict[str, str]:
    # No time of writing: the same input gives the same bytes.
    return {"TIFFTAG_SOFTWARE": f"geocity {geocity.__version__}", "AREA_OR_POINT": "Area"}


def rio_window(window: Window) -> RioWindow:
    """Return a window as rasterio takes it."""
    return RioWindow(window.col, window.row, window.cols, window.rows)
