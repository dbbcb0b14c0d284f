"""Tiled TIFFs put together from tiles that are compressed already.

GDAL makes a cloud-optimised GeoTIFF by reading, shrinking and compressing a raster once more. Where
those who computed the pixels have compressed them too, in blocks that fit, only their bytes need to
be brought into the order of such a file: directories first, then the smallest overview, at last
the raster itself, each row by row. What the tags of the first directory say is left to GDAL.

The format: TIFF 6.0, BigTIFF, and https://gdal.org/drivers/raster/cog.html (the ghost area, and the
size before and the last bytes after each tile, which spare readers over a network a request).
"""

import itertools
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from geocity.errors import OutputError

_GHOST = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_LARGEST_CLASSIC = (1 << 32) - (1 << 20)
_AROUND = 4  # bytes before each tile, and after it

SHORT, LONG, LONG8 = 3, 4, 16
_TYPE_BYTES = {1: 1, 2: 1, SHORT: 2, LONG: 4, 5: 8, 7: 1, 11: 4, 12: 8, 13: 4, LONG8: 8}

_SUBFILE, _WIDTH, _HEIGHT, _COMPRESSION = 254, 256, 257, 259
_TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _SIZES = 322, 323, 324, 325
# Bits, photometric, samples, planes, predictor, colours, extra samples, sample format, nodata.
_ALSO_OF_OVERVIEWS = frozenset((258, _COMPRESSION, 262, 277, 284, 317, 320, 338, 339, 42113))

Value = tuple[int, bytes]
"""What a tag says: the TIFF type, and the values as little-endian bytes."""

Tags = Mapping[int, Value]


class Level(Protocol):
    """A raster or an overview of it, in compressed tiles."""

    @property
    def shape(self) -> tuple[int, int]:
        """Return (rows, cols) in pixels."""

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Return the bytes of every tile, row by row."""

    def stream(self) -> Iterator[bytes]:
        """Yield the tiles, row by row."""


@dataclass(frozen=True, slots=True)
class HeldTiles:
    """Tiles in memory.

    Attributes:
        shape: (rows, cols) in pixels.
        tiles: row by row.
    """

    shape: tuple[int, int]
    tiles: Sequence[bytes]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Return the bytes of every tile."""
        return np.array([len(tile) for tile in self.tiles], np.int64)

    def stream(self) -> Iterator[bytes]:
        """Yield the tiles."""
        yield from self.tiles


@dataclass(frozen=True, slots=True)
class FiledTiles:
    """Tiles in files.

    Attributes:
        shape: (rows, cols) in pixels.
        paths: the files.
        place: (tile rows, tile cols, 3) file of each tile, where it begins there, and its bytes.
    """

    shape: tuple[int, int]
    paths: Sequence[Path]
    place: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Return the bytes of every tile."""
        return self.place[..., 2].ravel()

    def stream(self) -> Iterator[bytes]:
        """Yield the tiles."""
        for row in range(len(self.place)):
            yield from self.row(row)

    def row(self, row: int) -> Iterator[bytes]:
        """Yield a row of tiles, each file being opened once."""
        for number, places in itertools.groupby(self.place[row].tolist(), key=lambda p: p[0]):
            with self.paths[number].open("rb") as file:
                for _, offset, size in places:
                    file.seek(offset)
                    tile = file.read(size)
                    if len(tile) < size:
                        raise _cut_short(self.paths[number])
                    yield tile


def _cut_short(path: Path) -> OutputError:
    return OutputError(f"{path} is cut short; run the same command again.")


def write_tiles(path: Path, tags: Tags, levels: Sequence[Level], side: int) -> None:
    """Write tiles as a cloud-optimised TIFF.

    Args:
        path: the file to write.
        tags: of the first directory; those about size, tiles and overviews are made here.
        levels: the raster and its overviews, from large to small.
        side: of a tile in pixels.

    Raises:
        OSError: if it cannot be written, a full disk included.
    """
    total = sum(int(level.sizes.sum()) + len(level.sizes) * (2 * _AROUND + 16) for level in levels)
    head = _Head(tags, levels, side, big=total > _LARGEST_CLASSIC)
    with path.open("wb") as file:
        file.write(head.packed())
        for level in reversed(levels):
            for tile in level.stream():
                file.write(struct.pack("<I", len(tile)) + tile + tile[-_AROUND:])


@dataclass(frozen=True, slots=True)
class Directory:
    """What a TIFF says of one of its rasters.

    Attributes:
        tags: all that it says.
        shape: (rows, cols) in pixels.
        places: (tiles, 2) where each tile begins and its bytes, row by row.
    """

    tags: Tags
    shape: tuple[int, int]
    places: NDArray[np.int64]


def read_directories(file: BinaryIO) -> list[Directory]:
    """Read the directories of a tiled little-endian TIFF.

    Raises:
        ValueError: if it is none.
    """
    head = file.read(16)
    if head[:4] not in (b"II*\0", b"II+\0") or len(head) < 8:
        raise ValueError("no little-endian TIFF")
    big = head[2:3] == b"+"
    at = struct.unpack("<Q", head[8:16])[0] if big else struct.unpack("<I", head[4:8])[0]
    found = []
    while at:
        tags, at = _read_tags(file, at, big)
        if _OFFSETS not in tags:
            raise ValueError("a TIFF without tiles")
        height, width, offsets, sizes = (
            np.frombuffer(data, f"<u{_TYPE_BYTES[kind]}").astype(np.int64)
            for kind, data in (tags[tag] for tag in (_HEIGHT, _WIDTH, _OFFSETS, _SIZES))
        )
        shape = (int(height[0]), int(width[0]))
        found.append(Directory(tags, shape, np.stack((offsets, sizes), axis=1)))
    return found


def _read_tags(file: BinaryIO, at: int, big: bool) -> tuple[dict[int, Value], int]:
    counter, entry, pointer = ("<Q", "<HHQ", "<Q") if big else ("<H", "<HHI", "<I")
    room = struct.calcsize(pointer)
    file.seek(at)
    count = struct.unpack(counter, file.read(struct.calcsize(counter)))[0]
    size = struct.calcsize(entry) + room
    read = file.read(count * size + room)
    tags: dict[int, Value] = {}
    for i in range(count):
        tag, kind, number = struct.unpack_from(entry, read, i * size)
        data, length = read[(i + 1) * size - room : (i + 1) * size], number * _TYPE_BYTES[kind]
        if length > room:
            file.seek(struct.unpack(pointer, data)[0])
            data = file.read(length)
        tags[tag] = kind, data[:length]
    return tags, struct.unpack(pointer, read[-room:])[0]


class _Head:
    """All of a file before its tiles."""

    def __init__(self, tags: Tags, levels: Sequence[Level], side: int, *, big: bool) -> None:
        self._big = big
        made = (_SUBFILE, _WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _SIZES)
        first = {tag: value for tag, value in tags.items() if tag not in made}
        further = {tag: value for tag, value in first.items() if tag in _ALSO_OF_OVERVIEWS}
        further[_SUBFILE] = LONG, struct.pack("<I", 1)
        self._levels = levels
        self._directories = [
            {**(further if number else first), **_tags_of(level, side)}
            for number, level in enumerate(levels)
        ]

    def packed(self) -> bytes:
        # Of the same length whatever the tiles' offsets are, which the length tells.
        at = len(self._joined([level.sizes for level in self._levels]))
        offsets: list[NDArray[np.int64]] = []
        for level in reversed(self._levels):
            ends = at + np.cumsum(level.sizes + 2 * _AROUND)
            offsets.insert(0, ends - level.sizes - _AROUND)
            at = int(ends[-1])
        return self._joined(offsets)

    def _joined(self, offsets: Sequence[NDArray[np.int64]]) -> bytes:
        ghost = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_GHOST) + _GHOST
        start = 16 if self._big else 8
        begin = start + len(ghost) + -(start + len(ghost)) % 8
        if self._big:
            joined = struct.pack("<4sHHQ", b"II+\0", 8, 0, begin)
        else:
            joined = struct.pack("<4sI", b"II*\0", begin)
        joined = (joined + ghost).ljust(begin, b"\0")
        kind, width = (LONG8, "<u8") if self._big else (LONG, "<u4")
        last = len(self._directories) - 1
        for number, (tags, places) in enumerate(zip(self._directories, offsets, strict=True)):
            told = {**tags, _OFFSETS: (kind, places.astype(width).tobytes())}
            joined += _directory(told, len(joined), big=self._big, last=number == last)
        return joined


def _tags_of(level: Level, side: int) -> dict[int, Value]:
    rows, cols = level.shape
    return {
        _WIDTH: (LONG, struct.pack("<I", cols)),
        _HEIGHT: (LONG, struct.pack("<I", rows)),
        _TILE_WIDTH: (SHORT, struct.pack("<H", side)),
        _TILE_HEIGHT: (SHORT, struct.pack("<H", side)),
        _SIZES: (LONG, level.sizes.astype("<u4").tobytes()),
    }


def _directory(tags: Tags, at: int, *, big: bool, last: bool) -> bytes:
    """Return a directory that lies at a place, with its values behind it."""
    counter, entry, pointer = ("<Q", "<HHQ", "<Q") if big else ("<H", "<HHI", "<I")
    room = struct.calcsize(pointer)
    length = struct.calcsize(counter) + len(tags) * (struct.calcsize(entry) + room) + room
    table, values = struct.pack(counter, len(tags)), b""
    behind = at + length + -(at + length) % 8
    for tag, (kind, data) in sorted(tags.items()):
        table += struct.pack(entry, tag, kind, len(data) // _TYPE_BYTES[kind])
        if len(data) <= room:
            table += data.ljust(room, b"\0")
        else:
            table += struct.pack(pointer, behind + len(values))
            values += data.ljust(len(data) + -len(data) % 8, b"\0")
    table += struct.pack(pointer, 0 if last else behind + len(values))
    return table.ljust(behind - at, b"\0") + values
