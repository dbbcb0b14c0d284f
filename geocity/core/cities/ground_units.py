"""Which images show the same ground: the independent units of a split."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry.base import BaseGeometry

_SHARED = 1e-4
"""Share of the smaller footprint from which two images overlap; neighbours that touch do not."""


def overlapping_pairs(footprints: Sequence[BaseGeometry | None]) -> NDArray[np.int64]:
    """Return the pairs of images whose footprints overlap.

    Args:
        footprints: in one CRS; None where an image has none.

    Returns:
        (n, 2) positions, the smaller first.
    """
    shapes = np.array([f if f is not None else shapely.Polygon() for f in footprints], dtype=object)
    if len(shapes) == 0:
        return np.empty((0, 2), np.int64)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    once = first < second
    first, second = first[once], second[once]
    shared = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    smaller = np.minimum(shapely.area(shapes[first]), shapely.area(shapes[second]))
    real = shared > _SHARED * smaller
    return np.stack([first[real], second[real]], axis=1).astype(np.int64)


def ground_units(sites: Sequence[str], pairs: NDArray[np.int64]) -> list[str]:
    """Join images into units that no split may part.

    Images of one site are one unit. Sites whose images overlap on the ground are one too, and so
    are pictures of a place on several dates.

    Args:
        sites: the site of each image, ``city/site``.
        pairs: of images that overlap.

    Returns:
        The unit of each image: the name of its first site, in the order of texts.
    """
    names = sorted(set(sites))
    number = {name: index for index, name in enumerate(names)}
    site_of = np.array([number[site] for site in sites], dtype=np.int64)
    ends = site_of[pairs] if len(pairs) else np.empty((0, 2), np.int64)
    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(names),) * 2)
    _, group = connected_components(links, directed=False)
    first: dict[int, str] = {}
    for name, label in zip(names, group, strict=True):
        first.setdefault(int(label), name)
    return [first[int(group[site])] for site in site_of]


def place_names(images: pd.DataFrame) -> pd.Series:
    """Return the place that each image shows, by its name within the city.

    Args:
        images: one row an image, with ``unit`` (empty where nothing is said) and ``site``.
    """
    return images["unit"].where(images["unit"] != "", images["site"])


def place_numbers(images: pd.DataFrame) -> NDArray[np.int64]:
    """Number the places of all cities: images of one place share its number.

    Args:
        images: as for `place_names`, and ``city``.
    """
    keys = images["city"].astype(str) + "\n" + place_names(images).astype(str)
    return np.asarray(keys.factorize(sort=True)[0], np.int64)
