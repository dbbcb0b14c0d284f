"""Name the city of any image, and map a georeferenced one."""

import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geocity
from geocity.core.cities.city_calibration import CityCalibration
from geocity.core.cities.city_classes import MOST_CITIES, city_classes
from geocity.core.cities.contract import CityContract
from geocity.core.cities.identification import Answer
from geocity.core.cities.patch_cover import cell_shape
from geocity.core.cities.patch_grid import patch_side, patch_stride
from geocity.core.progress import Progress, silent
from geocity.errors import InputError, ModelError
from geocity.io.cities.city_maps import MapPlan
from geocity.io.cities.packages import CityPackage, read_city_package
from geocity.io.cities.pictures import Picture, open_picture
from geocity.io.gdal_cache import cache_bytes, limited_cache
from geocity.io.history import with_step
from geocity.io.staging import PathLike, staged_directory
from geocity.tools.city.identify_image import Cut, ImageRun
from geocity.tools.city.identify_options import IdentifyOptions

if TYPE_CHECKING:
    from geocity.models.cities.inference import CityModel

logger = logging.getLogger(__name__)

ANSWERS_JSON = "answers.json"

_COARSE = 2.0
"""Images this much coarser than those of training lack what the model looks at."""
_LARGEST_PATCH_PX = 8192
"""A patch is held whole; nobody's training images are a thousand times coarser."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What was said of some images.

    Attributes:
        answers: one an image, in the order given.
        folder: the folder of answers and maps; None where none was asked for.
    """

    answers: tuple[Answer, ...]
    folder: Path | None

    def plain(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {"answers": [answer.plain() for answer in self.answers]}


def identify(
    images: Sequence[PathLike] | PathLike,
    *,
    model: PathLike,
    out: PathLike | None = None,
    options: IdentifyOptions | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Identification:
    """Name the city of images by the vote of their patches.

    An image may have any size. Patches cover it to its last pixel; one that is smaller than a patch
    is mirrored at its edges. With a model that `evaluate` calibrated, probabilities mean what they
    say, a set of cities holds the truth as often as promised, and a city that the model never saw
    is called unknown. Without, only the order of the cities can be trusted, and the answer says so.

    With a folder `out`, the answers go to ``answers.json``, and a georeferenced image gets a map:
    ``city.tif``, ``probability.tif``, ``entropy.tif``, with `like` also ``like_CODE.tif`` ("where
    does this look like that city"), one cell a step of the patches, and ``patches.gpkg``.

    Args:
        images: one or several; 8-bit, colour or grey.
        model: a city model.
        out: the folder to write; without it nothing is written.
        options: how.
        overwrite: replace the folder.
        progress: told how far the work is.

    Returns:
        The answers.

    Raises:
        InputError: if an image cannot be read, or an option does not fit.
        ModelError: if the model file cannot be used.
        OutputExistsError: if the folder is there already.
    """
    options = options or IdentifyOptions()
    paths = [images] if not isinstance(images, Sequence) or isinstance(images, str) else images
    package = read_city_package(model)
    calibration = _calibration(package)
    _check(options, package.contract, calibration, paths, out)
    with contextlib.ExitStack() as stack:
        stage = None
        if out is not None:
            stage = stack.enter_context(staged_directory(out, overwrite=overwrite))
        pictures = [stack.enter_context(open_picture(path)) for path in paths]
        cuts = [_cut(picture, package.contract, options) for picture in pictures]
        from geocity.models.cities.inference import load_city_model

        network = load_city_model(package.path, device=options.device)
        work = _Work(package, network, calibration, options, progress)
        answers = []
        names = _folder_names(paths)
        for picture, cut, name in zip(pictures, cuts, names, strict=True):
            answers.append(work.answer(picture, cut, None if stage is None else stage / name))
        result = Identification(tuple(answers), None if out is None else Path(out))
        if stage is not None:
            text = json.dumps(result.plain(), indent=2, ensure_ascii=False)
            (stage / ANSWERS_JSON).write_text(text + "\n", encoding="utf-8")
    return result


@dataclass(frozen=True, eq=False)
class _Work:
    """What all images share."""

    package: CityPackage
    model: "CityModel"
    calibration: CityCalibration | None
    options: IdentifyOptions
    progress: Progress

    def answer(self, picture: Picture, cut: Cut, folder: Path | None) -> Answer:
        name = Path(picture.path).name
        run = ImageRun(self.model, picture, name, cut, self.calibration)
        how: dict[str, Any] = {"batch_size": self.options.batch_size, "progress": self.progress}
        if picture.scene is None:
            return run.answer(**how)
        with limited_cache(cache_bytes(picture.scene, cut.side)):
            if folder is None:
                return run.answer(**how)
            folder.mkdir()
            return run.answer_with_map(self._plan(picture, cut, folder), **how)

    def _plan(self, picture: Picture, cut: Cut, folder: Path) -> MapPlan:
        contract = self.package.contract
        if picture.grid is None:
            raise ValueError("an image without a place has no map")
        shape = cell_shape(picture.shape, cut.stride)
        return MapPlan(
            folder=folder,
            grid=picture.grid.coarser(cut.stride, shape),
            classes=city_classes(contract.names, with_unknown=self.calibration is not None),
            like=self.options.like,
            title=f"Cities of {Path(picture.path).name}",
            tags=self._tags(picture, cut),
        )

    def _tags(self, picture: Picture, cut: Cut) -> Mapping[str, str]:
        source, model = Path(picture.path).name, self.package.path.name
        told = {"overlap": self.options.overlap, "patch_px": cut.side, "stride_px": cut.stride}
        tags = {
            **picture.tags,
            "GEOCITY_SOURCE": source,
            "GEOCITY_MODEL": model,
            "GEOCITY_MODEL_SHA256": self.package.contract.weights_sha256,
            "GEOCITY_OPTIONS": json.dumps(told, sort_keys=True),
            "GEOCITY_VERSION": geocity.__version__,
        }
        identity = self.package.contract.model_id
        return with_step(tags, f"city identify: {source} with {model} ({identity})")


def _calibration(package: CityPackage) -> CityCalibration | None:
    contract = package.contract
    if not contract.calibration:
        logger.warning(
            "%s is not calibrated: trust the order of the cities, not the probabilities, and know "
            "that it never says unknown (geocity city evaluate --write-calibrated).",
            package.path.name,
        )
        return None
    try:
        calibration = CityCalibration.from_plain(contract.calibration)
    except ValueError as error:
        raise ModelError(f"{package.path}: {error}; calibrate the model again") from error
    if len(calibration.means) not in (0, len(contract.cities)):
        raise ModelError(f"{package.path}: it was calibrated for other cities; calibrate it again")
    return calibration


def _check(
    options: IdentifyOptions,
    contract: CityContract,
    calibration: CityCalibration | None,
    paths: Sequence[PathLike],
    out: PathLike | None,
) -> None:
    if not paths:
        raise InputError("There is no image; name one or more.")
    if out is not None and len(contract.cities) > MOST_CITIES:
        raise InputError(
            f"A map has room for {MOST_CITIES} cities and the model knows {len(contract.cities)}; "
            "leave out --out for the answers alone."
        )
    if options.like is not None:
        _check_like(options.like, contract, calibration, out)


def _check_like(
    like: str, contract: CityContract, calibration: CityCalibration | None, out: PathLike | None
) -> None:
    if like not in contract.codes:
        raise InputError(f"The model has no city {like!r}; it has {', '.join(contract.codes)}.")
    if out is None:
        raise InputError("--like makes a map; say with --out where to write it.")
    if calibration is None or not calibration.means:
        raise InputError(
            "--like needs the mean embedding of each city, which only a calibrated model carries; "
            "make one with geocity city evaluate --write-calibrated."
        )


def _cut(picture: Picture, contract: CityContract, options: IdentifyOptions) -> Cut:
    """Decide how large a patch is in pixels of the image: the same ground as in training."""
    name = Path(picture.path).name
    cell_m = picture.cell_size_m
    if cell_m is None:
        cell_m = options.cell_size_m or contract.cell_size_m
        if options.cell_size_m is None and cell_m is not None:
            logger.info(
                "%s does not say how large its pixels are; %.3g m are taken, as in training "
                "(--cell-size says otherwise). No map can be made of it.",
                name,
                cell_m,
            )
    if contract.patch_m is None or cell_m is None:
        side = contract.input_px
    else:
        side = patch_side(contract.patch_m, cell_m)
        if side > _LARGEST_PATCH_PX:
            raise InputError(
                f"{name} has pixels of {cell_m:.3g} m, so that a patch of {contract.patch_m:g} m, "
                f"as in training, has a side of {side} pixels; check where it lies and how large "
                "its pixels are."
            )
    trained_m = contract.cell_size_m
    if trained_m is not None and cell_m is not None and cell_m > _COARSE * trained_m:
        logger.warning(
            "%s has pixels of %.3g m and the model was trained on %.3g m: what it looks at may not "
            "be visible.",
            name,
            cell_m,
            trained_m,
        )
    if side > min(picture.shape):
        logger.warning(
            "%s is %d x %d pixels, smaller than a patch of %d; it is mirrored at its edges.",
            name,
            *picture.shape,
            side,
        )
    return Cut.of(picture.shape, side, patch_stride(side, options.overlap))


def _folder_names(paths: Sequence[PathLike]) -> list[str]:
    """Return a folder name for each image; equal names get numbers."""
    names: list[str] = []
    for path in paths:
        name, number = Path(path).stem, 2
        while name.casefold() in {n.casefold() for n in names} | {"answers.json"}:
            name, number = f"{Path(path).stem}_{number}", number + 1
        names.append(name)
    return names
