"""The whole of geocity on the sample data, start to end, with the reasons said aloud."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geocity
from geocity.core.progress import Progress, silent
from geocity.errors import InputError
from geocity.io.chip_options import ChipOptions
from geocity.io.staging import PathLike, fresh_output
from geocity.tools.evaluate import evaluate
from geocity.tools.export_chips import export_chips
from geocity.tools.map import map  # noqa: A004 - the command's name
from geocity.tools.show_chips import show_chips
from geocity.tools.train import train
from geocity.tools.train_options import TrainOptions

logger = logging.getLogger(__name__)

YEARS = (2015, 2025)

# Chosen by runs on two cores: the smallest network and the coarsest pixels that still tell the
# settlements from markets and workshops with the same colours, within the time people wait.
CHIPS = ChipOptions(
    chip_size=128, stride=64, cell_size_m=1.6, chips="all", class_field="code", seed=0
)
TRAINING = TrainOptions(encoder="resnet18", epochs=5, crop_size=128, batch_size=8, lr=3e-3)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What the demo made.

    Attributes:
        folder: all of it.
        contents: what lies in the folder and how to open it, by path relative to the folder.
        slum_iou: intersection over union of slum on blocks held out of training.
    """

    folder: Path
    contents: Mapping[str, str]
    slum_iou: float


def demo(
    out: PathLike = "geocity-demo", *, overwrite: bool = False, progress: Progress = silent
) -> Demonstration:
    """Run chips, training, evaluation and maps of two dates on the sample data, offline.

    Args:
        out: the folder to make.
        overwrite: replace it if it is there.
        progress: told how far each step is.

    Returns:
        The folder, its contents, and how well the slums of held-out blocks are found.

    Raises:
        InputError: if the sample data cannot be found.
        OutputExistsError: if the folder is there already.
    """
    sample = sample_data()
    folder = fresh_output(out, overwrite=overwrite)
    # No temporary name for the whole: results name the files they were made of, which must last.
    folder.mkdir(exist_ok=True)
    data = folder / "data"
    shutil.copytree(
        sample, data, ignore=shutil.ignore_patterns("*.py", "__pycache__"), dirs_exist_ok=overwrite
    )
    report = _learn(folder, data, overwrite, progress)
    _map(folder, data, overwrite, progress)
    iou = next(c["iou"] for c in report["classes"] if c["class"] == "slum")
    return Demonstration(folder, _contents(), float(iou or 0.0))


def sample_data() -> Path:
    """Return the folder of the sample data: beside the package in a checkout, else inside it.

    Raises:
        InputError: if it is in neither place.
    """
    package = Path(geocity.__file__).parent
    for folder in (package.parent / "sample_data", package / "sample_data"):
        if (folder / "scene_2025.tif").exists():
            return folder
    raise InputError(
        f"The sample data is neither beside nor inside {package}; install geocity again, or run "
        "the demo from a checkout."
    )


def _learn(folder: Path, data: Path, overwrite: bool, progress: Progress) -> Mapping[str, Any]:
    scenes = [data / f"scene_{year}.tif" for year in YEARS]
    outlines = [data / f"slums_{year}.gpkg" for year in YEARS]
    logger.info(
        "1/4  Chips: cutting both dates and their outlines into training samples. Training, "
        "validation and test lie blocks apart, so that the test is about places never seen."
    )
    chips = export_chips(
        scenes,
        labels=outlines,
        out=folder / "chips",
        options=CHIPS,
        overwrite=overwrite,
        progress=progress,
    )
    show_chips(chips, out=folder / "chips.png", overwrite=overwrite)
    logger.info(
        "2/4  Training: a U-Net from scratch. Colour alone cannot do it here: slum roofs share "
        "their colours with houses and workshops, so the network has to learn the texture."
    )
    model = train(
        chips,
        out=folder / "slums.geocity",
        options=TRAINING,
        overwrite=overwrite,
        progress=progress,
    )
    logger.info("3/4  Evaluation: on the test blocks, which the network has never seen.")
    found = evaluate(
        model, chips, out=folder / "evaluation", overwrite=overwrite, progress=progress
    )
    logger.info("%s", found.table)
    return found.report


def _map(folder: Path, data: Path, overwrite: bool, progress: Progress) -> None:
    logger.info(
        "4/4  Maps: both dates, classified in overlapping tiles that fade into each other, "
        "filtered, cleaned of specks, outlined, and put into a QGIS project."
    )
    map(
        [data / f"scene_{year}.tif" for year in YEARS],
        model=folder / "slums.geocity",
        out=folder / "map",
        overwrite=overwrite,
        progress=progress,
    )


def _contents() -> dict[str, str]:
    return {
        "map/map.qgz": "the map of both dates: open it in QGIS (3.22 or later)",
        "map/slums.gpkg": "slum outlines of both dates, styled, for QGIS and ArcGIS",
        "map": "also the class and probability rasters (cloud-optimised GeoTIFF)",
        "evaluation": "how good the model is on places it never saw: tables and figures",
        "slums.geocity": "the model: one file, with everything a scene must fulfil",
        "slums.training/curves.png": "how the training went",
        "chips": "the training samples; split.gpkg shows which place served what",
        "chips.png": "a few of them, with their labels",
        "data": "the sample scenes, outlines, wards and population",
    }
