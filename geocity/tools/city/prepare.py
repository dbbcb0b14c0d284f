"""Make a city folder of images as they come: patches, parts, footprints."""

import dataclasses
import logging
from pathlib import Path

from geocity.core.cities.city_split import SAME_DATE
from geocity.core.progress import Progress, silent
from geocity.core.split import PARTS
from geocity.errors import InputError
from geocity.io.cities.footprints import write_footprints
from geocity.io.cities.image_scan import scan_images
from geocity.io.cities.manifest import CityFolder, portable, write_tables
from geocity.io.cities.raw_folder import find_images
from geocity.io.staging import PathLike, fresh_output, staged_directory
from geocity.tools.city.image_table import cities_of, image_table
from geocity.tools.city.patch_files import write_patch_files
from geocity.tools.city.patch_table import patch_table
from geocity.tools.city.prepare_options import PrepareOptions

logger = logging.getLogger(__name__)


def prepare(
    raw: PathLike,
    *,
    out: PathLike,
    options: PrepareOptions | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Cut the images of cities into patches and say what each patch is for.

    No pixels are copied: the folder holds tables, and patches are cut from the images where they
    lie. Only headers and ends of files are read, so memory does not grow with the images. A run
    that was stopped goes on where it was.

    Args:
        raw: folder of city folders with sites of images, or a zip of it; DL-SLICER's download as
            it comes.
        out: the city folder to make.
        options: size of patches, split, tables; see `PrepareOptions`.
        overwrite: replace what is there.
        progress: told how many images were looked at.

    Returns:
        The path of the city folder.

    Raises:
        InputError: if the images do not allow what was asked for.
        OutputExistsError: if the result is there already.
    """
    options = options or PrepareOptions()
    if options.write_patches and options.folds > 1:
        raise InputError(
            f"Patches were to be written for {options.folds} folds, but a file lies in one part "
            "only; leave folds out, or do not write patches."
        )
    path = fresh_output(out, overwrite=overwrite)
    found = find_images(Path(raw), options.layout)
    cities = cities_of(found)
    logger.info("%d images of %d cities.", len(found), len(cities))
    cache = path.with_name(f".{path.name}.scan.jsonl")
    findings = scan_images(
        [image.path for image in found], full=options.check == "full", cache=cache,
        progress=progress,
    )  # fmt: skip
    images = image_table(found, findings, options)
    images["path"] = [portable(str(image), path) for image in images["path"]]
    patches, split = patch_table(images, list(cities.values()), options)
    split["options"] = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in dataclasses.asdict(options).items()
    }
    if options.patch_px is not None:
        patch_m = options.patch_px * float(images.loc[~images["broken"], "cell_size_m"].iloc[0])
    else:
        patch_m = options.patch_m
    folder = CityFolder(path, tuple(cities.values()), images, patches, patch_m, split)
    with staged_directory(path, overwrite=overwrite) as stage:
        write_tables(stage, folder)
        write_footprints(folder, stage / "footprints.gpkg")
        if options.write_patches:
            write_patch_files(folder, stage / "patches", progress)
    cache.unlink(missing_ok=True)
    _tell(folder)
    return path


def _tell(folder: CityFolder) -> None:
    counts, units = folder.split["counts"]["0"], folder.split["units"]["0"]
    for city in folder.cities:
        told = ", ".join(
            f"{part} {counts[city.code][part]:,} from {units[city.code][part]}"
            for part in (*PARTS, SAME_DATE)
            if part in counts[city.code]
        )
        logger.info("%s: patches and places: %s.", city.name, told)
    tests = [units[city.code]["test"] for city in folder.cities]
    logger.info(
        "The test rests on %d independent places in %d cities, however many patches they give.",
        sum(tests),
        len(tests),
    )
