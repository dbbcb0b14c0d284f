"""Patches on a plane, and which of them to show as pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PlaneMap:
    """Patches on the plane of the two directions in which they differ most.

    Attributes:
        places: float64 (n, 2), centred on the mean.
        shares: of the whole variance, along each of the two directions; the rest is not seen.
        centre: (d,), what lies at the origin.
        axes: (d, 2), the directions.
    """

    places: FloatArray
    shares: tuple[float, float]
    centre: FloatArray
    axes: FloatArray

    def place(self, embeddings: NDArray[np.floating]) -> FloatArray:
        """Return where other patches lie on the same plane, (n, 2)."""
        return np.asarray((embeddings - self.centre) @ self.axes, np.float64)


def principal_plane(embeddings: NDArray[np.floating]) -> PlaneMap:
    """Lay patches on their first two principal components.

    A linear view without any chance in it: what is near in truth is near on the map, but what is
    near on the map may be far apart in the directions that are left out. The first component
    points to where its largest entry is positive, so that the map never flips.

    Args:
        embeddings: (n, d), at least one.

    Raises:
        ValueError: if there is no patch.
    """
    if not len(embeddings):
        raise ValueError("there is no patch to lay on a map")
    centre = embeddings.mean(axis=0, dtype=np.float64)
    centred = embeddings - centre
    values, vectors = np.linalg.eigh(centred.T @ centred)  # rising
    axes = np.zeros((embeddings.shape[1], 2))
    axes[:, : min(2, len(values))] = vectors[:, ::-1][:, :2]
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    whole = max(float(values.clip(0).sum()), 1e-300)
    first, second = (*values[::-1][:2].clip(0), 0.0)[:2]
    return PlaneMap(centred @ axes, (float(first) / whole, float(second) / whole), centre, axes)


def clear_of_each_other(places: FloatArray, width: float, height: float) -> FloatArray:
    """Move labels as little as it takes for none to cover another.

    Args:
        places: (n, 2), the middles of the labels, in the order of who may stay.
        width: of every label, in the unit of the places.
        height: of every label.

    Returns:
        (n, 2), where they can stand.
    """
    steps = np.arange(-8, 9)
    offsets = np.stack(np.meshgrid(steps * width / 2, steps * height / 2), axis=-1).reshape(-1, 2)
    offsets = offsets[np.argsort(np.linalg.norm(offsets, axis=1), kind="stable")]
    stand = np.zeros((0, 2))
    for place in places:
        tried = place + offsets  # the place itself first
        apart = np.abs(tried[:, None] - stand) >= np.array([width, height]) * (1 - 1e-9)
        free = apart.any(axis=2).all(axis=1)
        stand = np.vstack([stand, tried[free.argmax()]])
    return stand


def spread_out(places: FloatArray, cells: int) -> IntArray:
    """Choose patches that cover a map evenly, one in each square of a lattice.

    Args:
        places: (n, 2).
        cells: squares along the longer side of the map.

    Returns:
        The patch nearest the middle of each square that holds any, in reading order.
    """
    low = places.min(axis=0)
    side = max(float((places.max(axis=0) - low).max()), 1e-12) / cells
    cell = np.minimum((places - low) // side, cells - 1).astype(np.int64)
    off = np.linalg.norm((places - low) / side - cell - 0.5, axis=1)
    order = np.lexsort((off, cell[:, 0], -cell[:, 1]))
    key = cell[order] @ np.array([1, cells])
    return np.asarray(order[np.flatnonzero(np.diff(key, prepend=-1))])
