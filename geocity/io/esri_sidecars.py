"""The files that ``arcgis.learn.prepare_data`` reads beside the chips, and that ArcGIS Pro writes.

Every number in them is true: statistics are those of the chips, colours those of the classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geocity.core.band_statistics import BandAccumulator
from geocity.core.classes import NODATA, ClassTable
from geocity.core.grid import Grid
from geocity.io.esri_chips import IGNORED

_IGNORED_COLOR = (128, 128, 128)


@dataclass(frozen=True)
class EsriFolder:
    """What the sidecars tell.

    Attributes:
        classes: class 0 is background, which ArcGIS does not list.
        band_names: one name a band.
        chip_size: side of a chip in pixels.
        grid: of any chip; says cell size and CRS.
        class_pixels: per chip, {class value: pixels}.
        bands: statistics over all chips.
    """

    classes: ClassTable
    band_names: Sequence[str]
    chip_size: int
    grid: Grid
    class_pixels: Sequence[Mapping[int, int]]
    bands: BandAccumulator

    def listed(self) -> list[tuple[int, str, tuple[int, int, int]]]:
        """Return value, name and colour of the classes that ArcGIS is told of.

        Where pixels are unknown (255) they are listed as a class of that name: arcgis.learn refuses
        label values without a class, and can leave one out (``ignore_classes``).
        """
        listed = [(c.value, c.name, c.color) for c in self.classes if c.value != 0]
        if any(NODATA in counts for counts in self.class_pixels):
            listed.append((NODATA, IGNORED, _IGNORED_COLOR))
        return listed


def map_line(image: str, label: str) -> str:
    r"""Return a line of map.txt, as ArcGIS writes it: backslashes, two spaces, one at the end.

    Example:
        >>> map_line("images/000000001.tif", "labels/000000001.tif")
        'images\\000000001.tif  labels\\000000001.tif '
    """
    return "  ".join(name.replace("/", "\\") for name in (image, label)) + " "


def model_definition(folder: EsriFolder) -> dict[str, Any]:
    """Return the content of esri_model_definition.emd."""
    statistics = folder.bands.result()
    cell = _cell_size(folder.grid)
    return {
        "Framework": "",
        "ModelConfiguration": "",
        "ModelType": "ImageClassification",
        "ModelFile": "",
        "ImageHeight": folder.chip_size,
        "ImageWidth": folder.chip_size,
        "ExtractBands": list(range(len(folder.band_names))),
        "MetaDataMode": "Classified_Tiles",
        "ImageSpaceUsed": "MAP_SPACE",
        "BlackenAroundFeature": False,
        "CropTileMode": "Fixed_Size",
        "IsMultidimensional": False,
        "MinCellSize": cell,
        "MaxCellSize": cell,
        "Classes": [
            {"Value": value, "Name": name, "Color": list(color)}
            for value, name, color in folder.listed()
        ],
        "InputRastersProps": {
            "RasterCount": 1,
            "SensorName": "",
            "BandNames": list(folder.band_names),
        },
        "AllTilesStats": [
            {"BandName": name, "Min": low, "Max": high, "Mean": mean, "StdDev": std}
            for name, low, high, mean, std in zip(
                folder.band_names,
                statistics.min.tolist(),
                statistics.max.tolist(),
                statistics.mean.tolist(),
                statistics.std.tolist(),
                strict=True,
            )
        ],
    }


def accumulated_stats(folder: EsriFolder) -> dict[str, Any]:
    """Return the content of esri_accumulated_stats.json."""
    listed = folder.listed()
    pixels = _pixels(folder)
    present = (pixels > 0).sum(axis=1)
    bands, statistics = folder.bands, folder.bands.result()
    return {
        "Version": 1,
        "NumBands": len(folder.band_names),
        "TileSizeX": folder.chip_size,
        "TileSizeY": folder.chip_size,
        "NumClasses": len(listed),
        "NumTiles": len(pixels),
        "NumTilesAsDouble": float(len(pixels)),
        "OutputFeatures": False,
        "MetaDataMode": "Classified_Tiles",
        "Classes": [{"ClassValue": value, "ClassName": name} for value, name, _ in listed],
        "BandStatsState": [
            {"Min": low, "Max": high, "M1": mean, "M2": squares, "Num": bands.pixels}
            for low, high, mean, squares in zip(
                statistics.min.tolist(),
                statistics.max.tolist(),
                bands.mean.tolist(),
                bands.squared_deviations.tolist(),
                strict=True,
            )
        ],
        "ClassPixelStats": {
            "NumClasses": len(listed),
            "NumImagesTotal": len(pixels),
            "NumImagesPerClass": (pixels > 0).sum(axis=0).tolist(),
            "NumPixelsPerClass": pixels.sum(axis=0).tolist(),
            "NumClassesPerImage": _spread(present),
            "PixelsPerClass": [_spread(column) for column in pixels.T],
        },
    }


def stats_text(folder: EsriFolder) -> str:
    """Return the content of stats.txt, the summary for people."""
    pixels = _pixels(folder)
    present = (pixels > 0).sum(axis=1)
    size = folder.chip_size
    lines = [
        f"images = {len(pixels)} *{len(folder.band_names)}*{size}*{size}",
        f"classes = {pixels.shape[1]}",
        f"classes per image = [min = {present.min()}, mean = {present.mean():.2f}, "
        f"max = {present.max()}]",
        "cls name              cls value     images   pixels      min size   mean size    max size",
    ]
    for (value, name, _), column in zip(folder.listed(), pixels.T, strict=True):
        lines.append(
            f"{name:<22}{value:>9}{(column > 0).sum():>11}{column.sum():>11}"
            f"{column.min():>12.2f}{column.mean():>12.2f}{column.max():>12.2f}"
        )
    return "\n".join(lines) + "\n"


def _pixels(folder: EsriFolder) -> Any:
    """Return pixels (chips, listed classes)."""
    values = [value for value, _, _ in folder.listed()]
    return np.array(
        [[counts.get(value, 0) for value in values] for counts in folder.class_pixels], np.int64
    ).reshape(len(folder.class_pixels), len(values))


def _spread(numbers: Any) -> dict[str, float]:
    return {
        "Min": int(numbers.min()),
        "Max": int(numbers.max()),
        "Mean": float(numbers.mean()),
        "Sum": int(numbers.sum()),
        "Count": len(numbers),
    }


def _cell_size(grid: Grid) -> dict[str, Any]:
    width, height = grid.cell_size
    wkid = grid.crs.to_epsg()
    reference = {"wkid": wkid, "latestWkid": wkid} if wkid else {"wkt": grid.crs.to_wkt()}
    return {"x": width, "y": height, "spatialReference": reference}
