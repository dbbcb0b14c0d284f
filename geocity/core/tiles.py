"""Where the tiles of a scene lie: what each one reads, and what it keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

from geocity.core.grid import Window


class Tile(NamedTuple):
    """One piece of a scene that goes through a model.

    Attributes:
        read: the square the model sees, ``tile`` x ``tile`` pixels; it may reach outside the scene,
            where :mod:`geocity.core.padding` mirrors the pixels inside.
        keep: the pixels this tile answers for: the centre of ``read``, cut at the scene's end.
            The ``keep`` windows of a plan cover every pixel of the scene exactly once.
    """

    read: Window
    keep: Window


@dataclass(frozen=True)
class TilePlan(Sequence[Tile]):
    """The tiles of a scene, row by row from the top left; counted, not stored.

    Make one with :func:`plan_tiles`, which checks its numbers.

    Attributes:
        shape: (rows, cols) of the scene.
        tile: side of a tile in pixels.
        padding: pixels of context on each side of the kept centre.
    """

    shape: tuple[int, int]
    tile: int
    padding: int

    @property
    def stride(self) -> int:
        """Pixels from one tile to the next: the side of a kept centre."""
        return self.tile - 2 * self.padding

    @property
    def counts(self) -> tuple[int, int]:
        """Number of tile rows and tile columns."""
        rows, cols = self.shape
        return -(-rows // self.stride), -(-cols // self.stride)

    def at(self, row: int, col: int) -> Tile:
        """Return the tile in the given tile row and tile column."""
        top, left = row * self.stride, col * self.stride
        keep_rows = min(self.stride, self.shape[0] - top)
        keep_cols = min(self.stride, self.shape[1] - left)
        read = Window(top - self.padding, left - self.padding, self.tile, self.tile)
        return Tile(read, Window(top, left, keep_rows, keep_cols))

    def __len__(self) -> int:
        """Return the number of tiles."""
        rows, cols = self.counts
        return rows * cols

    @overload
    def __getitem__(self, index: int) -> Tile: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Tile]: ...

    def __getitem__(self, index: int | slice) -> Tile | Sequence[Tile]:
        """Return a tile (or the tiles of a slice) by its place in row-major order."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"tile {index} of {len(self)}")
        return self.at(*divmod(index % len(self), self.counts[1]))


def plan_tiles(shape: tuple[int, int], tile: int, padding: int) -> TilePlan:
    """Cut a scene into overlapping tiles on whole pixels, as ArcGIS's Classify Pixels does.

    Tiles stand ``tile - 2 * padding`` pixels apart, the first one's kept centre on the scene's top
    left pixel. There is never a row or column more than needed to cover the scene, and a scene
    smaller than a tile gets one tile whose ``read`` reaches outside on every side it must.

    Args:
        shape: (rows, cols) of the scene, both 1 or more.
        tile: side of a tile in pixels.
        padding: pixels of context around the kept centre, below half the tile.

    Returns:
        The tiles as a sequence that costs no memory, however large the scene.

    Raises:
        ValueError: if the shape is empty, or the padding leaves no centre to keep.

    Example:
        >>> plan = plan_tiles((300, 500), tile=256, padding=32)
        >>> plan.counts
        (2, 3)
        >>> plan[0].read
        Window(row=-32, col=-32, rows=256, cols=256)
        >>> plan[-1].keep
        Window(row=192, col=384, rows=108, cols=116)
    """
    if min(shape) < 1:
        raise ValueError(f"a scene of {shape[0]} x {shape[1]} pixels has no tiles")
    if padding < 0 or 2 * padding >= tile:
        raise ValueError(f"padding {padding} must be 0 or more and below half the tile ({tile})")
    return TilePlan((int(shape[0]), int(shape[1])), int(tile), int(padding))
