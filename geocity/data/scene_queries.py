"""Geographic queries, and which images and whole pixels they mean."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from geocity.core.grid import Grid, Window
from geocity.data.scene_headers import SceneImage

_ON_LATTICE = 0.01  # of a pixel


class ImageQuery(tuple[slice, slice, slice]):
    """A query [x, y, time] that names its image too: two images may lie under one tile.

    TorchGeo takes it for the plain tuple that it is.

    Attributes:
        image: position in `SceneDataset.images`; None where it is not named.

    Example:
        >>> query = ImageQuery((slice(0, 8), slice(0, 8), slice(None)), image=3)
        >>> len(query), query.image
        (3, 3)
    """

    image: int | None

    def __new__(cls, slices: tuple[slice, slice, slice], image: int | None = None) -> "ImageQuery":
        """Take three slices; the second argument names the image."""
        query = super().__new__(cls, slices)
        query.image = image
        return query


class Meeting(NamedTuple):
    """Where a query meets an image.

    Attributes:
        position: of the image in `SceneDataset.images`.
        image: the image.
        window: the whole pixels nearest to the query; it may reach outside.
        exact: whether the query lies on the image's pixels.
        pixels: how many of the window's pixels lie in the image.
    """

    position: int
    image: SceneImage
    window: Window
    exact: bool
    pixels: int


def meet(images: Sequence[SceneImage], position: int, x: slice, y: slice) -> Meeting:
    """Lay a box over an image."""
    image = images[position]
    return Meeting(position, image, *_window(image.grid, x, y))


def most_meant(met: Sequence[Meeting], query: Any, asked: "pd.Interval[Any]") -> Sequence[Meeting]:
    """Return those of several images that a query means by its time.

    Where it tells a time, those of exactly that time; else those with a date; scenes that do not
    say when they were taken meet every time, and count where no other does.

    Args:
        met: images that overlap in place and time.
        query: as it was given.
        asked: its time, all of time where it tells none.
    """
    told = isinstance(query, tuple) and len(query) == 3 and query[2] != slice(None)
    if not told:
        return met
    same = [m for m in met if m.image.time == asked]
    return same or [m for m in met if m.image.dated] or met


def _window(grid: Grid, x: slice, y: slice) -> tuple[Window, bool, int]:
    """Return the whole pixels of a box, whether it lies on them, and how many are in the grid."""
    inverse = ~grid.transform
    col, row = inverse @ (x.start, y.stop)
    end_col, end_row = inverse @ (x.stop, y.start)
    rows, cols = max(1, round(end_row - row)), max(1, round(end_col - col))
    window = Window(round(row), round(col), rows, cols)
    apart = max(
        abs(row - window.row),
        abs(col - window.col),
        abs(end_row - window.row_end),
        abs(end_col - window.col_end),
    )
    inside = window.intersect(grid.window)
    return window, apart <= _ON_LATTICE, inside.rows * inside.cols if inside else 0
