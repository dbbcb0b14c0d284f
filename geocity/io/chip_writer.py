"""Write a chip folder, chip by chip: files, statistics, and who belongs to which part."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import geopandas
import numpy as np
import rasterio
from numpy.typing import NDArray

import geocity
from geocity.core.band_statistics import BandAccumulator
from geocity.core.classes import NODATA, ClassTable
from geocity.core.grid import Grid, Window
from geocity.core.split import PARTS
from geocity.errors import InputError
from geocity.io import styles
from geocity.io.chip_folder import unplaced_is_fine
from geocity.io.chips import CHIPS_JSON, FORMAT, VERSION
from geocity.io.esri_chips import EMD, MAP, STATS
from geocity.io.esri_sidecars import (
    EsriFolder,
    accumulated_stats,
    map_line,
    model_definition,
    stats_text,
)
from geocity.io.geopackage_styles import embed_style

ImageFormat = Literal["tif", "png", "jpg"]

_DRIVERS: dict[ImageFormat, str] = {"tif": "GTiff", "png": "PNG", "jpg": "JPEG"}
_DTYPES = {"png": ("uint8", "uint16"), "jpg": ("uint8",)}
_SPLIT_LAYER = "split"


@dataclass(frozen=True)
class ChipFolderPlan:
    """What is known of a folder before its first chip.

    Attributes:
        classes: 0 is background.
        band_names: one name a band.
        dtype: of the images.
        chip_size: side of a chip in pixels.
        image_format: of the images; labels are always GeoTIFF.
        start_index: number in the first file name.
        about: what else ``chips.json`` shall say; plain JSON values.
    """

    classes: ClassTable
    band_names: tuple[str, ...]
    dtype: np.dtype[Any]
    chip_size: int
    image_format: ImageFormat = "tif"
    start_index: int = 0
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.image_format not in get_args(ImageFormat):
            raise InputError(
                f"Chips cannot be written as {self.image_format!r}; choose tif, png or jpg."
            )
        allowed = _DTYPES.get(self.image_format)
        if allowed and (self.dtype.name not in allowed or len(self.band_names) > 3):
            raise InputError(
                f"{self.image_format} holds at most 3 bands of {' or '.join(allowed)}, but the "
                f"scenes have {len(self.band_names)} of {self.dtype}; write tif (--format tif)."
            )


@dataclass(frozen=True)
class ChipPlace:
    """Where a chip comes from and where it belongs.

    Attributes:
        grid: of the chip itself; turned where the chip is.
        split: name of the part.
        source: name of the image it was cut from.
        window: on the image's grid.
        angle: degrees anticlockwise.
    """

    grid: Grid
    split: str
    source: str
    window: Window
    angle: float = 0.0


class ChipFolderWriter:
    """Writes chips into a folder; holds one chip at a time, and a line about each.

    Args:
        folder: an empty folder.
        plan: what is known before the first chip.
    """

    def __init__(self, folder: Path, plan: ChipFolderPlan) -> None:
        self._folder = folder
        self._plan = plan
        self._entries: list[dict[str, Any]] = []
        self._outlines: list[tuple[str, str, ChipPlace]] = []
        self._bands = {part: BandAccumulator(len(plan.band_names)) for part in ("all", *PARTS)}
        for name in ("images", "labels"):
            (folder / name).mkdir()

    def add(
        self,
        pixels: NDArray[Any],
        valid: NDArray[np.bool_],
        label: NDArray[np.uint8],
        place: ChipPlace,
    ) -> None:
        """Write one chip.

        Args:
            pixels: shape (bands, rows, cols).
            valid: shape (rows, cols); other pixels are written as 0 and masked.
            label: class values (rows, cols), 255 where unknown.
            place: where it comes from and where it belongs.
        """
        name = f"{self._plan.start_index + len(self._entries):09d}"
        image, label_name = f"images/{name}.{self._plan.image_format}", f"labels/{name}.tif"
        _write_image(self._folder / image, pixels, valid, place.grid, self._plan)
        _write_label(self._folder / label_name, label, place.grid, self._plan.classes)
        for part in ("all", place.split):
            self._bands[part].add(pixels, valid)
        counts = np.bincount(label.reshape(-1), minlength=NODATA + 1)
        self._entries.append(
            {
                "image": image,
                "label": label_name,
                "split": place.split,
                "source": place.source,
                "window": list(place.window),
                "angle": place.angle,
                "class_pixels": {str(v): int(counts[v]) for v in np.flatnonzero(counts)},
            }
        )
        self._outlines.append((name, place.split, place))

    def finish(self, split: Mapping[str, Any], dropped: Sequence[ChipPlace] = ()) -> None:
        """Write what describes the folder: chips.json, split.gpkg, and the files for ArcGIS.

        Args:
            split: how the parts were made, for ``chips.json``.
            dropped: chips left out between the parts, for the layer of the split.

        Raises:
            InputError: if no chip was written.
        """
        if not self._entries:
            raise InputError("There is no chip to write.")
        self._write_chips_json(split, len(dropped))
        self._write_split_layer(dropped)
        self._write_for_arcgis()

    def _write_chips_json(self, split: Mapping[str, Any], dropped: int) -> None:
        plan, everything = self._plan, self._bands["all"].result()
        about = {
            "format": FORMAT,
            "version": VERSION,
            "geocity": geocity.__version__,
            "chip_size": plan.chip_size,
            "cell_size_m": self._outlines[0][2].grid.cell_size_m,
            "bands": list(plan.band_names),
            "dtype": plan.dtype.name,
            "value_range": [float(everything.min.min()), float(everything.max.max())],
            "classes": json.loads(plan.classes.to_json()),
            **plan.about,
            "split": {**split, "dropped": dropped},
            "statistics": {part: bands.result().to_json() for part, bands in self._bands.items()},
            "chips": self._entries,
        }
        text = json.dumps(about, ensure_ascii=False, indent=1)
        (self._folder / CHIPS_JSON).write_text(text, encoding="utf-8")

    def _write_split_layer(self, dropped: Sequence[ChipPlace]) -> None:
        rows = [*self._outlines, *(("", "dropped", place) for place in dropped)]
        frame = geopandas.GeoDataFrame(
            {
                "chip": [name for name, _, _ in rows],
                "split": [part for _, part, _ in rows],
                "source": [place.source for _, _, place in rows],
                "angle": [place.angle for _, _, place in rows],
            },
            geometry=[place.grid.polygon() for _, _, place in rows],
            crs=rows[0][2].grid.crs,
        )
        path = self._folder / "split.gpkg"
        frame.to_file(path, layer=_SPLIT_LAYER, driver="GPKG", engine="pyogrio")
        embed_style(path, _SPLIT_LAYER, styles.chip_split_qml(), name="split")

    def _write_for_arcgis(self) -> None:
        folder = EsriFolder(
            classes=self._plan.classes,
            band_names=self._plan.band_names,
            chip_size=self._plan.chip_size,
            grid=self._outlines[0][2].grid,
            class_pixels=[
                {int(value): count for value, count in entry["class_pixels"].items()}
                for entry in self._entries
            ],
            bands=self._bands["all"],
        )
        lines = [map_line(entry["image"], entry["label"]) for entry in self._entries]
        for name, text in (
            (MAP, "\n".join(lines) + "\n"),
            (EMD, json.dumps(model_definition(folder), ensure_ascii=False, indent=1)),
            (STATS, json.dumps(accumulated_stats(folder), ensure_ascii=False, indent=1)),
            ("stats.txt", stats_text(folder)),
        ):
            (self._folder / name).write_text(text, encoding="utf-8")


def _write_image(
    path: Path, pixels: NDArray[Any], valid: NDArray[np.bool_], grid: Grid, plan: ChipFolderPlan
) -> None:
    options: dict[str, Any] = {"quality": 95} if plan.image_format == "jpg" else {}
    if plan.image_format == "tif":
        options = {"compress": "lzw", "crs": grid.crs.to_wkt(), "transform": grid.transform}
        colour = len(pixels) == 3 and pixels.dtype == np.uint8
        # Left to itself GDAL takes the fourth band of bytes, near infrared, for transparency.
        options |= {"photometric": "RGB" if colour else "MINISBLACK", "alpha": "NO"}
    # Without PAM no .aux.xml is left beside PNG and JPEG: ArcGIS would take it for clutter.
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_PAM_ENABLED=False),
        unplaced_is_fine(),
        rasterio.open(
            path,
            "w",
            driver=_DRIVERS[plan.image_format],
            count=len(pixels),
            height=grid.shape[0],
            width=grid.shape[1],
            dtype=pixels.dtype,
            **options,
        ) as target,
    ):
        target.write(np.where(valid, pixels, 0).astype(pixels.dtype))
        if plan.image_format == "tif":
            target.descriptions = plan.band_names
            if not valid.all():
                target.write_mask(valid)


def _write_label(path: Path, label: NDArray[np.uint8], grid: Grid, classes: ClassTable) -> None:
    with (
        rasterio.Env(GDAL_PAM_ENABLED=False),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=1,
            height=grid.shape[0],
            width=grid.shape[1],
            dtype="uint8",
            compress="lzw",
            crs=grid.crs.to_wkt(),
            transform=grid.transform,
            nodata=NODATA,
        ) as target,
    ):
        target.write(label, 1)
        target.write_colormap(1, classes.colormap())
