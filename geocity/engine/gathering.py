"""The stream of a span cut into its parts, each held until it is whole."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from geocity.core.grid import Window
from geocity.engine.plan import Part, span_window

# What waits beyond this is compressed, quickly: a broad span of several classes' probabilities
# would else take hundreds of megabytes.
_PLAIN_BYTES = 16 << 20
_LEVEL = 1

Packed = tuple[Window, NDArray[np.uint8] | bytes]


@dataclass
class _Layers:
    """What there is so far of one raster of a part."""

    count: int
    filled: int = 0
    pieces: list[Packed] = field(default_factory=list)

    @property
    def plain(self) -> int:
        return sum(held.nbytes for _, held in self.pieces if not isinstance(held, bytes))

    def joined(self, window: Window) -> NDArray[np.uint8]:
        values = np.empty((self.count, *window.shape), np.uint8)
        while self.pieces:
            place, held = self.pieces.pop()
            inside = place.shift(-window.row, -window.col)
            if isinstance(held, bytes):
                flat = np.frombuffer(zlib.decompress(held), np.uint8)
                held = flat.reshape(self.count, *place.shape)
            values[(slice(None), *inside.slices)] = held
        return values


class Gathering:
    """Holds the pixels of the parts of a span until every raster of a part is whole.

    Much that waits is compressed: memory grows with the width of a span only a little. A part's
    pixels do not depend on the order in which they come.

    Args:
        span: the parts.
        layers: the rasters of each part by name, with the number of their layers.
    """

    def __init__(self, span: Sequence[Part], layers: Mapping[str, int]) -> None:
        self._window = span_window(span)
        self._parts = {(part.row, part.col): part for part in span}
        self._first = span[0]
        self._layers = dict(layers)
        self._held: dict[Part, dict[str, _Layers]] = {}
        self._whole: list[Part] = []
        self._plain = 0  # bytes that wait as they are

    def add(self, name: str, values: NDArray[np.uint8], window: Window) -> None:
        """Take pixels, each once.

        Args:
            name: of the raster.
            values: (rows, cols), or (layers, rows, cols).
            window: where they lie, counted from the span's first pixel.
        """
        layers = values if values.ndim == 3 else values[None]
        placed = window.shift(self._window.row, self._window.col)
        for part in self._meeting(placed):
            common = part.window.intersect(placed)
            if common is None:
                continue
            if part not in self._held:
                self._held[part] = {name: _Layers(count) for name, count in self._layers.items()}
            held = self._held[part][name]
            cut = layers[(slice(None), *common.shift(-placed.row, -placed.col).slices)]
            held.pieces.append((common, self._packed(cut)))
            held.filled += common.rows * common.cols
            pixels = part.window.rows * part.window.cols
            if all(one.filled == pixels for one in self._held[part].values()):
                self._whole.append(part)

    def _packed(self, values: NDArray[np.uint8]) -> NDArray[np.uint8] | bytes:
        if self._plain + values.nbytes > _PLAIN_BYTES:
            return zlib.compress(values.tobytes(), _LEVEL)
        self._plain += values.nbytes
        return values.copy()

    def _meeting(self, window: Window) -> Iterator[Part]:
        first = self._first
        rows, cols = first.window.shape
        top, left = window.row - first.window.row, window.col - first.window.col
        for row in range(top // rows, -(-(top + window.rows) // rows)):
            for col in range(left // cols, -(-(left + window.cols) // cols)):
                yield self._parts[first.row + row, first.col + col]

    def whole(self) -> Iterator[tuple[Part, dict[str, NDArray[np.uint8]]]]:
        """Yield the parts that have become whole, and let go of them.

        Yields:
            The part and its rasters by name, each (layers, rows, cols).
        """
        while self._whole:
            part = self._whole.pop(0)
            held = self._held.pop(part)
            self._plain -= sum(layers.plain for layers in held.values())
            yield part, {name: layers.joined(part.window) for name, layers in held.items()}
