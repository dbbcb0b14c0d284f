"""Which patches of a city folder are compared, and what a model sees in them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.even_draw import even_draw
from geocity.core.cities.ground_units import place_numbers
from geocity.core.cities.similarity import CityPatches
from geocity.core.progress import Progress
from geocity.errors import GridMismatchError, InputError
from geocity.io.cities.manifest import City, CityFolder
from geocity.io.cities.patch_places import patch_places
from geocity.tools.city.city_parts import told_parts
from geocity.tools.city.compare_options import CompareOptions

if TYPE_CHECKING:
    from geocity.models.cities.inference import CityModel

logger = logging.getLogger(__name__)

_THUMBNAIL_PX = 96
# Ground that differs by more than this in size is another subject for a network.
_SIZE_TOLERANCE = 0.1


@dataclass(frozen=True, eq=False)
class ComparedPatches:
    """Patches of a city folder.

    Attributes:
        folder: where they come from.
        rows: of `folder.patches`, cities and sites in order.
        cities: of the folder that have such patches.
        site: int64 (n,), the site of each patch.
        city_of_site: int64 (sites,), position in `cities`.
    """

    folder: CityFolder
    rows: NDArray[np.int64]
    cities: tuple[City, ...]
    site: NDArray[np.int64]
    city_of_site: NDArray[np.int64]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the cities' names, with the code where two share a name."""
        names = [city.name for city in self.cities]
        return tuple(
            city.name if names.count(city.name) == 1 else f"{city.name} ({city.code})"
            for city in self.cities
        )

    def seen_by(self, embeddings: NDArray[np.float32]) -> CityPatches:
        """Return the patches with what a model sees in them."""
        places = patch_places(self.folder, self.rows)
        return CityPatches(embeddings, self.site, self.city_of_site, places)


def patch_keys(folder: CityFolder, rows: NDArray[np.int64]) -> list[str]:
    """Return what patches are called: the image's key, and row and column where it has several."""
    patches = folder.patches
    chosen = patches.iloc[rows]
    places = patches.groupby("image")[["row", "col"]].nunique().max(axis=1)
    names = folder.images["key"]
    return [
        f"{names.iloc[image]} ({row}, {col})" if places[image] > 1 else str(names.iloc[image])
        for image, row, col in zip(chosen["image"], chosen["row"], chosen["col"], strict=True)
    ]


def choose_patches(folder: CityFolder, options: CompareOptions, fold: int) -> ComparedPatches:
    """Choose the patches of a comparison.

    Args:
        folder: the city folder.
        options: the part, and how many patches a city.
        fold: of the split.

    Raises:
        InputError: if the part is empty.
    """
    patches = folder.patches
    here = (patches["fold"] == fold).to_numpy()
    if options.split != "all":
        here = here & (patches["part"] == options.split).to_numpy()
    rows = np.flatnonzero(here)
    if not len(rows):
        raise InputError(
            f"{folder.path} has no {options.split} patches in fold {fold} "
            f"({told_parts(folder, fold)}); choose another part with --split, or --split all."
        )
    city = patches["city"].to_numpy(np.int64)[rows]
    place = place_numbers(folder.images)[patches["image"].to_numpy(np.int64)[rows]]
    rng = np.random.default_rng(options.seed)
    kept = np.concatenate(
        [
            members[even_draw(place[members], options.patches, rng)]
            for members in (np.flatnonzero(city == number) for number in np.unique(city))
        ]
    )
    # Sites rise with their cities: the place's number alone does not promise that.
    pairs, site = np.unique(np.stack([city[kept], place[kept]]), axis=1, return_inverse=True)
    present, city_of_site = np.unique(pairs[0], return_inverse=True)
    missing = [c.name for n, c in enumerate(folder.cities) if n not in present]
    if missing:
        logger.warning("%s: no %s patches, so not compared.", ", ".join(missing), options.split)
    cities = tuple(folder.cities[number] for number in present)
    return ComparedPatches(folder, rows[kept], cities, site.reshape(-1), city_of_site)


def refuse_other_ground(model: "CityModel", folder: CityFolder) -> None:
    """Refuse patches whose size on the ground is not that of the model's.

    Raises:
        GridMismatchError: saying both sizes.
    """
    wanted, found = model.contract.patch_m, folder.patch_m
    if wanted and found and abs(found / wanted - 1) > _SIZE_TOLERANCE:
        raise GridMismatchError(
            f"The patches of {folder.path} are {found:g} m wide and the model was trained on "
            f"{wanted:g} m; prepare the cities again with patches of that size."
        )


def look(
    model: "CityModel",
    folder: CityFolder,
    rows: NDArray[np.int64],
    batch_size: int,
    progress: Progress,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the logits and the embeddings of patches, in their order."""
    from geocity.data.cities.patches import CityPatchDataset
    from geocity.models.cities.inference import predict_patches

    # Patches are read fastest image by image.
    order = np.argsort(folder.patches["image"].to_numpy()[rows], kind="stable")
    dataset = CityPatchDataset(folder, rows[order].tolist(), side_px=model.contract.input_px)
    seen = predict_patches(model, dataset, batch_size=batch_size, progress=progress)
    back = np.argsort(order)
    return seen.logits[back], seen.embeddings[back]


def _thumbnails(folder: CityFolder, rows: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
    from geocity.data.cities.patches import CityPatchDataset

    dataset = CityPatchDataset(folder, rows.tolist(), side_px=_THUMBNAIL_PX)
    pictures: list[NDArray[np.uint8]] = []
    for index in range(len(dataset)):
        pixels = dataset[index]["image"].numpy()
        pictures.append(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    return pictures


@dataclass(frozen=True, eq=False)
class PatchSources:
    """Patches of several folders under one numbering.

    Attributes:
        folders: each with its rows, which are numbered on from folder to folder.
    """

    folders: Sequence[tuple[CityFolder, NDArray[np.int64]]]

    def keys(self) -> list[str]:
        """Return what every patch is called."""
        return [key for folder, rows in self.folders for key in patch_keys(folder, rows)]

    def pictures(self, wanted: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
        """Return small pictures of some patches, uint8 (3, side, side), by number."""
        result: dict[int, NDArray[np.uint8]] = {}
        chosen, start = np.unique(np.asarray(wanted, np.int64)), 0
        for folder, rows in self.folders:
            here = chosen[(chosen >= start) & (chosen < start + len(rows))]
            result.update(zip(here.tolist(), _thumbnails(folder, rows[here - start]), strict=True))
            start += len(rows)
        return result
