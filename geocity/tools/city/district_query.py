"""A district of a city folder, and the districts elsewhere that are most like it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocity.core.cities.even_draw import even_draw
from geocity.core.cities.look_alikes import like_districts
from geocity.core.cities.retrieval import Nearness
from geocity.errors import InputError
from geocity.io.cities.comparison_content import DistrictQuery
from geocity.io.cities.manifest import CityFolder
from geocity.io.cities.patch_places import patch_places
from geocity.tools.city.compare_options import CompareOptions
from geocity.tools.city.compared_patches import ComparedPatches

_QUERY_PATCHES = 200


@dataclass(frozen=True, eq=False)
class District:
    """A site or an image of a city folder.

    Attributes:
        name: its key.
        city: number of its city in the folder.
        rows: of the folder's patches.
        trained_on: whether any of them was in the training part.
    """

    name: str
    city: int
    rows: NDArray[np.int64]
    trained_on: bool


def find_district(folder: CityFolder, wanted: str, fold: int, seed: int) -> District:
    """Find a site (``city/site``) or an image (``city/site/stem``, or its file's name).

    Raises:
        InputError: if nothing, or more than one thing, is called so.
    """
    images, patches = folder.images, folder.patches
    keys = images["key"].astype(str)
    exact = keys == wanted
    if not exact.any():
        exact = keys.str.startswith(wanted.rstrip("/") + "/")
    if not exact.any():
        names = images["path"].astype(str).str.rsplit("/", n=1).str[-1]
        exact = (names == wanted) | (keys.str.rsplit("/", n=1).str[-1] == wanted)
        if exact.sum() > 1:
            raise InputError(
                f"{int(exact.sum())} images of {folder.path} are called {wanted}; say which, for "
                f"example {keys[exact].iloc[0]}."
            )
    of_it = np.isin(patches["image"].to_numpy(), np.flatnonzero(exact.to_numpy()))
    rows = np.flatnonzero(of_it & (patches["fold"] == fold).to_numpy())
    if not len(rows):
        raise InputError(
            f"{folder.path} has no patches of {wanted} in fold {fold}; name a site or an image by "
            f"its key, for example {keys.iloc[0].rsplit('/', 1)[0]} or {keys.iloc[0]}."
        )
    trained_on = bool((patches["part"].iloc[rows] == "train").any())
    image = patches["image"].to_numpy(np.int64)[rows]
    rows = rows[even_draw(image, _QUERY_PATCHES, np.random.default_rng(seed))]
    cities = set(patches["city"].iloc[rows].tolist())
    if len(cities) > 1:
        raise InputError(f"{wanted} is in {len(cities)} cities; name one site, as city/site.")
    return District(wanted, cities.pop(), rows, trained_on)


def query_districts(
    compared: ComparedPatches,
    district: District,
    embeddings: NDArray[np.float32],
    rows: NDArray[np.int64],
    options: CompareOptions,
) -> DistrictQuery:
    """Rank the districts of other cities by how much they are like one.

    Args:
        compared: the patches that may be found.
        district: what is asked for.
        embeddings: of the patches of `compared`, then of those of the district.
        rows: of the folder's patches, in the same order.
        options: how many districts, and what is near.
    """
    folder, number = compared.folder, len(compared.rows)
    asked = np.arange(number, len(rows))
    image = folder.patches["image"].to_numpy(np.int64)[rows]
    city = folder.patches["city"].to_numpy(np.int64)[rows]
    near = Nearness(np.arange(len(rows)), patch_places(folder, rows), options.near_m)
    allowed = (city != district.city) & ~near.near(asked).any(axis=0)
    allowed[number:] = False
    found = like_districts(embeddings, asked, image, allowed, options.nearest)
    keys = folder.images["key"]
    return DistrictQuery(
        asked=district.name,
        city=folder.cities[district.city].name,
        seen=district.trained_on,
        districts=found,
        names=[str(keys.iloc[like.district]) for like in found],
    )
